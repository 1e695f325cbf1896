"""`stack connect`: what it prints for which stack, and what it refuses."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from plugin_packages import install, plugins_at
from serving import serving

from polystack.core.faces import cli
from polystack.core.faces.cli import connecting
from polystack.core.runtime.plugins import Plugins

Connect = Callable[..., str]
Write = Callable[..., str]

CLIENTS = ("anthropic", "claude-code", "codex", "curl", "ollama", "openai", "opencode")
ROLES = [f"ANTHROPIC_DEFAULT_{role}_MODEL" for role in ("OPUS", "SONNET", "HAIKU")]


@pytest.fixture
def connect(capsys: pytest.CaptureFixture[str]) -> Connect:
    """What `stack connect` prints, and nothing on stderr."""

    def one(*args: str) -> str:
        code = cli.main(["connect", *args])
        said = capsys.readouterr()
        assert (code, said.err) == (0, "")
        return said.out

    return one


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Connect:
    """The one line that `stack connect` complains with."""

    def one(*args: str) -> str:
        code = cli.main(["connect", *args])
        said = capsys.readouterr()
        assert (code, said.out) == (2, "")
        assert said.err.count("\n") == 1
        return said.err.removeprefix("stack: error: ").rstrip("\n")

    return one


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A distribution file of the scripted provider, with these lines besides."""

    def one(
        *lines: str, apis: str = "[messages, responses, chat, ollama]", name: str = "mine"
    ) -> str:
        path = tmp_path / f"{name}.yaml"
        head = ["version: 1", f"name: {name}", f"apis: {apis}"]
        head += ["providers: {demo: {type: scripted}}"]
        path.write_text("\n".join([*head, *lines]) + "\n")
        return str(path)

    return one


def environment(printed: str, **given: str) -> dict[str, str]:
    """What a shell has in its environment once it has read the text."""
    script = f"{printed}\nenv -0"
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", script], env=given, capture_output=True, check=True
    )
    pairs = done.stdout.decode().rstrip("\0").split("\0")
    found = dict(pair.partition("=")[::2] for pair in pairs)
    return {name: value for name, value in found.items() if name not in ("PWD", "SHLVL", "_")}


