"""Models by their names on a hub: fetched once, explained where they cannot be."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub import Hub, hub

from polystack.core.canon.errors import ConfigError
from polystack.providers.llamacpp.config import Config as LlamaCpp
from polystack.providers.local.config import BUILTIN
from polystack.providers.local.hub import Reference, reference
from polystack.providers.mlx.config import Config as Mlx

TINY = BUILTIN["builtin:tiny"].read_bytes()
REPOS = {
    "acme/tiny-GGUF": {"tiny-q8_0.gguf": TINY, "README.md": b"# Tiny"},
    "acme/locked": {"m.gguf": TINY},
    "acme/weights": {"config.json": b"{}", "model.safetensors": b"x"},
}


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ("/models/a.gguf", None),
        ("builtin:tiny", None),
        ("hf:acme/tiny", Reference("acme/tiny")),
        ("hf:acme/tiny:a/b.gguf", Reference("acme/tiny", "a/b.gguf")),
        ("hf:acme/tiny@v1:b.gguf", Reference("acme/tiny", "b.gguf", "v1")),
    ],
)
def test_a_name_on_the_hub_is_told_from_a_path(model: str, found: Reference | None) -> None:
    assert reference(model) == found
    assert found is None or str(found) == model


@pytest.mark.parametrize("model", ["hf:", "hf:tiny", "hf:a/b/c:d", "hf:a/b:", "hf:a b/c"])
def test_what_is_nearly_a_name_is_explained(model: str) -> None:
    with pytest.raises(ConfigError, match="is written hf:owner/repo:file"):
        reference(model)


def test_a_model_is_called_after_its_file_or_its_repository() -> None:
    assert LlamaCpp(model="hf:acme/tiny-GGUF:tiny-q8_0.gguf").name == "tiny-q8_0"
    assert Mlx(model="hf:acme/Tiny-4bit@main").name == "Tiny-4bit"
    assert LlamaCpp(model="hf:acme/tiny:a.gguf", id="mine").at(Path("/x/y.gguf")).name == "mine"


# Fetching ----------------------------------------------------------------------------------------

PROGRAM = """
import asyncio, sys
from polystack.core import ConfigError, Stack
here = {
    "version": 1, "name": "hub", "apis": ["chat"],
    "providers": {"p": {"type": sys.argv[1], "config": {"model": sys.argv[2], "context": 512}}},
}
try:
    with Stack.load(here) as stack:
        print(stack.openai().models.list().data[0].id)
        answer = stack.handle("chat", "create", {
            "model": "p/" + stack.openai().models.list().data[0].id,
            "messages": [{"role": "user", "content": "Say hello"}],
        })
        print(answer.document["choices"][0]["message"]["content"])
except ConfigError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def served() -> Iterator[Hub]:
    with hub(REPOS, frozenset({"acme/locked"})) as state:
        yield state


def run(served: Hub | None, home: Path, type: str, model: str) -> list[str]:
    """In a process of its own, since the hub's package reads its settings once."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "HF_HOME": str(home),
        "HF_ENDPOINT": served.url if served else "http://127.0.0.1:9",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
        "POLYSTACK_HOME": str(home),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, type, model],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.engine
def test_a_file_is_fetched_once_and_answers(served: Hub, tmp_path: Path) -> None:
    served.asked.clear()
    model = "hf:acme/tiny-GGUF:tiny-q8_0.gguf"
    for _ in range(2):
        assert run(served, tmp_path, "llamacpp", model) == [
            "tiny-q8_0",
            "Hello! How can I help you today?",
        ]
    assert served.sent("tiny-q8_0.gguf") == 1
    assert served.sent("README.md") == 0
    # It is there without the hub, too.
    assert run(None, tmp_path, "llamacpp", model)[0] == "tiny-q8_0"


@pytest.mark.engine
@pytest.mark.parametrize(
    ("type", "model", "problem"),
    [
        (
            "llamacpp",
            "hf:acme/tiny-GGUF",
            "model-Q4_K_M.gguf; there are tiny-q8_0.gguf",
        ),
        (
            "llamacpp",
            "hf:acme/tiny-GGUF:no.gguf",
            "no file 'no.gguf'; there are tiny-q8_0.gguf",
        ),
        ("llamacpp", "hf:acme/nothing:no.gguf", "there is no such repository"),
        ("llamacpp", "hf:acme/locked:m.gguf", "it wants its terms to be accepted"),
        ("llamacpp", "hf:acme/tiny-GGUF@v9:tiny-q8_0.gguf", "it has no revision 'v9'"),
        ("mlx", "hf:acme/weights:config.json", "this engine takes a whole repository"),
        ("mlx", "hf:acme/weights", "there is no tokenizer.json"),
        ("mlx", "hf:acme/nothing", "there is no such repository"),
    ],
)
def test_what_cannot_be_fetched_is_one_line_with_its_remedy(
    served: Hub, tmp_path: Path, type: str, model: str, problem: str
) -> None:
    (line,) = run(served, tmp_path, type, model)
    assert problem in line


@pytest.mark.engine
def test_a_hub_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    (line,) = run(None, tmp_path, "llamacpp", "hf:acme/tiny-GGUF:tiny-q8_0.gguf")
    assert "the hub cannot be reached" in line
