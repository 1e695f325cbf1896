"""Clients of Ollama's API: its own programs, and all that read `OLLAMA_HOST`."""

from __future__ import annotations

from collections.abc import Callable

from ...core.contract.client import Address, Client, Recipe, Value, Variable
from ...core.contract.hookspecs import hookimpl


class OllamaPackage(Client):
    name = "ollama"
    title = "Ollama's package for Python, and what else reads OLLAMA_HOST"
    apis = ("ollama",)

    def recipe(self, at: Address) -> Recipe:
        environment: dict[str, Value] = {"OLLAMA_HOST": at.url}
        if at.key:
            environment["OLLAMA_API_KEY"] = Variable(at.key)
        return Recipe(
            environment,
            script=f"python3 - <<'EOF'\n{_SNIPPET.format(at.model.id)}EOF",
            notes=("models are neither pulled nor removed here; the stack's file names them",),
        )


_SNIPPET = """\
import ollama  # pip install ollama

question = {{"role": "user", "content": "Say hello"}}
print(ollama.chat(model={0!r}, messages=[question]).message.content)
"""


@hookimpl
def register_clients(register: Callable[[Client], None]) -> None:
    register(OllamaPackage())