def as_json(printed: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(printed)
    return document


# -- what is printed ------------------------------------------------------------------------------


def test_without_a_client_they_are_listed_with_what_they_speak(connect: Connect) -> None:
    rows = [line.split() for line in connect().splitlines()]
    assert rows[0] == ["CLIENT", "SPEAKS", "TITLE"]
    assert [row[0] for row in rows[1:] if row[0] in CLIENTS] == list(CLIENTS)
    assert ["codex", "responses", "Codex"] in rows
    listed = json.loads(connect("--json"))
    assert {"client": "claude-code", "speaks": "messages", "title": "Claude Code"} in listed


def test_the_environment_of_claude_code_names_models_for_every_role(connect: Connect) -> None:
    found = environment(connect("claude-code", "starter"))
    assert found["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:8321", "it adds /v1 itself"
    assert found["ANTHROPIC_AUTH_TOKEN"] == "unused"
    assert found["ANTHROPIC_API_KEY"] == "", "a real one that is set does not come here"
    assert [found[name] for name in ("ANTHROPIC_MODEL", *ROLES)] == ["tiny"] * 4


def test_a_role_takes_the_model_that_an_alias_gives_it(connect: Connect, write: Write) -> None:
    source = write(
        "models: {big: {provider: demo}, small: {provider: demo}}",
        'aliases: {"claude-haiku-*": small, claude-sonnet-5: demo/x, "claude-*": big}',
        "default_model: small",
    )
    found = environment(connect("claude-code", source))
    assert found["ANTHROPIC_MODEL"] == "small"
    assert [found[role] for role in ROLES] == ["big", "demo/x", "small"]


def test_names_that_nothing_serves_are_noted_with_the_alias_to_add(
    connect: Connect, write: Write
) -> None:
    source = write(
        "models: {qwen: {provider: demo}}",
        'aliases: {"claude-opus-*": qwen}',
    )
    told = as_json(connect("claude-code", source, "--json"))
    assert [told["environment"][role] for role in ROLES] == ["qwen"] * 3
    note = told["notes"][0]
    assert note.startswith("claude-sonnet-5, claude-haiku-4-5-20251001: not served here")
    assert 'the alias "claude-*": qwen' in note


def test_claude_code_gets_the_models_own_name_and_others_the_name_given(
    connect: Connect, write: Write
) -> None:
    source = write("models: {qwen: {provider: demo}}", "aliases: {fast: qwen}")
    named = (source, "--model", "fast", "--json")
    assert as_json(connect("claude-code", *named))["environment"]["ANTHROPIC_MODEL"] == "qwen"
    content = as_json(connect("codex", *named))["file"]["content"]
    assert tomllib.loads(content)["model"] == "fast"


def test_for_codex_the_text_is_its_profile(connect: Connect) -> None:
    printed = connect("codex", "starter")
    profile = tomllib.loads(printed)
    assert (profile["model"], profile["model_provider"]) == ("tiny", "stack")
    assert profile["model_providers"] == {
        "stack": {
            "name": "polystack",
            "base_url": "http://127.0.0.1:8321/v1",
            "wire_api": "responses",
            "supports_websockets": False,
        }
    }
    assert "# Save this as ~/.codex/stack.config.toml; then: codex --profile stack\n" in printed


@pytest.mark.parametrize("model", ["gpt-5.6-sol", "openai/gpt-6-astra"])
def test_codex_is_noted_to_take_a_name_for_a_model_of_openais(connect: Connect, model: str) -> None:
    notes = as_json(connect("codex", "scripted", "--model", model, "--json"))["notes"]
    assert any(f"Codex takes {model} for OpenAI's model" in note for note in notes)
    notes = as_json(connect("codex", "scripted", "--model", "scripted", "--json"))["notes"]
    assert not any("OpenAI's model" in note for note in notes)


def test_for_opencode_the_configuration_is_in_the_environment(
    connect: Connect, write: Write
) -> None:
    source = write("models: {a: {provider: demo}, b: {provider: demo}}", "default_model: b")
    config = json.loads(environment(connect("opencode", source))["OPENCODE_CONFIG_CONTENT"])
    assert (config["model"], config["small_model"]) == ("stack/b", "stack/b")
    provider = config["provider"]["stack"]
    assert provider["npm"] == "@ai-sdk/openai-compatible"
    assert provider["options"] == {"baseURL": "http://127.0.0.1:8321/v1", "apiKey": "unused"}
    assert set(provider["models"]) == {"a", "b"}


@pytest.mark.parametrize(
    ("apis", "asks"), [("[chat]", "chat.completions.create"), ("[responses]", "responses.create")]
)
def test_the_sdk_of_openai_asks_in_a_protocol_that_is_served(
    connect: Connect, write: Write, apis: str, asks: str
) -> None:
    source = write("models: {qwen: {provider: demo}}", apis=apis)
    assert f"client.{asks}(" in connect("openai", source)


def test_curl_asks_once_in_each_protocol_served(connect: Connect, write: Write) -> None:
    source = write("models: {qwen: {provider: demo}}", apis="[chat, messages]")
    words = shlex.split(connect("curl", source), comments=True)
    assert words.count("curl") == 2
    bodies = [json.loads(word) for word in words if word.startswith("{")]
    assert [body["model"] for body in bodies] == ["qwen", "qwen"]
    urls = [word for word in words if word.startswith("http:")]
    assert [url.partition("8321")[2] for url in urls] == ["/v1/chat/completions", "/v1/messages"]


def test_names_are_quoted_for_the_shell_and_for_toml(connect: Connect, write: Write) -> None:
    name = """it's a "mo`del" $HOME \\ 模型"""
    source = write(f"models: {{{json.dumps(name)}: {{provider: demo}}}}")
    assert environment(connect("claude-code", source))["ANTHROPIC_MODEL"] == name
    assert tomllib.loads(connect("codex", source))["model"] == name
    config = json.loads(environment(connect("opencode", source))["OPENCODE_CONFIG_CONTENT"])
    assert config["model"] == f"stack/{name}"
    words = shlex.split(connect("curl", source), comments=True)
    assert {json.loads(word)["model"] for word in words if word.startswith("{")} == {name}


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ("{host: 0.0.0.0, port: 9000}", "http://127.0.0.1:9000"),
        ('{host: "::", port: 9000}', "http://[::1]:9000"),
        ('{host: "fd00::1", port: 80}', "http://[fd00::1]:80"),
        ("{host: box.example, port: 80}", "http://box.example:80"),
    ],
)
def test_the_url_is_one_that_can_be_called(
    connect: Connect, write: Write, server: str, url: str
) -> None:
    source = write("models: {qwen: {provider: demo}}", f"server: {server}")
    assert as_json(connect("anthropic", source, "--json"))["url"] == url


