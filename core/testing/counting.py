"""The check of token counts."""

from __future__ import annotations

from dataclasses import replace

from ..canon import ir
from ..contract.provider import TokenCount
from .battery import user
from .bench import Bench
from .findings import Breach

MORE = "Tell me about all of these at length: " + "rain, wind, snow, " * 40

COUNTING = "count_tokens gives a positive number of tokens"
SAME = "the same request counts the same"
LONGER = "a longer request counts more"
AGREEING = "an exact count is what the answer's usage says of its input"


async def token_counts(bench: Bench) -> None:
    """Counts are positive, always the same, grow with the request, and agree with the usage."""
    async with bench.running():
        plain = bench.plain
        longer = replace(plain, turns=(*plain.turns, user(MORE)))
        count, again, more = [await _count(bench, each) for each in (plain, plain, longer)]
        if count.input != again.input:
            bench.saw(f"a request counts {count.input} and then {again.input}", SAME)
        if more.input <= count.input:
            seen = f"a request counts {count.input}, and {more.input} with {len(MORE)} characters"
            bench.saw(f"{seen} more", LONGER)
        if not count.estimated:
            await _agrees(bench, count)


async def _count(bench: Bench, request: ir.Request) -> TokenCount:
    count = await bench.within(bench.provider.count_tokens(request), "count_tokens()", COUNTING)
    if not isinstance(count, TokenCount):
        raise Breach(f"count_tokens() gave {count!r:.80}", "count_tokens gives a TokenCount")
    if type(count.input) is not int or count.input < 1:
        raise Breach(f"count_tokens() gave {count.input!r}", COUNTING)
    return count


async def _agrees(bench: Bench, count: TokenCount) -> None:
    for event in (await bench.answer()).events:
        usage = event.usage if isinstance(event, ir.Started | ir.Finished) else None
        if usage is not None and not usage.estimated and usage.input != count.input:
            name = type(event).__name__
            seen = f"count_tokens() gave {count.input}, and {name} has usage.input={usage.input}"
            bench.saw(seen, AGREEING)
