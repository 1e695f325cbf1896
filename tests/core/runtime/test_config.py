"""Distributions: what they mean, what the environment and `--set` do to them, what is refused."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from distribution_files import MINIMAL, metadata_only
from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

from polystack.core import ConfigError, Model, Provider
from polystack.core.runtime.config import Loaded, load, masked, provider_config
from polystack.core.runtime.plugins import Plugins

Load = Callable[..., Loaded]


@pytest.fixture
def read(tmp_path: Path) -> Load:
    def one(text: str, overrides: Sequence[str] = (), env: Mapping[str, str] = {}) -> Loaded:
        path = tmp_path / "demo.yaml"
        path.write_text(text)
        return load(path, plugins=metadata_only(), overrides=overrides, env=env)

    return one


def refusal(read: Load, *args: Any, **kwargs: Any) -> str:
    """The message of the error, from the file's name on."""
    with pytest.raises(ConfigError) as caught:
        read(*args, **kwargs)
    assert "\n" not in caught.value.message
    return caught.value.message.rpartition("/demo.yaml:")[2]


class Tuned(Provider):
    type = "quiet"

    class Config(BaseModel):
        model_config = ConfigDict(extra="forbid")
        threads: int = 2
        api_key: SecretStr | None = None
        pin: SecretStr | None = None
        url: str = ""
        nested: dict[str, int] = {}

        @field_validator("url", mode="before")
        @classmethod
        def _quotes_its_input(cls, url: object) -> object:
            url = url["token"] if isinstance(url, dict) else url
            if "bad" in str(url):
                raise ValueError(f"{url} is no address")
            return url

    async def models(self) -> Sequence[Model]:
        return []


# -- what a distribution is -----------------------------------------------------------------------


def test_a_minimal_distribution_has_the_documented_defaults(read: Load) -> None:
    loaded = read(MINIMAL)
    server = loaded.distribution.server
    assert (server.host, server.port, server.max_body) == ("127.0.0.1", 8321, 32 * 1024 * 1024)
    assert (server.max_depth, server.first_event_timeout, server.keep_alive) == (256, 10, 10)
    assert loaded.distribution.fidelity == "lenient"
    assert loaded.distribution.models["small"].model is None
    assert loaded.notes == []


@pytest.mark.parametrize("name", ["starter", "scripted", "starter.yaml"])
def test_the_shipped_templates_are_valid(name: str) -> None:
    loaded = load(name, plugins=Plugins(), env={})
    assert loaded.distribution.name == name.removesuffix(".yaml")
    assert loaded.distribution.apis == ["messages", "responses", "chat", "ollama"]
    assert loaded.notes == []


def test_a_mapping_makes_the_same_distribution_as_a_file(read: Load) -> None:
    mapping = {
        "version": 1,
        "name": "demo",
        "apis": ("chat",),
        "providers": {"here": {"type": "quiet"}},
        "models": {"small": {"provider": "here"}},
    }
    loaded = load(mapping, plugins=metadata_only())
    assert loaded.distribution == read(MINIMAL).distribution
    assert loaded.path is None


def test_a_fault_in_a_mapping_has_a_key_and_no_line() -> None:
    with pytest.raises(ConfigError, match=r"^the distribution: nam: is not a known key; did"):
        load({"version": 1, "nam": "x"}, plugins=metadata_only())


def test_sizes_may_be_written_with_units(read: Load) -> None:
    assert read(MINIMAL + "server: {max_body: 2MiB}").distribution.server.max_body == 2 << 20


def test_aliases_and_the_default_may_name_what_only_a_running_provider_knows(read: Load) -> None:
    text = MINIMAL + "aliases: {big: here/org/big-7b}\ndefault_model: here/other\n"
    assert read(text).distribution.aliases == {"big": "here/org/big-7b"}


def test_the_default_may_be_an_exact_alias(read: Load) -> None:
    text = MINIMAL + "aliases: {usual: small}\ndefault_model: usual\n"
    assert read(text).distribution.default_model == "usual"


