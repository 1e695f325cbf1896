"""The conformance kit for stores: what every store must do.

```python
await check_store(lambda: Acme(Acme.Config()))
```

Every check starts a store of its own, and uses tenants that nobody else has; so a store may keep
other things meanwhile, and keep what earlier checks left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence

from ..contract.store import Store
from . import storing
from .findings import Breach, ContractBroken, Finding, line, told

STORE_CHECKS: dict[str, Callable[[storing.Trial], Awaitable[None]]] = {
    "records": storing.records,
    "names": storing.names,
    "apart": storing.apart,
    "expiry": storing.expiry,
    "together": storing.together,
    "swapping": storing.swapping,
    "racing": storing.racing,
    "deleting": storing.deleting,
    "listing": storing.listing,
    "pages": storing.pages,
    "life": storing.life,
}


PATIENCE = 60.0  # seconds after which a check counts as hanging


async def check_store(
    make: Callable[[], Store], *, only: Collection[str] | None = None, patience: float = PATIENCE
) -> None:
    """Run the checks, or `only` those named; raises `ContractBroken` with every finding.

    `make` gives a store that is not started; all that it makes may keep their records in one place.
    `patience` is how many seconds one check may take before that is a finding.
    """
    unknown = set(only or ()) - set(STORE_CHECKS)
    if unknown:
        raise ValueError(f"there is no check {min(unknown)!r}; there are {sorted(STORE_CHECKS)}")
    findings = [
        finding
        for name in STORE_CHECKS
        if only is None or name in only
        for finding in await _findings(name, make(), patience)
    ]
    if findings:
        raise ContractBroken(make().type, findings, what="store")


async def _findings(name: str, store: Store, patience: float) -> Sequence[Finding]:
    check = STORE_CHECKS[name]
    rule = check.__doc__ or ""
    try:
        async with asyncio.timeout(patience):
            await store.start()
            try:
                await check(storing.Trial(store))
            finally:
                await store.stop()
    except Breach as breach:
        return [Finding(name, breach.seen, breach.rule)]
    except TimeoutError:
        return [Finding(name, f"it did not end within {patience:g} seconds", rule)]
    except Exception as error:
        return [Finding(name, f"{told(error)} at {line(error)}", rule)]
    return []
