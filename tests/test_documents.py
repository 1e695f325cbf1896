"""The documents are true: what they show is run."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from polystack.core import Stack
from polystack.core.runtime.config import provider_config
from polystack.core.runtime.plugins import Plugins

ROOT = Path(__file__).parents[1]


def blocks(document: str, language: str) -> list[str]:
    text = (ROOT / document).read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def parrot(monkeypatch: pytest.MonkeyPatch) -> Plugins:
    """The provider of docs/providers.md, as if its package were installed."""
    from importlib.metadata import entry_points

    module = ModuleType("acme")
    exec(blocks("docs/providers.md", "python")[0], module.__dict__)
    monkeypatch.setitem(sys.modules, "acme", module)
    ours = entry_points(group="polystack")
    return Plugins([*ours, EntryPoint("provider.acme", "acme", "polystack")])


PARROT: dict[str, Any] = {
    "version": 1,
    "name": "birds",
    "apis": ["messages", "responses", "chat"],
    "providers": {"bird": {"type": "acme", "config": {"first": "Hi"}}},
}
USER = {"role": "user", "content": "Ann"}
ASKED: dict[str, dict[str, Any]] = {
    "messages": {"model": "acme-echo", "max_tokens": 9, "messages": [USER]},
    "responses": {"model": "acme-echo", "input": "Ann"},
    "chat": {"model": "acme-echo", "messages": [USER]},
}


@pytest.mark.parametrize("api", ASKED)
async def test_the_provider_of_the_document_answers_every_protocol(
    api: str, parrot: Plugins
) -> None:
    async with Stack.load(PARROT, plugins=parrot) as stack:
        reply = await stack.handle(api, "create", ASKED[api])
        assert "Hi, Ann" in str(reply.document)
        reply = await stack.handle(api, "create", {**ASKED[api], "stream": True})
        assert reply.stream is not None
        sent = b"".join([chunk async for chunk in reply.stream])
        assert b'"Hi,"' in sent
        assert b'" Ann"' in sent


@pytest.mark.engine
def test_the_sdk_example_in_the_readme_runs(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = blocks("README.md", "python")[0]
    assert "http://127.0.0.1:8321" in code
    names: dict[str, Any] = {}
    exec(code.replace("http://127.0.0.1:8321", tiny), names)
    names["openai"].close()
    names["anthropic"].close()
    assert capsys.readouterr().out == "Hello! How can I help you today?\n" * 2


PROGRAMS = [
    *[("README.md", number) for number in (1, 2)],
    *[("docs/library.md", number) for number in (0, 1, 2)],
]
PRINTED = {
    ("README.md", 2): "1, 2, 3, 4, 5.\n",
    ("docs/library.md", 1): "Hello! How can I help you today?\nexact\n",
    ("docs/library.md", 2): "1, 2, 3, 4, 5.\n",
}


@pytest.mark.engine
@pytest.mark.parametrize(("document", "number"), PROGRAMS)
def test_a_program_of_library_mode_runs(document: str, number: int) -> None:
    code = blocks(document, "python")[number]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said = "Hello! How can I help you today?\n"
    assert done.stdout == PRINTED.get((document, number), said)


@pytest.mark.engine
def test_the_commands_in_the_readme_are_answered(tiny: str) -> None:
    commands = re.findall(r"^\$ (curl .*\n.*'\{.*)$", blocks("README.md", "console")[1], re.M)
    marks = ['"id":"msg_', '"id":"resp_', "data: [DONE]"]
    for command, mark in zip(commands, marks, strict=True):
        here = command.replace("http://127.0.0.1:8321", tiny)
        done = subprocess.run(here, shell=True, capture_output=True, text=True, check=True)
        assert mark in done.stdout
        assert "Hello" in done.stdout


def test_the_distribution_in_the_readme_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(blocks("README.md", "yaml")[0])
    loaded = Stack.load(path, env={}).loaded
    assert set(loaded.distribution.providers) == {"local", "demo"}
    provider_config(loaded, "local", Plugins().provider("llamacpp"))


def test_the_gateway_in_the_readme_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(blocks("README.md", "yaml")[1])
    loaded = Stack.load(path, env={}).loaded
    for name, entry in loaded.distribution.providers.items():
        provider_config(loaded, name, Plugins().provider(entry.type))


def test_the_configuration_of_a_remote_server_is_valid(tmp_path: Path) -> None:
    provider, seals = blocks("docs/remote.md", "yaml")
    path = tmp_path / "remote.yaml"
    path.write_text(f"version: 1\nname: remote\napis: [chat]\n{provider}{seals}")
    loaded = Stack.load(path, env={"STACK_SEAL_KEY": "k" * 32}).loaded
    config = provider_config(loaded, "up", Plugins().provider("openai"))
    assert config.model_fields_set >= set(config.model_dump()) - {"api_keys", "auth"}, (
        "every setting is shown"
    )


def test_the_table_of_remote_servers_is_the_presets() -> None:
    from polystack.providers.remote.presets import PRESETS

    rows = re.findall(r"^\| `(.*)` \| (.*) \| `(.*)` \| (.*) \| (.*) \|$", _text("remote.md"), re.M)
    assert rows == [(p.type, p.title, p.base_url, ", ".join(p.native), p.read) for p in PRESETS]


def test_every_reason_for_a_repair_is_explained() -> None:
    from polystack.core.contract.provider import NativeCall
    from polystack.providers.remote.objections import objections
    from polystack.providers.remote.traits import Traits

    body = b'x-anthropic-billing-header "role":"system" "thread":{} "signature":""'
    call = NativeCall("messages", "create", "POST", "/", "", {}, body, False)
    strictest = Traits(system_in_conversation=False, signed_thinking=True)
    for reason in ("seal", *objections(call, strictest)):
        assert f"| `{reason}` |" in _text("remote.md")


def _text(document: str) -> str:
    return (ROOT / "docs" / document).read_text()


def test_every_file_that_a_document_links_to_is_there() -> None:
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            assert (path.parent / link).exists(), f"{path.name} links to {link}"