def test_a_server_open_to_others_without_a_key_is_noted(read: Load) -> None:
    (note,) = read(MINIMAL + "server: {host: 0.0.0.0}").notes
    assert "anyone who reaches 0.0.0.0 may use this stack" in note
    assert read(MINIMAL + f"server: {{host: 0.0.0.0, api_keys: [{'k' * 16}]}}").notes == []


def test_a_short_key_of_a_server_open_to_others_is_noted(read: Load) -> None:
    (note,) = read(MINIMAL + "server: {host: 0.0.0.0, api_keys: [change-me]}").notes
    assert note == "server.api_keys: a key of 9 characters can be guessed; use a longer one"
    assert read(MINIMAL + "server: {api_keys: [change-me]}").notes == []


# -- where it comes from --------------------------------------------------------------------------


def test_a_file_in_the_folder_comes_before_a_template(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("starter.yaml").write_text(MINIMAL)
    assert load("starter.yaml", plugins=metadata_only(), env={}).path == Path("starter.yaml")


def test_an_unknown_name_lists_the_templates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load("startr.yaml", plugins=metadata_only())
    assert caught.value.message == (
        "startr.yaml: no such file, and no template of this name; did you mean 'starter'? "
        "templates: starter"
    )


def test_a_path_is_never_taken_for_a_template(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^starter: no such file or directory$"):
        load("./starter", plugins=Plugins())


def test_a_folder_is_no_distribution(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a directory"):
        load(tmp_path, plugins=metadata_only())


# -- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("providers:", "prviders:"), "4:1: prviders: is not a known key; did you mean 'provid"),
        (("name: demo\n", ""), "1:1: name: is missing; add it"),
        (("version: 1", "version: 2"), "1:10: version: must be 1, not 2"),
        (("version: 1", "version: true"), "1:10: version: must be a number, not true"),
        (("name: demo", "name: 7"), "2:7: name: must be text, not 7; put it in quotes"),
        (("name: demo", "name:"), "2:1: name: must be text, not nothing"),
        (("name: demo", "name: ''"), "2:7: name: must have at least 1 character, not ''"),
        (("[chat]", "[]"), "3:1: apis: must have at least 1 item"),
        (("[chat]", "chat"), "3:7: apis: must be a list, not 'chat'"),
        (("[chat]", "[chat, chta]"), "3:14: apis.1: no api 'chta' is installed; did you mean"),
        (("[chat]", "[chat, chat]"), "3:14: apis.1: 'chat' stands here twice; remove one"),
        (("{type: quiet}", "quiet"), "5:9: providers.here: must be a mapping, not 'quiet'"),
        (("{type: quiet}", "{}"), "5:3: providers.here.type: is missing; add it"),
        (("type: quiet", "typ: quiet"), "5:10: providers.here.typ: is not a known key; did you"),
        (("quiet", "quite"), "5:16: providers.here.type: no provider 'quite' is installed; did y"),
        (("quiet", "quiet, config: 3"), "5:31: providers.here.config: must be a mapping, not 3"),
        (("  here:", "  a/b:"), "5:3: providers.a/b: as a name, must match pattern"),
        (("provider: here", "provider: her"), "7:21: models.small.provider: 'her' is no provider"),
        (("small:", "7:"), "7:3: the key 7 is not text; put it in quotes"),
    ],
)
def test_a_fault_says_where_what_and_what_to_do(
    read: Load, change: tuple[str, str], message: str
) -> None:
    assert refusal(read, MINIMAL.replace(*change)).startswith(message)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("aliases: {a: smal}", "8:14: aliases.a: 'smal' is no model of this distribution; did y"),
        ("aliases: {a: b, b: small}", "8:14: aliases.a: 'b' is no model of this distribution"),
        ("aliases: {a: there/x}", "8:14: aliases.a: 'there/x' is no model of this distribution"),
        ("default_model: big", "8:16: default_model: 'big' is no model of this distribution; mod"),
        ("aliases: {'g-*': small}\ndefault_model: g-*", "9:16: default_model: 'g-*' is no model"),
        ("server: {port: true}", "8:16: server.port: must be a number, not true"),
        ("server: {port: 70000}", "8:16: server.port: must be less than or equal to 65535, not "),
        ("server: {port: 80.5}", "8:16: server.port: must be a whole number, not 80.5"),
        ("server: {keep_alive: .inf}", "8:22: server.keep_alive: must be less than or equal to"),
        ("server: {keep_alive: .nan}", "8:22: server.keep_alive: must be greater than 0, not nan"),
        ("server: {keep_alive: 0}", "8:22: server.keep_alive: must be greater than 0, not 0"),
        ("server: {max_depth: 2000}", "8:21: server.max_depth: must be less than or equal to 1024"),
        ("server: {max_body: 3 spoons}", "8:20: server.max_body: must be a size such as 32MiB"),
        ("server: {prot: 1}", "8:10: server.prot: is not a known key; did you mean 'port'?"),
        ("server: {api_keys: ['']}", "8:10: server.api_keys: an empty key would let nobody or ev"),
        ("fidelity: NO", "8:11: fidelity: must be 'lenient' or 'strict', not 'NO'"),
    ],
)
def test_a_fault_in_an_added_line_is_found_there(read: Load, line: str, message: str) -> None:
    assert refusal(read, MINIMAL + line).startswith(message)


