"""The check that a provider leaves the event loop to others while it works."""

from __future__ import annotations

from contextlib import suppress

from .bench import Bench
from .findings import Breach
from .watching import watching

TURNING = "nothing on the event loop waits for a clock, a server or an engine but with await"


async def blocking(bench: Bench) -> None:
    """No call keeps the event loop from turning; work that takes long is on another thread."""
    async with bench.started():  # nobody waits for the loop while a provider loads
        with watching() as seen:
            await bench.answered()
            with suppress(Breach):  # which is another check's matter
                await bench.within(bench.provider.count_tokens(bench.plain), "count_tokens()")
        for what in seen:
            bench.saw(what, TURNING)
