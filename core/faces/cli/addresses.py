"""What can be known of a stack beforehand: from its distribution, or from the running server.

A distribution is read and nothing of it is started, so what only a provider knows stays unknown:
the sizes of models, and names that nothing in the file mentions. A server is asked with plain
GETs, in the shapes that the operations of its APIs declare.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ...canon.errors import ConfigError
from ...contract.api import Api
from ...contract.client import Address, Client
from ...contract.provider import Model
from ...runtime.config import Distribution, Loaded, ServerConfig, load
from ...runtime.plugins import Plugins
from ...runtime.secrets import MASK
from ...runtime.spelling import near
from .running import KEY, Server

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # what is listened on, but cannot be called
REFERENCE = re.compile(r"\$\{env\.(\w+)(?::=[^{}]*)?\}")


@dataclass(frozen=True, slots=True)
class Found:
    """An address, the name of what is there, and what its user should know."""

    address: Address
    name: str
    notes: Sequence[str]


def find(
    source: str, client: Client, model: str | None, overrides: Sequence[str], plugins: Plugins
) -> Found:
    """Raises `ConfigError` for a stack that does not fit the client."""
    if source.startswith(("http://", "https://")):
        if overrides:
            raise ConfigError("--set changes a distribution; a running server takes none")
        return _running(Server(source, os.environ.get(KEY)), client, model, plugins)
    return _written(load(source, plugins=plugins, overrides=overrides), client, model, plugins)


def _fitting(client: Client, served: Sequence[str], remedy: str) -> None:
    if client.apis and not set(client.apis) & set(served):
        raise ConfigError(
            f"{client.name} speaks {' or '.join(client.apis)}, and what is served is "
            f"{', '.join(served)}; {remedy.format(client.apis[0])}"
        )


# From a distribution -----------------------------------------------------------------------------


def _written(loaded: Loaded, client: Client, model: str | None, plugins: Plugins) -> Found:
    whole = loaded.distribution
    _fitting(client, whole.apis, f"add {{}} to `apis` in {loaded.path}")
    asked = model or whole.default_model or next(iter({**whole.models, **whole.aliases}), None)
    if asked is None:
        raise ConfigError(
            f"{loaded.path} names no model; choose one with --model PROVIDER/MODEL "
            f"(providers: {', '.join(whole.providers)})"
        )
    known, (key, notes) = own(whole, asked), _key(loaded)
    address = Address(
        url=_url(whole.server),
        apis={name: plugins.api(name) for name in whole.apis},
        model=Model(asked),
        own=known or asked,
        models=[Model(name) for name in whole.models],
        names={name: of for name in client.asks_for if (of := own(whole, name))},
        key=key,
    )
    notes += [] if known else [_unknown(asked, whole)]
    notes += _others(asked, [*whole.models]) if not (model or whole.default_model) else []
    return Found(address, whole.name, [*loaded.notes, *notes])


def own(whole: Distribution, name: str) -> str | None:
    """The model that a name stands for, as far as the distribution says; None where it does not."""
    provider, slash, model = name.partition("/")
    if name in whole.models or (slash and model and provider in whole.providers):
        return name
    if name in whole.aliases:
        return whole.aliases[name]
    return next((to for alias, to in whole.aliases.items() if fnmatchcase(name, alias)), None)


def _unknown(asked: str, whole: Distribution) -> str:
    hint = near(asked, [*whole.models, *whole.aliases])
    return f"nothing here names the model {asked!r}; it is served if a provider offers it. {hint}"


def _others(asked: str, names: Sequence[str]) -> list[str]:
    """What a choice that nobody made could have been."""
    others = [name for name in names if name != asked]
    return [f"--model chooses another model: {', '.join(others[:10])}"] if others else []


def _url(server: ServerConfig) -> str:
    if server.port == 0:
        raise ConfigError(
            "server.port: 0 is any free port; give the URL that `stack run` prints, or another port"
        )
    host = EVERYWHERE.get(server.host, server.host)
    return f"http://[{host}]:{server.port}" if ":" in host else f"http://{host}:{server.port}"


def _key(loaded: Loaded) -> tuple[str | None, list[str]]:
    """The variable that clients take the server's first key from, and where that key is."""
    if not loaded.distribution.server.api_keys:
        return None, []
    node = loaded.tree.at(("server", "api_keys", 0))
    assert node is not None, "a key stands where keys are listed"
    reference = REFERENCE.fullmatch(node.written or "")
    where = f"server.api_keys at {node.place}"
    if reference is None:
        return KEY, [f"the server wants a key: export {KEY}={MASK} (it is in {where})"]
    said = "the server takes it from there as well" if node.secret else f"its default is in {where}"
    return reference[1], [f"the server wants a key: it has to be in {reference[1]} ({said})"]


# From a server -----------------------------------------------------------------------------------


def _running(server: Server, client: Client, model: str | None, plugins: Plugins) -> Found:
    name, served, default = server.index()
    _fitting(client, served, "add {} to `apis` of its distribution")
    apis = {api: plugins.api(api) for api in served if plugins.missing("api", api) is None}
    listed = {model.id: model for model in server.models(apis.values())}
    asked = model or default or next(iter(listed), None)
    if asked is None:
        raise ConfigError(f"{server.url} lists no model; choose one with --model PROVIDER/MODEL")
    found = listed.get(asked) or server.model(apis.values(), asked)
    if found is None:
        some = ", ".join(list(listed)[:10]) or "none"
        raise ConfigError(f"{server.url} does not serve {asked!r}; its models: {some}")
    address = Address(
        url=server.url,
        apis=apis,
        model=found,
        own=asked,
        models=list(listed.values()),
        names=_names(client, listed, server, apis),
        key=KEY if server.locked else None,
    )
    notes = [f"the server wants a key: it has to be in {KEY}"] if server.locked else []
    notes += [] if model or default else _others(asked, [*listed])
    return Found(address, name, notes)


def _names(
    client: Client, listed: Mapping[str, Model], server: Server, apis: Mapping[str, Api]
) -> dict[str, str | None]:
    names: dict[str, str | None] = {name: name for name in client.asks_for if name in listed}
    for name in client.asks_for:
        if name not in names and server.model(apis.values(), name):
            names[name] = None  # a glob serves it, and does not say from which model
    return names