def test_a_secret_of_the_wrong_type_is_not_shown(read: Load) -> None:
    message = refusal(read, MINIMAL + "server: {api_keys: [12345]}")
    assert message == "8:21: server.api_keys.0: must be text, not **********; put it in quotes"


# -- environment ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${env.X}", "set"),
        ("a ${env.X}-${env.X} b", "a set-set b"),
        ("${env.X:=other}", "set"),
        ("${env.NONE:=other one}", "other one"),
        ("${env.NONE:=}", ""),
        ("${env.EMPTY:=other}", "other"),
        ("${env.X:+yes}", "yes"),
        ("${env.NONE:+yes}", ""),
        ("${env.EMPTY:+yes}", ""),
        ("$${env.X}", "${env.X}"),
        ("$$$${env.X}", "$${env.X}"),
        ("5$ and $HOME", "5$ and $HOME"),
        ("${env.TRICK}", "${env.X}$$"),
        ("{env.X}", "{env.X}"),
    ],
)
def test_the_environment_goes_into_values(read: Load, written: str, value: str) -> None:
    env = {"X": "set", "EMPTY": "", "TRICK": "${env.X}$$"}
    assert read(f"{MINIMAL}description: '{written}'", env=env).distribution.description == value


@pytest.mark.parametrize("name", ["X", "EMPTY"])
def test_a_variable_that_is_needed_must_be_set(read: Load, name: str) -> None:
    message = refusal(read, MINIMAL + f"description: a ${{env.{name}}}", env={"EMPTY": ""})
    assert message == (
        f"8:14: description: the environment variable {name} is not set; set it, or give a "
        f"default: ${{env.{name}:=…}}"
    )


@pytest.mark.parametrize(
    "written", ["${X}", "${env.}", "${env.X", "${env.X:-d}", "${env.9}", "${env.X:=${env.Y}}", "${"]
)
def test_other_forms_are_refused_with_the_right_ones(read: Load, written: str) -> None:
    message = refusal(read, MINIMAL + f"description: '{written}'", env={"X": "1", "Y": "2"})
    assert message.startswith("8:14: description: a ${ that stands for nothing known; write ${env.")


def test_keys_take_nothing_from_the_environment(read: Load) -> None:
    message = refusal(read, MINIMAL + "${env.X}: 1", env={"X": "name"})
    assert message == "8:1: environment values can be values, never keys"


def test_text_from_the_environment_becomes_what_its_field_is(read: Load) -> None:
    text = MINIMAL + "server: {port: '${env.N}', api_keys: ['${env.N}'], keep_alive: '${env.N}'}"
    server = read(text, env={"N": "123"}).distribution.server
    assert (server.port, server.keep_alive) == (123, 123.0)
    assert server.api_keys[0].get_secret_value() == "123"


