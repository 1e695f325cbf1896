"""Plugins: listed without imports, loaded one by one, blamed by name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest
from plugin_packages import PROVIDER, install, plugins_at

from polystack.core import ConfigError
from polystack.core.runtime.installed import Plugin
from polystack.core.runtime.plugins import PluginError, Plugins

Install = Callable[..., Plugins]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs packages in a folder of their own and gives the plugins found there."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def one(source: str | None, entry_points: str = "", package: str = "acme") -> Plugins:
        install(tmp_path, package, entry_points or f"provider.quiet = {package}", source)
        return plugins_at(tmp_path)

    yield one
    for name in ("acme", "beta"):
        sys.modules.pop(name, None)


def test_a_third_party_provider_is_loaded_by_its_type(installed: Install) -> None:
    assert installed(PROVIDER).provider("quiet").__name__ == "Quiet"


def test_listing_tells_the_package_and_imports_nothing(installed: Install) -> None:
    plugins = installed("raise SystemExit('imported')")
    assert plugins.list() == [Plugin("provider", "quiet", "acme", "1.0", "acme")]
    assert plugins.list("api") == []
    assert "acme" not in sys.modules


def test_the_builtin_plugins_come_in_by_the_same_door() -> None:
    listed = {(plugin.kind, plugin.type, plugin.package) for plugin in Plugins().list()}
    assert ("api", "chat", "polystack") in listed
    assert ("provider", "scripted", "polystack") in listed
    assert ("distribution", "starter", "polystack") in listed


def test_a_shipped_template_is_a_file() -> None:
    assert Plugins().distribution("starter").name == "starter.yaml"


def test_an_entry_point_may_name_an_object_in_a_module(installed: Install) -> None:
    source = PROVIDER.replace("@hookimpl\ndef", "class Hooks:\n  @hookimpl\n  def")
    source = source.replace("register_providers(register)", "register_providers(self, register)")
    plugins = installed(source + "\nhooks = Hooks()\n", "provider.quiet = acme:hooks")
    assert plugins.provider("quiet").type == "quiet"


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("import nothing_of_this_name", "No module named 'nothing_of_this_name'"),
        ("def broken(:\n", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise RuntimeError('two\\nlines')", "RuntimeError: two lines"),
        ("import sys; sys.exit()", "SystemExit"),
        ("", "registered nothing, but not 'quiet'"),
        (PROVIDER.replace('"quiet"', '"loud"'), "registered 'loud', but not 'quiet'"),
        (PROVIDER.replace("register(Quiet)", "register(42)"), "takes a subclass of Provider"),
        (PROVIDER.replace("register(Quiet)", "register(Quiet())"), "TypeError"),
        (PROVIDER.replace("register(Quiet)", "1/0"), "ZeroDivisionError: division by zero"),
        (PROVIDER.replace("async def models", "async def modells"), "does not define models"),
        (PROVIDER.replace("(BaseModel)", ""), "Quiet.Config is not a pydantic model"),
        (PROVIDER.replace("def register_providers", "def register_provider"), "unknown hook"),
        (PROVIDER.replace("(register):", "(registry):"), "registry"),
    ],
)
def test_a_broken_plugin_is_one_error_that_names_it(
    installed: Install, source: str, complaint: str
) -> None:
    with pytest.raises(PluginError) as caught:
        installed(source).provider("quiet")
    message = caught.value.message
    assert message.startswith("plugin 'provider.quiet' (acme, from acme 1.0) ")
    assert complaint in message
    assert "\n" not in message


def test_a_module_that_is_missing_is_a_broken_plugin(installed: Install) -> None:
    with pytest.raises(PluginError, match=r"acme 1\.0\) cannot be loaded: ModuleNotFoundError"):
        installed(None).provider("quiet")


def test_an_interrupt_while_loading_is_no_fault_of_the_plugin(installed: Install) -> None:
    with pytest.raises(KeyboardInterrupt):
        installed("raise KeyboardInterrupt").provider("quiet")


@pytest.mark.parametrize("kind", ["registers a wrong hook", "fails at import"])
def test_a_broken_plugin_stops_no_other(installed: Install, kind: str) -> None:
    wrong_hook = "from polystack.core import hookimpl\n@hookimpl\ndef register_x(): ...\n"
    installed(wrong_hook if "hook" in kind else "1/0", "provider.bad = beta", package="beta")
    plugins = installed(PROVIDER)
    with pytest.raises(PluginError, match="beta"):
        plugins.provider("bad")
    assert plugins.provider("quiet").type == "quiet"
    with pytest.raises(PluginError, match="beta"):
        plugins.provider("bad")


def test_loading_one_plugin_calls_the_hooks_of_no_other(installed: Install) -> None:
    counting = PROVIDER.replace("register(Quiet)", "calls.append(1); register(Quiet)")
    installed(
        "calls = []\n" + counting.replace('"quiet"', '"beta"'), "provider.beta = beta", "beta"
    )
    plugins = installed(PROVIDER)
    plugins.provider("beta")
    plugins.provider("quiet")
    plugins.provider("beta")
    assert sys.modules["beta"].calls == [1]


def test_an_unknown_type_lists_what_there_is(installed: Install) -> None:
    with pytest.raises(ConfigError) as caught:
        installed(PROVIDER).provider("quite")
    assert caught.value.message == (
        "no provider 'quite' is installed; did you mean 'quiet'? installed: quiet"
    )


def test_two_packages_for_one_type_are_an_error_when_it_is_used(installed: Install) -> None:
    installed(PROVIDER, package="beta")
    plugins = installed(PROVIDER)
    assert [plugin.package for plugin in plugins.list("provider")] == ["acme", "beta"]
    with pytest.raises(PluginError, match=r"provided by acme 1\.0 and beta 1\.0; uninstall"):
        plugins.provider("quiet")


@pytest.mark.parametrize("name", ["quiet", ".quiet", "provider."])
def test_a_name_that_is_no_kind_and_type_is_reported_and_harmless(
    installed: Install, name: str
) -> None:
    plugins = installed(PROVIDER, f"{name} = acme\nprovider.quiet = acme")
    assert plugins.provider("quiet").type == "quiet"
    assert len(plugins.list()) == 1
    assert f"entry point {name!r} of acme 1.0 is not named kind.type" in plugins.broken[0]


def test_a_kind_that_nothing_loads_is_listed_all_the_same(installed: Install) -> None:
    plugins = installed("", "voice.loud = acme")
    (plugin,) = plugins.list("voice")
    with pytest.raises(PluginError, match="nothing loads plugins of the kind 'voice'"):
        plugins.load(plugin)


def test_a_package_with_damaged_metadata_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "acme", "provider.quiet = acme", PROVIDER)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    def fail(**params: object) -> None:
        raise ValueError("not enough values to unpack")

    monkeypatch.setattr(metadata, "entry_points", fail)
    types = {plugin.type for plugin in Plugins().list("provider")}
    assert {"quiet", "scripted"} <= types


def test_an_entry_point_without_a_package_is_named_by_its_module() -> None:
    lone = metadata.EntryPoint("api.odd", "odd.wire:hooks", "polystack")
    assert Plugins([lone]).list() == [Plugin("api", "odd", "odd", "unknown", "odd.wire:hooks")]


STORE = (
    PROVIDER.replace("Provider", "Store")
    .replace("providers", "stores")
    .replace(
        "from polystack.core import Store, hookimpl",
        "from polystack.core import hookimpl\nfrom polystack.core.contract.store import Store",
    )
)
METHODS = (
    "    async def get(self, key): ...\n    put_all = swap = delete = delete_all = list = get\n"
)


def test_a_store_is_loaded_by_its_type(installed: Install) -> None:
    whole = STORE.replace("    class Config", METHODS + "    class Config")
    assert installed(whole, "store.quiet = acme").store("quiet").__name__ == "Quiet"


def test_a_store_that_lacks_a_method_is_broken(installed: Install) -> None:
    with pytest.raises(
        PluginError, match="Quiet does not define delete, delete_all, get, list, put_all, swap"
    ):
        installed(STORE, "store.quiet = acme").store("quiet")


EXECUTOR = (
    STORE.replace("Store", "Executor")
    .replace("stores", "executors")
    .replace("contract.store", "contract.executor")
)


def test_an_executor_is_loaded_by_its_type(installed: Install) -> None:
    methods = "    def serves(self, tool): ...\n    tools = call = serves\n"
    whole = EXECUTOR.replace("    class Config", methods + "    class Config")
    assert installed(whole, "executor.quiet = acme").executor("quiet").__name__ == "Quiet"


def test_an_executor_that_lacks_a_method_is_broken(installed: Install) -> None:
    with pytest.raises(PluginError, match="Quiet does not define call, serves, tools"):
        installed(EXECUTOR, "executor.quiet = acme").executor("quiet")


COMMAND = """
from polystack.core import hookimpl

@hookimpl
def register_commands(register):
    register("greet", print)
"""


def test_a_command_is_loaded_by_its_name(installed: Install) -> None:
    assert installed(COMMAND, "command.greet = acme").command("greet") is print


@pytest.mark.parametrize("given", ["'greet', 42", "print, print"])
def test_a_command_is_something_to_call_under_a_name(installed: Install, given: str) -> None:
    source = COMMAND.replace("'greet', print", given).replace('"greet", print', given)
    with pytest.raises(PluginError, match="takes a name and a typer app or a function, not"):
        installed(source, "command.greet = acme").command("greet")
