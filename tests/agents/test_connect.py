"""What `stack connect` prints works: each client is started with it, and with nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import STACK, serving

ANSWER = "PONG-42"
KEY = "it's a k3y"
DISTRIBUTION = """\
version: 1
name: connected
apis: [messages, responses, chat, ollama]
server: {{api_keys: ["${{env.MY_KEY}}"]}}
providers:
  script: {{type: scripted, config: {{script: "{script}"}}}}
models:
  house model: {{provider: script, model: scripted}}
aliases: {{"claude-haiku-*": house model}}
"""
PATH = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("connected")
    script, source = folder / "script.yaml", folder / "connected.yaml"
    script.write_text(f"answers: [{{parts: [{{text: {ANSWER}}}]}}]\n")
    source.write_text(DISTRIBUTION.format(script=script))
    return source


@pytest.fixture(scope="module")
def url(source: Path) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MY_KEY", KEY)
        with serving(source) as url:
            yield url


@pytest.fixture(params=["distribution", "server"])
def at(request: pytest.FixtureRequest, source: Path, url: str) -> list[str]:
    """The same stack, by its file and by its address."""
    if request.param == "server":
        return [url, "--model", "house model"]
    return [str(source), "--set", f"server.port={url.rpartition(':')[2]}"]


def connect(client: str, at: list[str]) -> str:
    done = subprocess.run(
        [str(STACK), "connect", client, *at],
        env={**os.environ, "MY_KEY": KEY, "STACK_API_KEY": KEY},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def shell(script: str, home: Path, **environment: str) -> str:
    """What a clean shell says that has the server's key and nothing else."""
    home.mkdir(exist_ok=True)
    keys = {"MY_KEY": KEY, "STACK_API_KEY": KEY}
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", script],
        env={"HOME": str(home), "PATH": PATH, **keys, **environment},
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_claude_code_answers_in_the_printed_environment(
    claude_code: Path, at: list[str], tmp_path: Path
) -> None:
    printed = connect("claude-code", at)
    script = f'{printed}\nexec {claude_code} -p "say pong" --output-format json'
    result = json.loads(shell(script, tmp_path / "home", ANTHROPIC_API_KEY="sk-ant-real"))
    assert result["result"] == ANSWER
    assert list(result["modelUsage"]) == ["house model"]


def test_claude_code_answers_under_the_names_of_its_roles(
    claude_code: Path, at: list[str], tmp_path: Path
) -> None:
    printed = connect("claude-code", at)
    for role in ("opus", "sonnet", "haiku"):
        script = f'{printed}\nexec {claude_code} --model {role} -p "say pong"'
        assert shell(script, tmp_path / "home").strip() == ANSWER


def test_codex_answers_with_the_printed_profile(codex: Path, at: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "home" / ".codex"
    folder.mkdir(parents=True)
    (folder / "stack.config.toml").write_text(connect("codex", at))
    options = "--strict-config --skip-git-repo-check --sandbox read-only"
    said = shell(f'exec {codex} exec --profile stack {options} "say pong"', tmp_path / "home")
    assert said.strip() == ANSWER


@pytest.mark.parametrize("client", ["openai", "anthropic", "ollama"])
def test_the_printed_snippet_of_an_sdk_runs(client: str, at: list[str], tmp_path: Path) -> None:
    assert shell(connect(client, at), tmp_path / "home").strip() == ANSWER


def test_the_printed_curl_commands_get_an_answer_each(at: list[str], tmp_path: Path) -> None:
    if not shutil.which("curl", path=PATH):
        if os.environ.get("CI"):
            pytest.fail("curl is not installed")
        pytest.skip("curl is not installed")
    decoder, said = json.JSONDecoder(), shell(connect("curl", at), tmp_path / "home")
    answers = []
    while said:
        document, end = decoder.raw_decode(said)
        answers.append(document)
        said = said[end:].lstrip()
    kinds = [answer.get("type") or answer.get("object") for answer in answers]
    assert kinds == ["message", "response", "chat.completion", None]
    assert answers[-1]["done"] is True  # Ollama's, which does not say what it is
    assert all(ANSWER in json.dumps(answer) for answer in answers)
