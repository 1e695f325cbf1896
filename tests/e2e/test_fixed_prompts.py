"""Fixed greedy prompts have their exact answers, over every endpoint, streaming and not.

After the model has changed, `--record chat` writes the answers of one endpoint to `prompts.json`,
and all endpoints are then held to them. Read the diff: a recorded answer is not a right one yet.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from dialects import PATHS, Answer, Prompt, request, streamed, whole

pytestmark = pytest.mark.engine

PROMPTS = Path(__file__).with_name("prompts.json")
CASES: list[dict[str, Any]] = json.loads(PROMPTS.read_text())


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


@pytest.fixture(scope="module", autouse=True)
def recorded(client: httpx2.Client, pytestconfig: pytest.Config) -> None:
    """With `--record`, what the endpoint answers now is what all tests here expect."""
    if (api := pytestconfig.getoption("--record")) is not None:
        for case in CASES:
            answer = ask(client, api, case)
            for field in ("reasoning", "text", "calls"):
                case.pop(field, None)
                if value := getattr(answer, field):
                    case[field] = value
        lines = [json.dumps(case, ensure_ascii=False) for case in CASES]
        PROMPTS.write_text("[\n  " + ",\n  ".join(lines) + "\n]\n")


def ask(client: httpx2.Client, api: str, case: dict[str, Any], stream: bool = False) -> Answer:
    answer = client.post(PATHS[api], json=request(api, prompt_of(case), "tiny", stream))
    assert answer.status_code == 200, answer.text
    return streamed(api, answer.text) if stream else whole(api, answer.json())


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
    assert ask(client, api, case, stream) == answer_of(case)


def test_answers_are_not_recorded_in_ci() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "--record", "chat", __file__]
    before = PROMPTS.read_bytes()
    run = subprocess.run(command, env=os.environ | {"CI": "1"}, capture_output=True, text=True)
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--record is refused in CI" in run.stderr
    assert PROMPTS.read_bytes() == before
