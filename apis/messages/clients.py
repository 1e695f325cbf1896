"""Clients of Anthropic Messages: Claude Code, and the official Python SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...core.contract.client import Address, Client, Recipe, Value, Variable
from ...core.contract.hookspecs import hookimpl

# What Claude Code 2.1.197 asks for where nobody tells it otherwise, and where to tell it.
ROLES = {
    "ANTHROPIC_DEFAULT_OPUS_MODEL": "claude-opus-4-8",
    "ANTHROPIC_DEFAULT_SONNET_MODEL": "claude-sonnet-5",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL": "claude-haiku-4-5-20251001",
}
ASSUMED = 200_000  # tokens of context that it takes a model of an unknown name to have
OUTPUT = 32_000  # tokens that it asks for then
FIRST_REQUEST = 20_000  # tokens of its instructions and tools, before anybody has said a word
KEPT_FREE = 13_000  # tokens below the window at which it begins to compact a conversation


class ClaudeCode(Client):
    name = "claude-code"
    title = "Claude Code"
    apis = ("messages",)
    asks_for = tuple(ROLES.values())

    def recipe(self, at: Address) -> Recipe:
        environment: dict[str, Value] = {
            "ANTHROPIC_BASE_URL": at.url,  # it adds /v1 itself
            "ANTHROPIC_AUTH_TOKEN": Variable(at.key) if at.key else "unused",
            "ANTHROPIC_API_KEY": "",  # one that is set would be sent here as well
            # Under its own name: thoughts of a model that answers by another it does not give back.
            "ANTHROPIC_MODEL": at.own,
        }
        environment |= {role: at.names.get(name) or at.own for role, name in ROLES.items()}
        environment |= _sizes(at)
        environment["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1"
        # The billing line changes between requests, and no prefix cache survives that.
        environment["CLAUDE_CODE_ATTRIBUTION_HEADER"] = "0"
        return Recipe(environment, start="claude", notes=tuple(_notes(at)))


def _sizes(at: Address) -> Iterator[tuple[str, str]]:
    if at.model.context_window:
        yield "CLAUDE_CODE_MAX_CONTEXT_TOKENS", str(at.model.context_window)
    if at.model.max_output and at.model.max_output < OUTPUT:
        yield "CLAUDE_CODE_MAX_OUTPUT_TOKENS", str(at.model.max_output)


def _notes(at: Address) -> Iterator[str]:
    lacking = [name for name in ROLES.values() if name not in at.names]
    if lacking:
        yield (
            f"{', '.join(lacking)}: not served here, for those who choose them by hand; "
            f'the alias "claude-*": {at.own} in the distribution would serve them'
        )
    window = at.model.context_window
    if window is None:
        yield (
            f"Claude Code takes {at.own} to have {ASSUMED:,} tokens of context; where it has "
            "fewer, set CLAUDE_CODE_MAX_CONTEXT_TOKENS. Once the stack runs, "
            f"`stack connect claude-code {at.url}` does"
        )
    elif at.own.startswith("claude-") and window != ASSUMED:
        yield (
            "Claude Code heeds CLAUDE_CODE_MAX_CONTEXT_TOKENS only for names that do not begin "
            "with claude-; give the model another"
        )
    elif window - min(at.model.max_output or OUTPUT, 20_000) - KEPT_FREE < FIRST_REQUEST:
        yield (
            f"{window:,} tokens of context are few for Claude Code: its first request takes "
            f"about {FIRST_REQUEST:,}, and it keeps room for an answer and for compacting"
        )


class Anthropic(Client):
    name = "anthropic"
    title = "Anthropic's SDK for Python"
    apis = ("messages",)

    def recipe(self, at: Address) -> Recipe:
        key: Value = Variable(at.key) if at.key else "unused"
        environment = {"ANTHROPIC_BASE_URL": at.url, "ANTHROPIC_API_KEY": key}
        return Recipe(environment, script=f"python3 - <<'EOF'\n{_SNIPPET.format(at.model.id)}EOF")


_SNIPPET = """\
from anthropic import Anthropic  # pip install anthropic

client = Anthropic()
message = client.messages.create(
    model={0!r}, max_tokens=200, messages=[{{"role": "user", "content": "Say hello"}}]
)
print(*[block.text for block in message.content if block.type == "text"])
"""


@hookimpl
def register_clients(register: Callable[[Client], None]) -> None:
    register(ClaudeCode())
    register(Anthropic())
