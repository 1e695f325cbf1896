"""The tiny model at temperature 1.5, where every token is possible: is what it makes valid?

Answers that the limit of tokens cut off are counted apart, and so are patterns that Python cannot
judge (`\\p{Letter}`); all others must be valid. The provider is asked directly: the protocols have
tests of their own.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from lark import Lark

from polystack.core.canon import ir
from polystack.core.canon.collect import collect
from polystack.core.canon.errors import InvalidRequest
from polystack.providers.llamacpp import Config, LlamaCpp

from .coverage import groups

LIMIT = 400
VERDICTS = ("valid", "cut", "refused", "unjudged", "invalid")

# The patches of coding agents, in the syntax that they send.
PATCH = """
start: begin hunk+ end
begin: "*** Begin Patch" LF
end: "*** End Patch" LF?
hunk: added | deleted | changed
added: "*** Add File: " path LF added_line+
deleted: "*** Delete File: " path LF
changed: "*** Update File: " path LF moved? lines?
path: /(.+)/
added_line: "+" /(.*)/ LF -> line
moved: "*** Move to: " path LF
lines: (place | line)+ last?
place: ("@@" | "@@ " /(.+)/) LF
line: ("+" | "-" | " ") /(.*)/ LF
last: "*** End of File" LF
%import common.LF
"""
EXAMPLE = "*** Begin Patch\\n*** Add File: notes.txt\\n+hello world\\n*** End Patch\\n"
APPLY = ir.Tool("apply_patch", "Edit files", kind="custom", grammar=ir.ToolGrammar("lark", PATCH))


def report(number: int, suite: Path | None) -> None:
    asyncio.run(_report(number, suite))


async def _report(number: int, suite: Path | None) -> None:
    settings = Config(model="builtin:tiny", slots=16, max_queue=100_000, context=2048)
    provider = LlamaCpp("tiny", settings)
    await provider.start()
    try:
        print("\n| at temperature 1.5 | valid | cut off | refused by name | not judged | invalid |")
        print("|---|--:|--:|--:|--:|--:|")
        if suite is not None:
            schemas = [group["schema"] for _, group in groups(suite)]
            asked = [_document(provider, seed, schema) for seed, schema in enumerate(schemas)]
            _row(f"documents of {len(schemas)} schemas of the suite", await _all(asked))
        calls = [_call(provider, seed) for seed in range(number)]
        _row(f"{number} calls of 12 tools", await _all(calls))
        grammar = Lark(PATCH.replace("/(.*)/", "/(.+)/?"))  # lark has no empty terminals
        patches = [_patch(provider, seed, grammar) for seed in range(number)]
        _row(f"{number} patches", await _all(patches))
    finally:
        await provider.stop()


async def _all(asked: Iterable[Awaitable[str]]) -> Counter[str]:
    return Counter(await asyncio.gather(*asked))


def _row(name: str, counts: Counter[str]) -> None:
    cells = " | ".join(str(counts[v]) for v in VERDICTS)
    print(f"| {name} | {cells} |", flush=True)


async def _judged(
    provider: LlamaCpp, request: ir.Request, judge: Callable[[ir.Response], None]
) -> str:
    try:
        prepared = await provider.prepare(request)
    except InvalidRequest:
        return "refused"
    response = collect([event async for event in prepared.run(0)])
    if response.stop.reason == "length":
        return "cut"
    try:
        judge(response)
    except re.error:
        return "unjudged"
    except Exception as error:
        print(f"  invalid: {type(error).__name__}: {str(error)[:200]!r}: {response.parts}")
        return "invalid"
    return "valid"


def _asked(text: str, seed: int, **fields: Any) -> ir.Request:
    sampling = ir.Sampling(
        temperature=1.5, top_p=1.0, top_k=0, min_p=0.0, seed=seed, max_tokens=LIMIT
    )
    turns = (ir.Turn("user", (ir.Text(text),)),)
    return ir.Request("tiny", turns, sampling=sampling, **fields)


async def _document(provider: LlamaCpp, seed: int, schema: Any) -> str:
    whole = schema if isinstance(schema, dict) else {"allOf": [schema]}
    request = _asked("Answer.", seed, output=ir.OutputFormat("schema", whole, strict=True))
    check = Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)

    def judge(response: ir.Response) -> None:
        check.validate(json.loads(ir.text_of(response.parts)))

    return await _judged(provider, request, judge)


TYPES: list[dict[str, Any]] = [
    {"type": "string", "maxLength": 12},
    {"type": "integer", "minimum": 0, "maximum": 500},
    {"enum": ["small", "large", None]},
    {"type": "array", "items": {"type": "boolean"}, "maxItems": 4},
]


def _tools() -> list[ir.Tool]:
    rng = random.Random(5)
    tools = []
    for number in range(12):
        names = rng.sample(["path", "city", "count", "size", "flags", "query"], 3)
        properties = {name: rng.choice(TYPES) for name in names}
        schema: dict[str, Any] = {"properties": properties, "required": names[:2]}
        tools.append(ir.Tool(f"tool_{number}", "A tool", schema))
    return tools


TOOLS = _tools()


async def _call(provider: LlamaCpp, seed: int) -> str:
    choice = ir.ToolChoice("required", parallel=False)
    request = _asked(f"Use tool {seed}", seed, tools=tuple(TOOLS), tool_choice=choice)
    schemas = {tool.name: tool.schema for tool in TOOLS}

    def judge(response: ir.Response) -> None:
        (call,) = [part for part in response.parts if isinstance(part, ir.ToolCall)]
        Draft202012Validator(schemas[call.name]).validate(json.loads(call.arguments))

    return await _judged(provider, request, judge)


async def _patch(provider: LlamaCpp, seed: int, grammar: Lark) -> str:
    choice = ir.ToolChoice("named", name="apply_patch", kind="custom")
    text = f'Call apply_patch with {{"input": "{EXAMPLE}"}}'
    request = _asked(text, seed, tools=(APPLY,), tool_choice=choice)

    def judge(response: ir.Response) -> None:
        (call,) = [part for part in response.parts if isinstance(part, ir.ToolCall)][:1]
        grammar.parse(call.arguments)

    return await _judged(provider, request, judge)
