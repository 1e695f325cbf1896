"""The conformance kit: what every provider must do, as checks against anybody's provider.

```python
await check_provider(Acme("acme", Acme.Config()))
```

or, in a test, once for each check (the pytest plugin brings the argument):

```python
def test_contract(provider_check):
    provider_check(Acme("acme", Acme.Config()))
```

A store has a kit of its own, `check_store`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .findings import ContractBroken, Finding
    from .kit import CHECKS, Check, ProviderCheck, check_provider
    from .stores import STORE_CHECKS, check_store

__all__ = [
    "CHECKS",
    "STORE_CHECKS",
    "Check",
    "ContractBroken",
    "Finding",
    "ProviderCheck",
    "check_provider",
    "check_store",
]

_HOMES = {
    "CHECKS": "kit",
    "STORE_CHECKS": "stores",
    "Check": "kit",
    "ContractBroken": "findings",
    "Finding": "findings",
    "ProviderCheck": "kit",
    "check_provider": "kit",
    "check_store": "stores",
}


def __getattr__(name: str) -> object:
    # Every run of pytest in this environment imports the package, and few need the kit.
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
