"""Calls of a freeform tool with a Lark grammar, Codex's `apply_patch`: every patch is of it.

What judges them is the lark package, by Earley's algorithm: not the library that enforces.
"""

from __future__ import annotations

import asyncio
import json
from itertools import count
from typing import Any

import httpx2
from lark import Lark
from lark.exceptions import LarkError

from .running import WAVE, asked, frames
from .tally import Tally

LIMIT = 400  # tokens of an answer
# Rule by rule the language of the patches that Codex's tool takes.
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
ASKED = f'Call apply_patch with {{"input": "{EXAMPLE}"}}'


async def evaluate(engine: str, patches: int, grammar: str = PATCH) -> list[Tally]:
    """At least so many whole ones; a line that finds no end is cut off, and they are many."""
    parser = Lark(grammar.replace("/(.*)/", "/(.+)/?"), parser="earley")  # no empty terminals
    tally = Tally(f"{engine}, patches", least=patches, cut=1.0)
    async with asked(engine) as http:
        wave = min(WAVE, patches)
        for first in count(0, wave):
            if tally.counts["valid"] >= patches or first > 20 * patches:
                return [tally]
            answers = [_answer(http, seed, grammar) for seed in range(first, first + wave)]
            for response in await asyncio.gather(*answers):
                judge(tally, parser, response)
    raise AssertionError("unreachable")


async def _answer(http: httpx2.AsyncClient, seed: int, grammar: str) -> dict[str, Any]:
    stream = seed % 2 == 1
    body = {
        "model": "tiny",
        "input": ASKED,
        "tools": [
            {
                "type": "custom",
                "name": "apply_patch",
                "description": "Edit files",
                "format": {"type": "grammar", "syntax": "lark", "definition": grammar},
            }
        ],
        "tool_choice": {"type": "custom", "name": "apply_patch"},
        "max_output_tokens": LIMIT,
        "seed": seed,
        "stream": stream,
        **{"temperature": 1.5, "top_p": 1.0, "top_k": 0, "min_p": 0.0},
    }
    reply = await http.post("/v1/responses", json=body)
    assert reply.status_code == 200, reply.text
    document: dict[str, Any] = frames(reply.text)[-1]["response"] if stream else reply.json()
    return document


def judge(tally: Tally, parser: Lark, response: dict[str, Any]) -> None:
    inputs = [item["input"] for item in response["output"] if item["type"] == "custom_tool_call"]
    if response["status"] == "incomplete":
        inputs = inputs[:-1]
        tally.add("cut")
    elif not inputs:
        tally.add("invalid", f"there is no call: {json.dumps(response['output'])}")
    for text in inputs:
        try:
            parser.parse(text)
        except LarkError as error:
            tally.add("invalid", f"{str(error).splitlines()[0]}: {text!r}")
        else:
            tally.add("valid")
