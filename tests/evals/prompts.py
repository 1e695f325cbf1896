"""The fixed list of prompts: chat, echoes, counts, JSON, thoughts, tools, long ones and turns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from polystack.core import ir

from .tools import TOOLS

LIMIT = 160  # tokens of an answer
CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("prompts.json").read_text())
OFFERED = tuple(ir.Tool(tool["name"], tool["description"], tool["schema"]) for tool in TOOLS)


def request(case: dict[str, Any], **sampled: Any) -> ir.Request:
    turns: list[ir.Turn] = []
    for said, answered in case.get("before", []):
        turns.append(ir.Turn("user", (ir.Text(said),)))
        turns.append(ir.Turn("assistant", (ir.Text(answered),)))
    filler = " ".join(f"word{number}" for number in range(case.get("filler", 0)))
    system = case.get("system")
    asked = case["ask"] if system else case["ask"] + filler
    if system:
        turns.insert(0, ir.Turn("system", (ir.Text(system + filler),)))
    return ir.Request(
        "tiny",
        (*turns, ir.Turn("user", (ir.Text(asked),))),
        tools=OFFERED if case.get("tools") else (),
        reasoning=ir.ReasoningConfig(True) if case.get("thinking") else ir.ReasoningConfig(),
        sampling=ir.Sampling(**{"temperature": 0.0, "max_tokens": LIMIT, **sampled}),
    )
