"""The templates that ship: valid whatever the environment says, and answering where they can."""

from __future__ import annotations

import re
from pathlib import Path

import httpx2
import pytest
from dialects import PATHS, Prompt, request, streamed, whole
from serving import serving

from polystack.core import Stack
from polystack.core.faces.cli.checking import check
from polystack.core.runtime.config import load
from polystack.core.runtime.plugins import Plugins

FOLDER = Path(__file__).parents[2] / "distributions"
TEMPLATES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
LOCAL = ["starter", "llamacpp", "hybrid"]  # those that answer with nothing but this package

# What `hybrid` configures for its engines, taken away: scripts do not know it.
NO_LOCAL = dict.fromkeys(["model", "context", "slots", "max_queue"])
NO_CLOUD = dict.fromkeys(["base_url", "api_key"])

# A value for every variable, by how its name ends.
VALUES = {
    "_KEY": "k" * 32,
    "_URL": "http://127.0.0.1:9/v1",
    "_MODEL": "builtin:tiny",
    "_CONTEXT": "2048",
    "_SLOTS": "2",
    "_GPU_LAYERS": "-1",
    "_URL_2": "http://127.0.0.1:9/v1",
    "_KEY_2": "k" * 32,
}


def variables(name: str) -> set[str]:
    return set(re.findall(r"\$\{env\.(\w+)", (FOLDER / f"{name}.yaml").read_text()))


def test_every_file_is_a_template() -> None:
    listed = [p.type for p in Plugins().list("distribution") if p.package == "polystack"]
    assert listed == TEMPLATES


@pytest.mark.parametrize("name", TEMPLATES)
def test_it_is_valid_where_the_environment_is_empty(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in variables(name):
        monkeypatch.delenv(variable, raising=False)
    said, _ = check(name)
    assert said.startswith(f"{FOLDER / name}.yaml is valid: ")


@pytest.mark.parametrize("name", TEMPLATES)
def test_it_is_valid_with_all_its_variables_set(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in variables(name):
        (value,) = (value for end, value in VALUES.items() if variable.endswith(end))
        monkeypatch.setenv(variable, value)
    said, notes = check(name)
    assert said.startswith(f"{FOLDER / name}.yaml is valid: ")
    assert not [note for note in notes if "left out" in note]


def test_without_a_key_the_hybrid_is_its_local_model_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in variables("hybrid"):
        monkeypatch.delenv(variable, raising=False)
    loaded = load("hybrid", plugins=Plugins())
    assert list(loaded.distribution.models) == ["main"]
    assert loaded.distribution.models["main"].fallbacks == []
    assert "fallback big of model main is left out" in loaded.notes


async def test_the_cloud_of_the_hybrid_answers_where_the_local_model_is_full() -> None:
    """The template's own names, with scripts in the places of both engines."""
    full = {"answers": [{"error": {"kind": "overloaded"}}]}
    able = {"answers": [{"parts": [{"text": "from above"}]}]}
    engines = {
        "extends": "hybrid",
        "providers": {
            "local": {"type": "scripted", "config": {**NO_LOCAL, **full}},
            "cloud": {"type": "scripted", "when": True, "config": {**NO_CLOUD, **able}},
        },
        "models": {"big": {"model": "scripted"}},
    }
    async with Stack.load(engines, env={}) as stack:
        asked = {"model": "main", "messages": [{"role": "user", "content": "Hi"}]}
        reply = await stack.handle("chat", "create", asked)
        assert "from above" in str(reply.document)
        assert reply.headers["x-stack-fallback"] == "local=overloaded"


@pytest.mark.parametrize("name", TEMPLATES)
def test_it_is_named_as_its_file_and_says_what_it_is(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text()
    assert text.startswith("# ")
    assert f"\nname: {name}\n" in text
    assert "\ndescription: " in text


@pytest.mark.engine
@pytest.mark.parametrize("name", LOCAL)
def test_it_answers_in_every_protocol(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in variables(name):
        monkeypatch.delenv(variable, raising=False)
    prompt = Prompt("Say hello")
    with serving(name) as url, httpx2.Client(base_url=url, timeout=60) as client:
        for api, path in PATHS.items():
            for model in ("claude-anything", ""):  # by an alias, and by the default
                answer = client.post(path, json=request(api, prompt, model, stream=False))
                assert "Hello" in whole(api, answer.json()).text
            answer = client.post(path, json=request(api, prompt, "gpt-anything", stream=True))
            assert "Hello" in streamed(api, answer.text).text
