"""`llm-comply`, a judge from outside: it asks a server, and checks answers by its own copies of the
published schemas. Each of its checks of Responses is a test here.

It asks for thoughts only where a model's name sounds like one that thinks.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import serving

PROGRAM = Path(sys.executable).with_name("llm-comply")
SERVED = """\
version: 1
name: served
apis: [messages, responses, chat]
providers:
  scripted: {type: scripted}
  tiny: {type: llamacpp, config: {model: "builtin:tiny", context: 4096}}
models:
  gpt-5-scripted: {provider: scripted}
  gpt-5-tiny: {provider: tiny}
"""
BEFORE = """\
version: 1
name: before
apis: [responses]
providers:
  chat: {{type: openai, config: {{{asked}}}}}
  messages: {{type: anthropic, config: {{{asked}}}}}
  responses: {{type: openai, config: {{native: [responses], {asked}}}}}
"""
ASKED = 'base_url: "{url}", api_key: k, discover: false'

# What a model cannot do is refused in words, which the checks do not know of.
UNABLE = {"gpt-5-tiny": {"image-input": "HTTP 400 (expected [200])"}}  # it does not see


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    source = tmp_path_factory.mktemp("comply") / "served.yaml"
    source.write_text(SERVED)
    with serving(source) as url:
        yield url


@pytest.fixture(scope="module")
def before(served: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A stack whose models are all those of the other, in each protocol."""
    source = tmp_path_factory.mktemp("comply") / "before.yaml"
    source.write_text(BEFORE.format(asked=ASKED.format(url=served)))
    with serving(source) as url:
        yield url


def checked(url: str, model: str) -> dict[str, dict[str, Any]]:
    """What came of each check, by its name."""
    command = [str(PROGRAM), "-u", f"{url}/v1", "-k", "k", "-m", model, "--json", "--verbose"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.stdout, ended.stderr
    return {each["id"]: each for each in json.loads(ended.stdout)["results"]}


@pytest.mark.parametrize(
    "model",
    [
        "gpt-5-scripted",
        pytest.param("gpt-5-tiny", marks=pytest.mark.engine),
        "chat/gpt-5-scripted",
        "messages/gpt-5-scripted",
        "responses/gpt-5-scripted",
    ],
)
def test_every_check_of_responses_is_passed(request: pytest.FixtureRequest, model: str) -> None:
    url = request.getfixturevalue("before" if "/" in model else "served")
    results = checked(url, model)
    assert len(results) == 13
    unable = UNABLE.get(model, {})
    failed = {id: each for id, each in results.items() if each["status"] != "passed"}
    assert failed.keys() == unable.keys(), failed
    for id, said in unable.items():
        assert failed[id]["errors"][0] == said
    warned = {id: each["warnings"] for id, each in results.items() if each.get("warnings")}
    assert not warned