def test_no_error_shows_what_the_environment_holds(read: Load) -> None:
    secret = "hunter2hunter2"
    lines = [
        "server: {port: '${env.S}'}",
        "server: {max_body: '${env.S}'}",
        "default_model: ${env.S}",
        "fidelity: ${env.S}",
        "aliases: {a: '${env.S}'}",
        "apis: ['${env.S}']",
        "server: '${env.S}'",
    ]
    for line in lines:
        base = MINIMAL.replace("apis: [chat]\n", "") if line.startswith("apis") else MINIMAL
        message = refusal(read, base + line, env={"S": secret})
        assert secret not in message


# -- when -----------------------------------------------------------------------------------------

CLOUD = (
    MINIMAL.replace(
        "models:",
        "  cloud: {type: not-installed, when: WHEN, config: {key: '${env.CLOUD_KEY}'}}\nmodels:",
    )
    + """\
  large: {provider: cloud}
aliases: {best: large, direct: cloud/x, usual: small}
default_model: best
"""
)


@pytest.mark.parametrize("when", ["'${env.CLOUD_KEY:+yes}'", "''", "false", "'no'", "'0'", ""])
def test_a_provider_left_out_takes_its_models_and_aliases_along(read: Load, when: str) -> None:
    loaded = read(CLOUD.replace("WHEN", when))
    assert list(loaded.distribution.providers) == ["here"]
    assert list(loaded.distribution.models) == ["small"]
    assert loaded.distribution.aliases == {"usual": "small"}
    assert loaded.distribution.default_model is None
    assert loaded.disabled == ("cloud",)
    assert loaded.notes == [
        "provider cloud is left out by its `when`",
        "model large is left out with its provider cloud",
        "alias best is left out with its model large",
        "alias direct is left out with its model cloud/x",
        "default_model best is left out: requests must name a model",
    ]


def test_a_provider_that_is_wanted_must_be_installed(read: Load) -> None:
    text = CLOUD.replace("WHEN", "'${env.CLOUD_KEY:+yes}'")
    message = refusal(read, text, env={"CLOUD_KEY": "k"})
    assert message.startswith("6:17: providers.cloud.type: no provider 'not-installed'")


def test_a_provider_left_out_is_still_spelled_right(read: Load) -> None:
    text = CLOUD.replace("WHEN", "''").replace("config:", "confg:")
    assert "providers.cloud.confg: is not a known key; did you mean 'config'?" in refusal(
        read, text
    )


# -- overrides ------------------------------------------------------------------------------------


def test_overrides_write_over_the_file(read: Load) -> None:
    overrides = [
        "server.port=9000",
        "name='8'",
        'aliases."gpt-4.1"=small',
        "apis=[chat, messages]",
        "models.other={provider: here, model: x}",
        "server.host=a=b",
    ]
    whole = read(MINIMAL, overrides).distribution
    assert (whole.server.port, whole.name, whole.server.host) == (9000, "8", "a=b")
    assert whole.aliases == {"gpt-4.1": "small"}
    assert whole.apis == ["chat", "messages"]
    assert whole.models["other"].model == "x"


def test_an_override_takes_the_environment_too(read: Load) -> None:
    loaded = read(MINIMAL, ["server.port=${env.PORT}"], env={"PORT": "77"})
    assert loaded.distribution.server.port == 77


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("server.port=x", "--set server.port: server.port: must be a whole number, not 'x'"),
        ("servr.port=1", "--set servr.port: servr: is not a known key; did you mean 'server'?"),
        ("apis={}", "--set apis: apis: must be a list, not a mapping"),
        ("apis.0=x", "--set apis.0: apis is a list; set it as a whole"),
        ("name.x=1", "--set name.x: name is a single value; set it as a whole"),
        ("server={port: [}", "--set server: not YAML: while parsing a flow node"),
        ("name=", "--set name: name: must be text, not nothing"),
        ("server.port", "--set 'server.port': not of the form key=value"),
        ("=1", "--set '': not of the form key=value"),
        ("a..b=1", "--set 'a..b': not of the form key=value"),
        ("default_model=big", "--set default_model: default_model: 'big' is no model"),
    ],
)
def test_a_fault_in_an_override_names_the_override(read: Load, override: str, message: str) -> None:
    assert refusal(read, MINIMAL, [override]).startswith(message)