def test_an_override_counts_as_it_does_for_run(connect: Connect) -> None:
    told = as_json(connect("anthropic", "starter", "--set", "server.port=9000", "--json"))
    assert told["environment"]["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:9000"


# -- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", CLIENTS)
def test_a_key_in_the_file_is_never_printed(connect: Connect, write: Write, client: str) -> None:
    source = write("models: {qwen: {provider: demo}}", "server: {api_keys: [s3cret-in-plain]}")
    for printed in (connect(client, source), connect(client, source, "--json")):
        assert "s3cret" not in printed
        assert "STACK_API_KEY" in printed
    assert "export STACK_API_KEY=**********" in connect(client, source)
    notes = as_json(connect(client, source, "--json"))["notes"]
    assert notes[0].endswith(f"(it is in server.api_keys at {source}:6:21)")


def test_the_text_takes_the_key_from_its_variable(connect: Connect, write: Write) -> None:
    source = write("models: {qwen: {provider: demo}}", "server: {api_keys: [s3cret]}")
    given = {"STACK_API_KEY": "it's $secret"}
    found = environment(connect("claude-code", source), **given)
    assert found["ANTHROPIC_AUTH_TOKEN"] == given["STACK_API_KEY"]
    profile = tomllib.loads(connect("codex", source))
    assert profile["model_providers"]["stack"]["env_key"] == "STACK_API_KEY"
    config = json.loads(environment(connect("opencode", source))["OPENCODE_CONFIG_CONTENT"])
    assert config["provider"]["stack"]["options"]["apiKey"] == "{env:STACK_API_KEY}"
    assert '-H "Authorization: Bearer $STACK_API_KEY"' in connect("curl", source)


@pytest.mark.parametrize("form", ["${env.MY_KEY}", "${env.MY_KEY:=s3cret}"])
def test_the_variable_that_the_server_reads_is_used_again(
    connect: Connect, write: Write, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    source = write("models: {qwen: {provider: demo}}", f'server: {{api_keys: ["{form}"]}}')
    monkeypatch.setenv("MY_KEY", "s3cret-of-the-environment")
    told = as_json(connect("openai", source, "--json"))
    assert (told["key"], told["environment"]["OPENAI_API_KEY"]) == ("MY_KEY", "$MY_KEY")
    assert "it has to be in MY_KEY (the server takes it from there as well)" in told["notes"][0]
    assert "s3cret" not in json.dumps(told)


def test_a_default_key_is_told_by_its_place(
    connect: Connect, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    line = 'server: {api_keys: ["${env.MY_KEY:=s3cret}"]}'
    told = as_json(connect("openai", write("models: {q: {provider: demo}}", line), "--json"))
    assert "its default is in server.api_keys at" in told["notes"][0]
    assert "s3cret" not in json.dumps(told)


# -- what is refused ------------------------------------------------------------------------------


def test_an_unknown_client_is_told_its_near_match(refused: Connect) -> None:
    assert refused("claude_code").startswith(
        "no client 'claude_code' is installed; did you mean 'claude-code'? installed: anthropic, "
    )


@pytest.mark.parametrize(
    ("client", "apis", "speaks", "remedy"),
    [
        ("codex", "[messages, chat]", "responses", "responses"),
        ("claude-code", "[chat]", "messages", "messages"),
        ("openai", "[messages]", "responses or chat", "responses"),
    ],
)
def test_a_protocol_that_is_not_served_is_named_with_the_remedy(
    refused: Connect, write: Write, client: str, apis: str, speaks: str, remedy: str
) -> None:
    source = write("models: {qwen: {provider: demo}}", apis=apis)
    assert refused(client, source) == (
        f"{client} speaks {speaks}, and what is served is {apis.strip('[]')}; "
        f"add {remedy} to `apis` in {source}"
    )


def test_a_stack_that_names_no_model_asks_for_one(refused: Connect, write: Write) -> None:
    source = write()
    assert refused("codex", source) == (
        f"{source} names no model; choose one with --model PROVIDER/MODEL (providers: demo)"
    )


def test_where_nobody_chose_a_model_the_others_are_named(connect: Connect, write: Write) -> None:
    source = write("models: {a: {provider: demo}, b: {provider: demo}, c: {provider: demo}}")
    told = as_json(connect("curl", source, "--json"))
    assert (told["model"], told["notes"]) == ("a", ["--model chooses another model: b, c"])
    assert as_json(connect("curl", source, "--model", "b", "--json"))["notes"] == []


def test_a_name_that_only_a_provider_can_know_is_noted(connect: Connect, write: Write) -> None:
    source = write("models: {qwen: {provider: demo}}")
    (note, *_) = as_json(connect("codex", source, "--model", "qwem", "--json"))["notes"]
    assert note.startswith("nothing here names the model 'qwem'; it is served if a provider")
    assert note.endswith("did you mean 'qwen'?")
    notes = as_json(connect("curl", source, "--model", "demo/any", "--json"))["notes"]
    assert notes == []


def test_a_port_that_is_not_known_yet_is_refused(refused: Connect) -> None:
    assert refused("curl", "starter", "--set", "server.port=0") == (
        "server.port: 0 is any free port; give the URL that `stack run` prints, or another port"
    )


# -- a running stack ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running() -> Iterator[str]:
    with serving("scripted", "--set", "server.api_keys=[k3y]") as url:
        yield url


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACK_API_KEY", "k3y")


@pytest.mark.usefixtures("key")
def test_a_running_stack_tells_its_models_and_their_sizes(connect: Connect, running: str) -> None:
    told = as_json(connect("claude-code", running + "/", "--json"))
    assert (told["url"], told["stack"], told["model"]) == (running, "scripted", "scripted")
    assert told["environment"]["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] == "32768"
    assert told["environment"]["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] == "4096"
    assert not any("not served" in note for note in told["notes"]), "a glob serves the names"
    config = json.loads(
        as_json(connect("opencode", running, "--json"))["environment"]["OPENCODE_CONFIG_CONTENT"]
    )
    limits = {"limit": {"context": 32768, "output": 4096}}
    assert config["provider"]["stack"]["models"] == {"scripted": limits}
    profile = tomllib.loads(connect("codex", running, "--model", "gpt-anything"))
    assert (profile["model"], profile["model_context_window"]) == ("gpt-anything", 32768)
    assert profile["model_providers"]["stack"]["env_key"] == "STACK_API_KEY"


def test_a_running_stack_tells_its_default_model(connect: Connect, write: Write) -> None:
    lines = ("models: {a: {provider: demo}, b: {provider: demo}}", "default_model: b")
    with serving(write(*lines)) as url:
        told = as_json(connect("openai", url, "--json"))
    assert told["model"] == "b"
    assert not any("--model chooses" in note for note in told["notes"])


def test_a_stack_that_serves_one_protocol_is_asked_in_it(connect: Connect, write: Write) -> None:
    with serving(write("models: {a: {provider: demo}}", apis="[ollama]")) as url:
        told = as_json(connect("ollama", url, "--json", "--model", "a"))
    assert (told["model"], told["environment"]) == ("a", {"OLLAMA_HOST": url})


@pytest.mark.usefixtures("key")
def test_a_running_stack_is_asked_for_the_name(refused: Connect, running: str) -> None:
    assert refused("codex", running, "--model", "nope") == (
        f"{running} does not serve 'nope'; its models: scripted"
    )


def test_a_locked_stack_wants_its_key(
    refused: Connect, running: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STACK_API_KEY", raising=False)
    assert refused("codex", running) == (
        f"{running} wants a key; set STACK_API_KEY to one of its server.api_keys"
    )
    monkeypatch.setenv("STACK_API_KEY", "another")
    assert refused("codex", running) == f"{running} does not take the key that is in STACK_API_KEY"


def test_where_nobody_answers_the_remedy_is_said(refused: Connect) -> None:
    said = refused("codex", "http://127.0.0.1:1")
    assert said.startswith("http://127.0.0.1:1: no polystack answers there (")
    assert said.endswith("start it with `stack run`, or name its distribution")


def test_overrides_of_a_running_stack_are_refused(refused: Connect) -> None:
    assert "a running server takes none" in refused("codex", "http://[::1]:1", "--set", "name=x")


# -- clients of other packages --------------------------------------------------------------------

AIDER = '''
"""A client of somebody else's."""
from polystack.core.contract.client import Client, File, Recipe
from polystack.core import hookimpl

class Aider(Client):
    name = "aider"
    title = "Aider"
    apis = ("chat",)

    def recipe(self, at):
        file = File(".aider.conf.yml", f"openai-api-base: {at.url}/v1\\n")
        return Recipe(file=file, start="aider")

@hookimpl
def register_clients(register):
    register(Aider())
'''


def test_a_third_party_adds_a_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "aiders", "client.aider = aiders", AIDER)
    monkeypatch.syspath_prepend(str(tmp_path))
    printed = connecting.text(*connecting.connect("aider", "starter", None, [], Plugins()))
    assert printed == (
        "# Aider: tiny of 'starter' at http://127.0.0.1:8321\n"
        "# Save this as .aider.conf.yml; then: aider\n"
        "\n"
        "openai-api-base: http://127.0.0.1:8321/v1"
    )


def test_a_client_that_is_none_is_blamed_on_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "wrong", "client.x = wrong", AIDER.replace("Aider()", "Aider"))
    monkeypatch.syspath_prepend(str(tmp_path))
    install(tmp_path, "aiders", "client.aider = aiders", AIDER)
    rows, broken = connecting.listing(plugins_at(tmp_path))
    assert rows == [{"client": "aider", "speaks": "chat", "title": "Aider"}]
    assert len(broken) == 1
    assert "from wrong 1.0) cannot be loaded: TypeError: register() takes an instance" in broken[0]


# -- the documentation ----------------------------------------------------------------------------

PAGE = (Path(__file__).parents[3] / "docs" / "clients.md").read_text()
SHOWN = re.findall(r"^```console\n\$ stack connect(.*)\n((?s:.*?))^```$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("args", "printed"), SHOWN, ids=[args or " list" for args, _ in SHOWN])
def test_the_page_shows_what_is_printed(connect: Connect, args: str, printed: str) -> None:
    assert connect(*args.split()) == printed


def test_the_page_shows_every_client() -> None:
    assert {args.split()[0] for args, _ in SHOWN if args} == set(CLIENTS)
