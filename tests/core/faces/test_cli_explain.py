"""`stack explain`: the route of a request and its losses, without a word to any server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from polystack.core.faces.cli import main

SOURCE = """\
version: 1
name: mine
apis: [messages, responses, chat]
providers:
  claude: {type: anthropic, config: {discover: false}}
  gpt: {type: openai, config: {discover: false}}
  demo: {type: scripted}
models:
  strict: {provider: gpt, model: gpt-5, fidelity: strict}
aliases:
  "claude-*": claude/claude-opus-4-8
"""
BODY: dict[str, Any] = {
    "max_tokens": 100,
    "top_k": 5,
    "messages": [{"role": "user", "content": "Hello"}],
}


@pytest.fixture
def explain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    (tmp_path / "stack.yaml").write_text(SOURCE)

    def run(model: str, api: str, body: dict[str, Any] | None = None, *options: str) -> Any:
        arguments = ["explain", str(tmp_path / "stack.yaml")]
        arguments += ["--model", model, "--api", api, *options]
        if body is not None:
            (tmp_path / "body.json").write_text(json.dumps(body))
            arguments += ["--body", str(tmp_path / "body.json")]
        return main(arguments), *capsys.readouterr()

    return run


def test_a_name_is_followed_to_its_model_and_its_route(explain: Any) -> None:
    status, out, _ = explain("claude-sonnet-5", "messages")
    assert status == 0
    assert out == (
        "model     claude-sonnet-5 is claude-opus-4-8 of provider claude (anthropic)\n"
        "route     native: the bytes pass through\n"
        "upstream  is asked in messages\n"
    )


def test_a_request_is_told_what_it_would_lose(explain: Any) -> None:
    status, out, _ = explain("gpt/gpt-5", "messages", BODY)
    assert status == 0
    assert "route     translated: through the canonical model\n" in out
    assert "upstream  is asked in responses\n" in out
    assert "fidelity  dropped=top_k\n" in out
    assert "  dropped      top_k  the upstream has no such option\n" in out


def test_a_repaired_request_is_told_why(explain: Any) -> None:
    thread = BODY | {
        "system": "x",
        "messages": [
            {
                "role": "assistant",
                "content": [{"type": "thinking", "thinking": "t", "signature": ""}],
            },
            *BODY["messages"],
        ],
    }
    status, out, _ = explain("claude-sonnet-5", "messages", thread)
    assert status == 0
    assert "route     rewritten: the same protocol, decoded and repaired\n" in out
    assert "because   unsigned-thinking\n" in out


def test_a_strict_route_shows_what_it_would_refuse(explain: Any) -> None:
    status, out, _ = explain("strict", "messages", BODY)
    assert status == 0
    assert "refused   with status 400, since the route is strict\n" in out
    assert "dropped      top_k" in out


def test_the_same_as_json(explain: Any) -> None:
    status, out, _ = explain("strict", "messages", BODY, "--json")
    assert status == 0
    explained = json.loads(out)
    assert (explained["route"], explained["asked_in"]) == ("translated", "responses")
    assert explained["losses"] == [
        {"path": "top_k", "verdict": "dropped", "why": "the upstream has no such option"}
    ]


@pytest.mark.parametrize(
    ("model", "api", "words"),
    [
        ("nosuch", "chat", "model 'nosuch' is not served here"),
        ("strict", "nosuch", "--api"),
    ],
)
def test_a_question_that_makes_no_sense_is_one_line(
    model: str, api: str, words: str, explain: Any
) -> None:
    status, out, err = explain(model, api)
    assert status == 2
    assert not out
    assert words in err
    assert len(err.strip().splitlines()) == 1


def test_a_request_that_is_wrong_is_told_so(explain: Any) -> None:
    status, _, err = explain("gpt/gpt-5", "messages", {"messages": []})
    assert status == 2
    assert "max_tokens" in err
