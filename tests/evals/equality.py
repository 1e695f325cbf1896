"""Greedy answers are the same however the engine came to them.

Alone in a fresh engine; in a batch with others that come and go; with the prompt in memory, or
restored from a folder; and on the other engine with the same f16 weights. With a seed, answers that
are drawn are the same alone and in a batch. Where two answers part, the logits of the two tokens
must be so near that the order of additions decides: those are told.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from tempfile import TemporaryDirectory

from engines import ENDLESS, ask, running

from polystack.core import ir
from polystack.core.runtime.plugins import Plugins
from polystack.providers.llamacpp.native import Context, Model, Span, Vocabulary, library
from polystack.providers.local.config import BUILTIN
from polystack.providers.local.provider import Local

from . import half
from .prompts import CASES, request
from .tally import Tally
from .watching import Said, said, watched

TINY = "builtin:tiny"
RESTORED = 80  # tokens of a prompt that is surely restored
NEAR = 1e-3  # between two logits
SLOTS = 16
COLD = {"llamacpp": {}, "mlx": {"cache_memory": 0}}


async def evaluate(engine: str, every: int) -> list[Tally]:
    """Of every so many prompts one."""
    requests = [request(case) for case in CASES[every // 2 :: every]]
    drawn = [
        request(case, temperature=0.8, seed=i) for i, case in enumerate(CASES[every // 2 :: every])
    ]
    with watched():
        expected = await _alone(engine, requests)
        found = {
            "in a batch": (expected, await _together(engine, requests)),
            "from memory": (expected, await _remembered(engine, requests)),
            "in a batch, with a seed": (
                await _alone(engine, drawn),
                await _together(engine, drawn),
            ),
        }
        if "cache_dir" in Plugins().provider(engine).Config.model_fields:
            found["restored"] = expected, await _restored(engine, requests)
        tallies = [
            _compared(f"{engine}, alone and {name}", BUILTIN[TINY], *pair)
            for name, pair in found.items()
        ]
        return [*tallies, await _engines(requests)] if engine == "mlx" else tallies


async def _engines(requests: Sequence[ir.Request]) -> Tally:
    """Both with the same f16 weights."""
    with TemporaryDirectory() as name:
        weights = half.gguf(Path(name) / "tiny.gguf")
        folder = half.folder(Path(name) / "tiny", weights)
        one = await _alone("llamacpp", requests, str(weights))
        other = await _alone("mlx", requests, str(folder))
        return _compared("mlx and llamacpp, f16", weights, one, other)


async def _alone(engine: str, requests: Sequence[ir.Request], model: str = TINY) -> list[Said]:
    """One after the other, with nothing in memory; llamacpp has to start anew for that."""
    found = []
    for some in [requests] if engine == "mlx" else [[asked] for asked in requests]:
        async with running(engine, model=model, slots=1, **COLD[engine]) as provider:
            found += [await said(provider, asked) for asked in some]
    assert not any(each.cached for each in found)
    return found


async def _together(engine: str, requests: Sequence[ir.Request]) -> list[Said]:
    """With as many others among them that are cancelled somewhere."""
    rng = random.Random(3)
    async with running(engine, slots=SLOTS, max_queue=4 * len(requests)) as provider:
        leavers = [asyncio.create_task(_leave(provider, rng.randrange(1, 40))) for _ in requests]
        found = await asyncio.gather(*(said(provider, asked) for asked in requests))
        await asyncio.gather(*leavers)
    return found


async def _leave(provider: Local, after: int) -> None:
    prepared = await provider.prepare(ask(f"{ENDLESS} {after}"))
    async with aclosing(prepared.run(0)) as events:  # type: ignore[type-var]
        async for _ in events:
            after -= 1
            if after < 0:
                return


async def _remembered(engine: str, requests: Sequence[ir.Request]) -> list[Said]:
    """Asked again at once: all of the prompt but its last token is in memory."""
    found = []
    async with running(engine, slots=1) as provider:
        for asked in requests:
            await said(provider, asked)
            found.append(await said(provider, asked))
    assert all(each.cached == len(each.prompt) - 1 for each in found)
    return found


async def _restored(engine: str, requests: Sequence[ir.Request]) -> list[Said]:
    """By another engine, from what one wrote when it stopped; it keeps no short prompts."""
    with TemporaryDirectory() as folder:
        async with running(engine, slots=2, cache_dir=folder) as provider:
            for asked in requests:
                await said(provider, asked)
        async with running(engine, slots=2, cache_dir=folder) as provider:
            found = [await said(provider, asked) for asked in requests]
    assert all(each.cached for each in found if len(each.prompt) > RESTORED)
    return found


# Compared ----------------------------------------------------------------------------------------


def _compared(name: str, weights: Path, expected: Sequence[Said], found: Sequence[Said]) -> Tally:
    tally = Tally(name)
    for number, (one, other) in enumerate(zip(expected, found, strict=True)):
        assert one.prompt == other.prompt, "the engines read different prompts"
        if one.tokens == other.tokens:
            tally.add("valid")
            continue
        at = _parting(one.tokens, other.tokens)
        gap, note = _gap(weights, one, other, at)
        tally.add("near" if gap <= NEAR else "invalid", f"prompt {number}, token {at}: {note}")
    tally.least = len(expected) - tally.counts["near"]
    return tally


def _parting(one: Sequence[int], other: Sequence[int]) -> int:
    return next(
        (at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]),
        min(len(one), len(other)),
    )


def _gap(weights: Path, one: Said, other: Said, at: int) -> tuple[float, str]:
    """How far the logits of two tokens are apart, as llama.cpp computes them."""
    if at in (len(one.tokens), len(other.tokens)):
        return float("inf"), "one of them ends"
    a, b = one.tokens[at], other.tokens[at]
    model = Model(library(), weights, 0)
    context = Context(
        model, cells=4096, sequences=1, batch=4096, threads=1, unified=False, flash=False
    )
    try:
        words = Vocabulary(model)
        _, (row,) = context.decode([Span(0, 0, [*one.prompt, *one.tokens[:at]], True)])
        logits = context.logits(row)
        said = ", ".join(f"{words.piece(t)!r} {logits[t]:.4f}" for t in (a, b))
        return abs(float(logits[a] - logits[b])), said
    finally:
        context.close()
        model.close()
