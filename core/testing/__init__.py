"""The conformance kit: what every provider must do, as checks against anybody's provider.

```python
await check_provider(Acme("acme", Acme.Config()))
```

or, in a test, once for each check (the pytest plugin brings the argument):

```python
def test_contract(provider_check):
    provider_check(Acme("acme", Acme.Config()))
```
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .findings import ContractBroken, Finding
    from .kit import CHECKS, Check, ProviderCheck, check_provider

__all__ = ["CHECKS", "Check", "ContractBroken", "Finding", "ProviderCheck", "check_provider"]

_HOMES = {
    "CHECKS": "kit",
    "Check": "kit",
    "ContractBroken": "findings",
    "Finding": "findings",
    "ProviderCheck": "kit",
    "check_provider": "kit",
}


def __getattr__(name: str) -> object:
    # Every run of pytest in this environment imports the package, and few need the kit.
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
