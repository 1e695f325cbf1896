"""Fixed greedy prompts have their exact answers, over every endpoint, streaming and not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from dialects import PATHS, Answer, Prompt, request, streamed, whole

pytestmark = pytest.mark.engine

CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("prompts.json").read_text())


def tool(name: str, **properties: str) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {key: {"type": kind} for key, kind in properties.items()},
        "required": list(properties),
    }
    return {"name": name, "description": name.replace("_", " "), "schema": schema}


TOOLS = {
    "get_weather": tool("get_weather", city="string"),
    "get_time": tool("get_time", city="string"),
    "lookup_order": tool("lookup_order", order_id="string"),
    "add": tool("add", a="number", b="number"),
    "calculator": tool("calculator", expression="string"),
}


@pytest.fixture(scope="module")
def client(tiny: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=tiny, timeout=60) as client:
        yield client


def prompt_of(case: dict[str, Any]) -> Prompt:
    tools = [TOOLS[name] for name in case.get("tools", [])]
    return Prompt(
        case["ask"], case.get("system"), case.get("before", []), tools, case.get("thinking", False)
    )


def answer_of(case: dict[str, Any]) -> Answer:
    calls = [(name, arguments) for name, arguments in case.get("calls", [])]
    return Answer(case.get("text", ""), case.get("reasoning", ""), calls)


def test_there_are_enough_of_every_kind() -> None:
    assert len(CASES) >= 20
    assert sum("calls" in case for case in CASES) >= 5
    assert sum("reasoning" in case for case in CASES) >= 2


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["ask"][:30])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("api", PATHS)
def test_the_answer_is_exact(
    client: httpx2.Client, api: str, stream: bool, case: dict[str, Any]
) -> None:
    answer = client.post(PATHS[api], json=request(api, prompt_of(case), "tiny", stream))
    assert answer.status_code == 200, answer.text
    given = streamed(api, answer.text) if stream else whole(api, answer.json())
    assert given == answer_of(case)