def test_an_override_that_fails_does_not_show_its_value(read: Load) -> None:
    message = refusal(read, MINIMAL, ["server.api_keys.0 = hunter2"])
    assert "hunter2" not in message


def test_an_override_changes_one_use_of_an_anchor_and_not_the_other(read: Load) -> None:
    text = MINIMAL.replace("{provider: here}", "&m {provider: here}") + "  twin: *m\n"
    models = read(text, ["models.twin.model=x"]).distribution.models
    assert (models["small"].model, models["twin"].model) == (None, "x")


# -- the options of providers ---------------------------------------------------------------------


def options(read: Load, config: str, env: Mapping[str, str] = {}) -> Any:
    text = MINIMAL.replace("{type: quiet}", f"{{type: quiet, config: {config}}}")
    return provider_config(read(text, env=env), "here", Tuned)


def test_the_options_of_a_provider_become_its_own_model(read: Load) -> None:
    config = options(read, "{threads: 4, api_key: '${env.K}'}", {"K": "0123"})
    assert config.threads == 4
    assert config.api_key.get_secret_value() == "0123"


def test_options_that_are_not_written_are_the_defaults(read: Load) -> None:
    assert provider_config(read(MINIMAL), "here", Tuned).model_dump()["threads"] == 2


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            "{thread: 4}",
            "5:32: providers.here.config.thread: is not a known key; did you mean 'thr",
        ),
        ("{threads: many}", "5:41: providers.here.config.threads: must be a whole number, not 'ma"),
        ("{nested: {a: b}}", "5:44: providers.here.config.nested.a: must be a whole number, not"),
        ("{url: bad}", "5:37: providers.here.config.url: bad is no address"),
    ],
)
def test_a_fault_in_an_option_has_its_line_too(read: Load, config: str, message: str) -> None:
    assert refusal(lambda: options(read, config)).startswith(message)


@pytest.mark.parametrize("config", ["{url: '${env.U}'}", "{url: {token: bad-hunter2}}"])
def test_a_validator_that_quotes_its_input_leaks_no_secret(read: Load, config: str) -> None:
    message = refusal(lambda: options(read, config, {"U": "bad-hunter2"}))
    assert "hunter2" not in message
    assert "config.url: ********** is no address" in message


# -- what people are shown ------------------------------------------------------------------------


def test_secrets_are_masked_by_type_by_name_and_by_origin(read: Load) -> None:
    config = (
        "{api_key: sk-written, headers: {X-Api-Key: sk-header, accept: json}, url: '${env.U}', "
        "mode: '${env.M:=fast}', on: '${env.U:+yes}', max_tokens: 5, proxy: 'http://me:pw@host/'}"
    )
    text = MINIMAL.replace("{type: quiet}", f"{{type: quiet, config: {config}}}")
    loaded = read(text + "server: {api_keys: [sk-server]}", env={"U": "u-from-env", "M": "fast"})
    document = masked(loaded)
    hidden = "*" * 10
    assert document["providers"]["here"]["config"] == {
        "api_key": hidden,
        "headers": {"X-Api-Key": hidden, "accept": "json"},
        "url": hidden,
        "mode": "fast",
        "on": "yes",
        "max_tokens": 5,
        "proxy": f"http://{hidden}@host/",
    }
    assert document["server"]["api_keys"] == [hidden]
    for secret in ("sk-written", "sk-header", "sk-server", "u-from-env"):
        assert secret not in repr(document)


def test_masking_with_the_provider_shows_its_defaults_and_hides_its_secrets(read: Load) -> None:
    class Known(Plugins):
        def provider(self, type: str) -> Any:
            return Tuned

    text = MINIMAL.replace("{type: quiet}", "{type: quiet, config: {pin: abc}}")
    config = masked(read(text), Known([]))["providers"]["here"]["config"]
    assert config["pin"] == "*" * 10
    assert config["threads"] == 2


def test_the_process_environment_is_used_unless_another_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "POLYSTACK_TEST_NAME", "from here")
    path = tmp_path / "demo.yaml"
    path.write_text(MINIMAL + "description: ${env.POLYSTACK_TEST_NAME}")
    loaded = load(str(path), plugins=metadata_only())
    assert loaded.distribution.description == "from here"
