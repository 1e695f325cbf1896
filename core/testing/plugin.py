"""The pytest plugin: a test with the argument `provider_check` runs once for each check.

```python
def test_contract(provider_check):
    provider_check(Acme("acme", Acme.Config()))
```

pytest loads this module wherever polystack is installed, so it imports nothing until a test asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .kit import Check, ProviderCheck, Subject

ARGUMENT = "provider_check"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if ARGUMENT in metafunc.fixturenames:
        from .kit import CHECKS

        metafunc.parametrize(ARGUMENT, CHECKS, ids=[check.name for check in CHECKS], indirect=True)


@pytest.fixture
def provider_check(request: pytest.FixtureRequest) -> ProviderCheck:
    """Run one check against a provider, with the arguments of `check_provider` but `only`.

    A check that cannot look, since what another one is there for is broken already, is skipped.
    """
    from .alone import run
    from .findings import ContractBroken
    from .kit import made, perform

    check: Check = request.param

    def checked(provider: Subject, **settings: Any) -> None:
        __tracebackhide__ = True
        subject = made(provider)
        outcome = run(perform(check, subject, **settings))
        if outcome.findings:
            raise ContractBroken(subject.name, outcome.findings)
        if outcome.unchecked is not None:
            pytest.skip(f"unchecked: {outcome.unchecked}")

    return checked
