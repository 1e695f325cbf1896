"""Packages of third parties, installed by pip into an environment of their own, and used there."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scratch import PACKAGES, Done, Scratch
from serving import serving

DISTRIBUTION = """\
version: 1
name: theirs
apis: [plain, messages, responses, chat]
store: {type: folder, config: {path: kept}}
providers:
  bird: {type: acme, config: {first: Hello}}
models:
  acme-echo: {provider: bird}
aliases:
  "claude-*": acme-echo
"""


@pytest.fixture(scope="module")
def theirs(scratch: Scratch) -> Path:
    path = scratch.folder / "theirs.yaml"
    path.write_text(DISTRIBUTION.replace("kept", str(scratch.folder / "kept")))
    return path


@pytest.fixture(scope="module")
def url(scratch: Scratch, theirs: Path) -> Iterator[str]:
    with serving(theirs, stack=scratch.bin / "stack") as url:
        yield url


def ok(done: Done) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ask(url: str, body: dict[str, Any] | None = None) -> bytes:
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as answer:
        found: bytes = answer.read()
        return found


def test_the_provider_takes_at_most_thirty_lines() -> None:
    source = (PACKAGES / "acme" / "acme.py").read_text()
    assert len([line for line in source.splitlines() if line.strip()]) <= 30


@pytest.mark.parametrize("package", ["acme", "notes"])
def test_the_tests_of_a_package_pass_where_it_is_installed(scratch: Scratch, package: str) -> None:
    assert " passed" in ok(scratch.run("pytest", "-q", package))


@pytest.mark.parametrize(
    ("kind", "name", "package"),
    [
        ("providers", "acme", "acme"),
        ("apis", "plain", "notes"),
        ("stores", "folder", "notes"),
        ("commands", "notes", "notes"),
    ],
)
def test_stack_list_shows_them_among_the_builtin_ones(
    scratch: Scratch, kind: str, name: str, package: str
) -> None:
    rows = json.loads(ok(scratch.run("stack", "list", kind, "--json")))
    (row,) = [row for row in rows if row["name"] == name]
    assert (row["package"], row["version"]) == (package, "1.0")
    assert row["summary"]


def test_stack_check_and_show_know_their_configuration(scratch: Scratch, theirs: Path) -> None:
    assert "is valid: 4 APIs, 1 provider" in ok(scratch.run("stack", "check", str(theirs)))
    shown = json.loads(ok(scratch.run("stack", "show", str(theirs), "--json")))
    assert shown["providers"]["bird"]["config"] == {"first": "Hello"}
    assert shown["store"]["config"]["max_records"] == 1000
    wrong = scratch.run("stack", "check", str(theirs), "--set", "store.config.max_records=0")
    assert wrong.returncode == 2
    assert "store.config.max_records: must be greater than or equal to 1" in wrong.stderr


def test_stack_explain_tells_the_way_from_their_protocol_to_their_provider(
    scratch: Scratch, theirs: Path
) -> None:
    command = ("stack", "explain", str(theirs), "--api", "plain", "--model", "claude-x")
    said = ok(scratch.run(*command, "--body", "-", input='{"ask": "Who?"}'))
    assert "claude-x is acme-echo of provider bird (acme)" in said
    assert "translated: through the canonical model" in said
    assert "exact" in said


def test_stack_doctor_loads_every_one_of_them(scratch: Scratch) -> None:
    said = scratch.run("stack", "doctor").stdout
    for name in ("provider.acme: acme", "api.plain: notes", "store.folder: notes"):
        assert f"ok      {name} 1.0" in said
    assert "ok      command.notes: notes 1.0" in said


def test_their_command_is_one_of_stack(scratch: Scratch) -> None:
    assert "Keeps notes in a folder" in ok(scratch.run("stack", "--help"))
    ok(scratch.run("stack", "notes", "add", "mine", "shopping", "milk"))
    assert ok(scratch.run("stack", "notes", "list", "mine")) == "shopping: milk\n"


def test_a_server_answers_in_their_protocol(url: str) -> None:
    asked = {"model": "acme-echo", "ask": "my friend"}
    whole = json.loads(ask(f"{url}/plain/ask", asked))
    assert whole == {"answer": "Hello, my friend", "end": "end", "asked": 2, "answered": 3}
    streamed = ask(f"{url}/plain/ask", asked | {"stream": True}).decode()
    assert streamed.startswith('event: say\ndata: "Hello,"\n\nevent: say\ndata: " my"')
    assert streamed.count("event: end\n") == 1
    assert "acme-echo" in json.loads(ask(f"{url}/plain/models"))["models"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("messages", {"max_tokens": 9, "messages": [{"role": "user", "content": "Ann"}]}),
        ("responses", {"input": "Ann"}),
        ("chat/completions", {"messages": [{"role": "user", "content": "Ann"}]}),
    ],
)
def test_their_provider_answers_in_every_builtin_protocol(
    url: str, path: str, body: dict[str, Any]
) -> None:
    assert b"Hello, Ann" in ask(f"{url}/v1/{path}", {"model": "claude-x", **body})


def test_health_names_the_store_and_the_provider(url: str) -> None:
    health = json.loads(ask(f"{url}/health"))
    assert health["store"] == {"type": "folder"}
    assert health["providers"]["bird"]["type"] == "acme"


def test_an_error_has_the_form_of_their_protocol(url: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(f"{url}/plain/ask", {"model": "acme-echo"})
    assert caught.value.code == 400
    said = json.loads(caught.value.read())
    assert said == {"error": "ask: field required", "kind": "invalid_request"}


LIBRARY = """
import asyncio
from polystack.core import Stack
from polystack.core.contract.store import Key

async def main():
    async with Stack.load("theirs.yaml") as stack:
        for api, body in {
            "plain": {"ask": "Ann"},
            "messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "Ann"}]},
        }.items():
            reply = await stack.handle(api, "create", {"model": "acme-echo", **body})
            print(reply.document)
        answer = await stack.openai().responses.create(model="acme-echo", input="Ann")
        print(answer.output_text)
        await stack.store.put(Key("me", "note", "1"), b"kept")

asyncio.run(main())

async def again():
    async with Stack.load("theirs.yaml") as stack:
        print(await stack.store.get(Key("me", "note", "1")))

asyncio.run(again())
with Stack.load("theirs.yaml") as stack:
    print(stack.anthropic().messages.count_tokens(
        model="acme-echo", messages=[{"role": "user", "content": "Ann"}]
    ).input_tokens)
"""


def test_library_mode_has_their_protocol_their_provider_and_their_store(
    scratch: Scratch, theirs: Path
) -> None:
    plain, messages, responses, kept, count = ok(scratch.run("python", "-c", LIBRARY)).splitlines()
    assert plain == "{'answer': 'Hello, Ann', 'end': 'end', 'asked': 1, 'answered': 2}"
    assert "'text': 'Hello, Ann'" in messages
    assert (responses, kept, count) == ("Hello, Ann", "b'kept'", "1")
