"""docs/providers.md is true: what it shows is what is tested, or is run here."""

from __future__ import annotations

import re
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

import pytest
from distribution_files import MINIMAL
from peer import Peer
from peer.transcripts import answer
from test_documents import blocks

from polystack.core import Provider, Stack
from polystack.core.contract.hookspecs import Hooks
from polystack.core.faces.cli import main
from polystack.core.runtime.config import load, store_config
from polystack.core.runtime.plugins import _KINDS, Plugins

ROOT = Path(__file__).parents[1]
ACME = ROOT / "tests" / "plugins" / "acme"
DOCUMENT = "docs/providers.md"
TEXT = (ROOT / DOCUMENT).read_text()
WHOLE, KIT, REMOTE, COMMAND = blocks(DOCUMENT, "python")


def module(monkeypatch: pytest.MonkeyPatch, name: str, source: str, entry: str) -> Plugins:
    """Everything that is installed, and a module of this source behind an entry point."""
    made = ModuleType(name)
    exec(source, made.__dict__)
    monkeypatch.setitem(sys.modules, name, made)
    ours = entry_points(group="polystack")
    return Plugins([*ours, EntryPoint(entry, name, "polystack")])


def test_the_whole_provider_is_the_one_that_is_installed_and_tested() -> None:
    assert (ACME / "acme.py").read_text() == WHOLE
    assert blocks(DOCUMENT, "toml")[0] in (ACME / "pyproject.toml").read_text()
    for line in KIT.splitlines():
        assert line in (ACME / "test_acme.py").read_text().splitlines()


def test_its_distribution_is_valid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "parrot.yaml"
    path.write_text(blocks(DOCUMENT, "yaml")[0])
    plugins = module(monkeypatch, "acme", WHOLE, "provider.acme")
    assert load(path, plugins=plugins).distribution.name == "parrot"


async def test_a_remote_server_takes_thirty_lines_and_serves_every_protocol(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert len(REMOTE.splitlines()) <= 30
    plugins = module(monkeypatch, "nimbus", REMOTE, "provider.nimbus")
    with Peer() as peer:
        peer.script = lambda request: answer("chat", "text", as_stream=False)
        config = {"base_url": peer.url, "api_key": "dummy"}
        distribution = {
            "version": 1,
            "name": "cloud",
            "apis": ["chat", "messages"],
            "providers": {"cloud": {"type": "nimbus", "config": config}},
        }
        turns = [{"role": "user", "content": "Hi"}]
        body = {"model": "cloud/m", "max_tokens": 9, "messages": turns}
        async with Stack.load(distribution, plugins=plugins) as stack:
            native = await stack.handle("chat", "create", body)
            translated = await stack.handle("messages", "create", body)
    assert native.headers["x-stack-route"] == "native"
    assert translated.headers["x-stack-route"] == "translated"


def test_every_method_of_the_contract_is_in_its_table() -> None:
    told = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", TEXT, re.M))))
    methods = {name for name in vars(Provider) if not name.startswith("_")}
    assert methods - {"type", "Config", "lazy"} <= told


def test_every_kind_and_hook_is_in_their_table() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(register_\w+)` \|", TEXT, re.M)
    assert dict(rows) == {kind: hook for kind, (hook, _) in _KINDS.items()}
    assert {hook for _, hook in rows} == {name for name in vars(Hooks) if name[0] != "_"}


def test_the_files_of_a_new_provider_are_those_that_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = blocks(DOCUMENT, "console")[0].splitlines()
    assert commands == ["$ stack new provider x", "$ pip install ./x", "$ pytest x"]
    assert main(["new", "provider", "x", "--into", str(tmp_path)]) == 0
    table = TEXT.split("| file | what it is |")[1].partition("\n\n")[0]
    named = set(re.findall(r"^\| `([\w.]+)` \|", table, re.M))
    assert named == {path.name for path in (tmp_path / "x").iterdir()}


def test_the_store_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "store.yaml"
    path.write_text(MINIMAL.replace("quiet", "scripted") + blocks(DOCUMENT, "yaml")[1])
    plugins = Plugins()
    loaded = load(path, plugins=plugins)
    assert loaded.distribution.store is not None
    cls = plugins.store(loaded.distribution.store.type)
    assert store_config(loaded, cls).model_dump()["max_records"] == 1000


def test_the_command_says_hello(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module(monkeypatch, "hello", COMMAND, "command.hello")
    installed = EntryPoint("command.hello", "hello", "polystack")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [installed])
    assert main(["hello", "Ann", "--loud"]) == 0
    assert capsys.readouterr().out == "Hello, Ann!\n"
