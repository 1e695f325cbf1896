"""Requests that are nearly right: an answer or a client's error, and never our own fault.

The golden requests are changed at random places; `--mutations N` makes it a long run.
"""

from __future__ import annotations

import asyncio
import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from judging import complaints

from polystack.core import Stack
from polystack.core.canon.errors import StackError
from polystack.core.runtime.stack import Call

GOLDEN = Path(__file__).parents[1] / "transcripts"
REQUESTS = [
    (path.parents[1].name, json.loads(path.read_text()))
    for path in sorted(GOLDEN.glob("*/*/request.json"))
]
VALUES: list[Any] = [
    *(None, True, 0, -1, 3.5, 1e308, "", "x", "auto", "\x00", "é"),
    *([], {}, [1], [[]], {"a": 1}, {"type": "text", "text": "x"}, [{"type": "text"}]),
    {"type": "object", "properties": {"a": {"$ref": "#"}}},
]
KEYS = ["type", "role", "content", "name", "id", "text", "new"]
LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
LIMIT = {"messages": "max_tokens", "responses": "max_output_tokens", "chat": "max_tokens"}
FAULTS = (b"see the server", b"the provider failed")


@pytest.fixture(autouse=True)
def as_specified(judged: None) -> Iterator[None]:
    """In place of that of all tests: an answer repeats what it was asked, nearly right or not."""
    yield
    complaints()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if not isinstance(value, dict | list):
        return
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        yield from places(each, (*path, key))


def mutated(document: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    for _ in range(rng.choice([1, 1, 2, 3])):
        *path, key = rng.choice(list(places(changed)) or [("model",)])
        holder: Any = changed
        for step in path:
            holder = holder[step]
        kind = rng.random()
        if kind < 0.2:
            del holder[key]
        elif kind < 0.3 and isinstance(holder, dict):
            holder[rng.choice(KEYS)] = rng.choice(VALUES)
        elif kind < 0.4 and isinstance(holder, list):
            holder.append(copy.deepcopy(rng.choice(holder)))
        else:
            holder[key] = copy.deepcopy(rng.choice(VALUES))
    return changed


def bounded(api: str, document: dict[str, Any]) -> dict[str, Any]:
    """The request with a short answer, unless its limit is of a wrong type."""
    given = [name for name in LIMITS if name in document]
    names = given or ([] if api == "messages" else [LIMIT[api]])
    return document | {n: 8 for n in names if isinstance(document.get(n), int | None)}


async def outcome(stack: Stack, api: str, document: dict[str, Any]) -> int:
    """The status that a client would see; anything but an answer or an error is raised."""
    try:
        async with asyncio.timeout(60):
            reply = await stack.handle(api, "create", Call(json.dumps(document).encode()))
            if reply.stream is None:
                json.dumps(reply.document)
                return reply.status
            body = b"".join([chunk async for chunk in reply.stream])
            assert not any(fault in body for fault in FAULTS), body[-300:]
            return reply.status
    except StackError as error:
        return stack.apis[api].encode_error(error, "req_1").status


@pytest.mark.parametrize(
    "template", ["scripted", pytest.param("starter", marks=pytest.mark.engine)]
)
async def test_a_nearly_right_request_is_never_our_fault(
    template: str, pytestconfig: pytest.Config
) -> None:
    rng = random.Random(11)
    everything = 'aliases."*"=' + ("tiny" if template == "starter" else "scripted")
    async with Stack.load(template, overrides=[everything]) as stack:
        for _ in range(pytestconfig.getoption("mutations")):
            api, document = rng.choice(REQUESTS)
            document = bounded(api, mutated(document, rng))
            status = await outcome(stack, api, document)
            assert status < 500, f"{api}: {json.dumps(document)}"
