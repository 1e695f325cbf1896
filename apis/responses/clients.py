"""Clients of OpenAI Responses: Codex."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from ...core.contract.client import Address, Client, File, Recipe
from ...core.contract.hookspecs import hookimpl

PROFILE = "stack"
# Models that Codex 0.169.0 knows, and gives one tool that takes JavaScript instead of a shell.
OWN_NAMES = ("gpt-5.6", "gpt-6", "gpt-daybreak")
ASSUMED = 272_000  # tokens of context that it takes a model of an unknown name to have


class Codex(Client):
    """A profile is a file of its own, so nothing that a user has configured is touched."""

    name = "codex"
    title = "Codex"
    apis = ("responses",)

    def recipe(self, at: Address) -> Recipe:
        return Recipe(
            file=File(f"~/.codex/{PROFILE}.config.toml", "\n".join(_lines(at)) + "\n"),
            start=f"codex --profile {PROFILE}",
            notes=tuple(_notes(at)),
        )


def _lines(at: Address) -> Iterator[str]:
    yield f"model = {_toml(at.model.id)}"
    yield f"model_provider = {_toml(PROFILE)}"
    if at.model.context_window:
        yield f"model_context_window = {at.model.context_window}"
    yield 'web_search = "disabled" # a tool of OpenAI\'s own servers; for their models delete this'
    yield ""
    yield f"[model_providers.{PROFILE}]"
    yield 'name = "polystack"'
    yield f"base_url = {_toml(at.url + '/v1')}"
    yield 'wire_api = "responses"'
    yield "supports_websockets = false"
    if at.key:
        yield f"env_key = {_toml(at.key)}"


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _notes(at: Address) -> Iterator[str]:
    if at.model.id.rpartition("/")[2].startswith(OWN_NAMES):
        yield (
            f"Codex takes {at.model.id} for OpenAI's model of this name, and offers it tools that "
            "few others can call; where it is another, serve it under another name"
        )
    if at.model.context_window is None:
        yield (
            f"Codex takes {at.model.id} to have {ASSUMED:,} tokens of context; where it has "
            "fewer, set model_context_window. Once the stack runs, "
            f"`stack connect codex {at.url}` does"
        )


@hookimpl
def register_clients(register: Callable[[Client], None]) -> None:
    register(Codex())
