"""Clients of OpenAI Chat Completions: opencode, and the official Python SDK."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from ...core.contract.client import Address, Client, Recipe, Value, Variable
from ...core.contract.hookspecs import hookimpl
from ...core.contract.provider import Model

PROVIDER = "stack"
OUTPUT = 4_096  # tokens of an answer, where nobody knows better: opencode wants both limits or none


class OpenCode(Client):
    """Its configuration goes in by the environment, which is laid over the user's own files."""

    name = "opencode"
    title = "opencode"
    apis = ("chat",)

    def recipe(self, at: Address) -> Recipe:
        config = json.dumps(_config(at), indent=2, ensure_ascii=False)
        return Recipe(
            {"OPENCODE_CONFIG_CONTENT": config}, start="opencode", notes=tuple(_notes(at))
        )


def _config(at: Address) -> dict[str, Any]:
    key = f"{{env:{at.key}}}" if at.key else "unused"
    return {
        "$schema": "https://opencode.ai/config.json",
        "model": f"{PROVIDER}/{at.model.id}",
        "small_model": f"{PROVIDER}/{at.model.id}",  # for titles
        "provider": {
            PROVIDER: {
                "npm": "@ai-sdk/openai-compatible",
                "name": "polystack",
                "options": {"baseURL": f"{at.url}/v1", "apiKey": key},
                "models": {model.id: _limited(model) for model in (at.model, *at.models)},
            }
        },
    }


def _limited(model: Model) -> dict[str, Any]:
    if model.context_window is None:
        return {}
    output = min(model.max_output or OUTPUT, model.context_window)
    return {"limit": {"context": model.context_window, "output": output}}


def _notes(at: Address) -> Iterator[str]:
    yield "the same JSON may stand in opencode.json, in a project or in ~/.config/opencode"
    if at.model.context_window is None:
        yield (
            f"opencode does not know how much context {at.model.id} has, and never compacts; "
            f"once the stack runs, `stack connect opencode {at.url}` tells it"
        )


class OpenAI(Client):
    name = "openai"
    title = "OpenAI's SDK for Python"
    apis = ("responses", "chat")

    def recipe(self, at: Address) -> Recipe:
        key: Value = Variable(at.key) if at.key else "unused"
        snippet = _RESPONSES if "responses" in at.apis else _CHAT
        return Recipe(
            {"OPENAI_BASE_URL": f"{at.url}/v1", "OPENAI_API_KEY": key},
            script=f"python3 - <<'EOF'\n{snippet.format(at.model.id)}EOF",
        )


_RESPONSES = """\
from openai import OpenAI  # pip install openai

client = OpenAI()
print(client.responses.create(model={0!r}, input="Say hello").output_text)
"""
_CHAT = """\
from openai import OpenAI  # pip install openai

client = OpenAI()
completion = client.chat.completions.create(
    model={0!r}, messages=[{{"role": "user", "content": "Say hello"}}]
)
print(completion.choices[0].message.content)
"""


@hookimpl
def register_clients(register: Callable[[Client], None]) -> None:
    register(OpenCode())
    register(OpenAI())
