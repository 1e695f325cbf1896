"""The JSON Schema Test Suite's schemas as formats of answers, at a temperature for anything.

A schema that a grammar cannot express is refused, and the error names what is in its way. All
others give a whole document, tried anew where a limit of tokens cut it off; all are valid.
"""

from __future__ import annotations

import asyncio
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
from jsonschema import Draft202012Validator, ValidationError

from .running import WAVE, asked
from .tally import Tally

LIMIT = 400  # tokens of a document
TRIES = 6
TEXT = Path(__file__).with_name("suite").joinpath("draft2020-12.json").read_text()
SUITE: dict[str, Any] = json.loads(TEXT)


def exact(text: str) -> Any:
    """JSON with its decimals as they are written: as a float, -0.6 is no multiple of 0.0001."""
    return json.loads(text, parse_float=_decimal)


def _decimal(text: str) -> int | Decimal:
    value = Decimal(text)
    return int(value) if value == value.to_integral_value() else value


async def evaluate(engine: str, every: int) -> list[Tally]:
    """Of every so many schemas one."""
    cases = list(SUITE.items())[::every]
    tally = Tally(f"{engine}, {len(cases)} schemas")
    async with asked(engine) as http:
        for start in range(0, len(cases), WAVE):
            wave = cases[start : start + WAVE]
            await asyncio.gather(*(_case(http, tally, name, schema) for name, schema in wave))
    tally.least = len(cases) - tally.counts["refused"] - tally.counts["unjudged"]
    return [tally]


async def _case(http: httpx2.AsyncClient, tally: Tally, name: str, schema: Any) -> None:
    whole = schema if isinstance(schema, dict) else {"allOf": [schema]}
    for seed in range(TRIES):
        reply = await http.post("/v1/chat/completions", json=_request(whole, seed))
        document = reply.json()
        kind, note = _refused(document) if reply.status_code != 200 else _judged(whole, document)
        tally.add(kind, f"{name}: {note}" if note else "")
        if kind != "cut":
            return


def _request(schema: dict[str, Any], seed: int) -> dict[str, Any]:
    return {
        "model": "tiny",
        "messages": [{"role": "user", "content": "Answer."}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema, "strict": True},
        },
        "max_tokens": LIMIT,
        "seed": seed,
        **{"temperature": 1.5, "top_p": 1.0, "min_p": 0.0},
    }


def _refused(document: dict[str, Any]) -> tuple[str, str]:
    error = document["error"]
    if error["type"] == "invalid_request_error" and error["param"] == "response_format":
        return "refused", ""
    return "invalid", f"it was refused with {error}"


def _judged(schema: dict[str, Any], document: dict[str, Any]) -> tuple[str, str]:
    (choice,) = document["choices"]
    if choice["finish_reason"] == "length":
        return "cut", ""
    text = choice["message"]["content"]
    checker = Draft202012Validator.FORMAT_CHECKER
    exactly = exact(json.dumps(schema))
    try:
        Draft202012Validator(exactly, format_checker=checker).validate(exact(text))
    except re.error:  # Python knows no `\\p{Letter}`
        return "unjudged", ""
    except (ValueError, ValidationError) as error:
        return "invalid", f"{str(error).splitlines()[0]}: {text!r}"
    return "valid", ""
