"""`stack connect`: what to set, save and type, so that a client asks this stack.

The text is for a shell, or is the client's own file; whatever is not for it begins with `#`. No
key is ever printed: a recipe names the variable that holds it.
"""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from ...canon.errors import ConfigError
from ...contract.client import Client, Recipe, Value, Variable
from ...runtime.plugins import Plugins
from .addresses import Found, find

Connection: TypeAlias = dict[str, Any]

COLUMNS = ("client", "speaks", "title")


def listing(plugins: Plugins) -> tuple[list[dict[str, str]], list[str]]:
    """The clients that are installed, with the protocols that they speak; and what is broken."""
    rows, broken = [], [*plugins.broken]
    for plugin in plugins.list("client"):
        try:
            client = plugins.client(plugin.type)
        except ConfigError as error:
            broken.append(error.message)
        else:
            speaks = ", ".join(client.apis) or "any"
            rows.append({"client": client.name, "speaks": speaks, "title": client.title})
    return rows, broken


def connect(
    name: str, source: str, model: str | None, overrides: Sequence[str], plugins: Plugins
) -> tuple[Client, Found, Recipe]:
    """Raises `ConfigError` where client and stack do not fit."""
    if problem := plugins.missing("client", name):
        raise ConfigError(problem)
    client = plugins.client(name)
    found = find(source, client, model, overrides, plugins)
    return client, found, client.recipe(found.address)


def document(client: Client, found: Found, recipe: Recipe) -> Connection:
    """The recipe as JSON values; a variable is written as a shell would."""
    file = recipe.file
    return {
        "client": client.name,
        "stack": found.name,
        "url": found.address.url,
        "model": found.address.model.id,
        "key": found.address.key,
        "environment": {
            name: f"${value.name}" if isinstance(value, Variable) else value
            for name, value in recipe.environment.items()
        },
        "file": {"path": file.path, "content": file.content} if file else None,
        "start": recipe.start or None,
        "script": recipe.script or None,
        "notes": [*found.notes, *recipe.notes],
    }


def text(client: Client, found: Found, recipe: Recipe) -> str:
    """The recipe to paste."""
    at = found.address
    lines = [*_comment(f"{client.title}: {at.model.id} of {found.name!r} at {at.url}")]
    for note in (*found.notes, *recipe.notes):
        lines += _comment(f"note: {note}")
    if recipe.file:
        lines += _comment(f"Save this as {recipe.file.path}; then: {recipe.start}")
        return "\n".join([*lines, "", recipe.file.content.rstrip("\n")])
    lines += [f"export {name}={_quoted(value)}" for name, value in recipe.environment.items()]
    if recipe.start:
        lines += _comment(f"then: {recipe.start}")
    return "\n".join([*lines, *(["", recipe.script] if recipe.script else [])])


def _comment(sentence: str) -> Iterator[str]:
    yield from textwrap.wrap(
        " ".join(sentence.split()),
        96,
        initial_indent="# ",
        subsequent_indent="#   ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _quoted(value: Value) -> str:
    return f'"${value.name}"' if isinstance(value, Variable) else shlex.quote(value)
