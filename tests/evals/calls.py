"""Calls that the model decides to make: every one parses, and its tool's schema takes it.

The tools are offered and no call is asked for, so what holds the calls is the lazy grammar. They
are asked for in every protocol, as a stream and whole, at a temperature where much goes wrong
without a grammar.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import httpx2
from dialects import PATHS, Answer, Document, Prompt, request, streamed, whole
from jsonschema import Draft202012Validator

from .running import WAVE, asked
from .tally import Tally
from .tools import ASKED, TOOLS

LIMIT = 300  # tokens of an answer
APART = 10_000  # the seeds of two protocols
SCHEMAS = {tool["name"]: tool["schema"] for tool in TOOLS}


async def evaluate(engine: str, calls: int) -> list[Tally]:
    """At least so many calls, spread over the protocols."""
    modes = [(api, stream) for api in PATHS for stream in (False, True)]
    share = -(-calls // len(modes))
    async with asked(engine) as http:
        return [
            await _mode(http, engine, api, stream, share, count(APART * number))
            for number, (api, stream) in enumerate(modes)
        ]


async def _mode(
    http: httpx2.AsyncClient, engine: str, api: str, stream: bool, share: int, seeds: Iterator[int]
) -> Tally:
    tally = Tally(f"{engine}, {api}, {'stream' if stream else 'whole'}", least=share)
    most = 20 * share  # answers, most of which should have a call
    while tally.counts["valid"] < share and sum(tally.counts.values()) < most:
        wave = list(islice(seeds, min(WAVE, share)))
        for answer in await asyncio.gather(*(ask(http, api, stream, seed) for seed in wave)):
            judge(tally, answer)
    return tally


async def ask(http: httpx2.AsyncClient, api: str, stream: bool, seed: int) -> Answer:
    """The answer to one of the questions, with all tools on offer."""
    body = request(api, Prompt(ASKED[seed % len(ASKED)], tools=TOOLS), "tiny", stream)
    limit = "max_output_tokens" if api == "responses" else "max_tokens"
    hot: Document = {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "seed": seed, limit: LIMIT}
    if api == "chat":
        del hot["top_k"]
    reply = await http.post(PATHS[api], json=body | hot)
    assert reply.status_code == 200, reply.text
    return streamed(api, reply.text) if stream else whole(api, reply.json())


def judge(tally: Tally, answer: Answer) -> None:
    calls = list(answer.calls)
    if answer.cut and calls:
        calls.pop()  # which of them was cut is not told: the last
        tally.add("cut")
    if not answer.calls:
        tally.add("no call")
    for name, arguments in calls:
        wrong = _wrong(name, arguments)
        tally.add("invalid" if wrong else "valid", wrong)


def _wrong(name: str, arguments: str) -> str:
    if name not in SCHEMAS:
        return f"there is no tool {name!r}"
    try:
        document: Any = json.loads(arguments)
    except ValueError as error:
        return f"{name}: {error}: {arguments!r}"
    errors = Draft202012Validator(SCHEMAS[name]).iter_errors(document)
    return "; ".join(f"{name}: {error.message}" for error in errors)
