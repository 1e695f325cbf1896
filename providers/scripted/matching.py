"""Which answer of a script a request gets, and what its placeholders stand for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

from ...core.canon import ir
from .script import When, expression


def holds(when: When, request: ir.Request) -> bool:
    """Whether all that the conditions name is so."""
    facts = {
        "tools": bool(callable_tools(request)),
        "tool_result": bool(_results(request)),
        "image": any(
            isinstance(part, ir.Media) and part.kind == "image" for part in _parts(request)
        ),
        "structured": request.output.kind in ("json", "schema"),
        "thinking": thinks(request),
    }
    if any(getattr(when, name) not in (None, fact) for name, fact in facts.items()):
        return False
    return (
        _found(when.text, user_text(request))
        and _found(when.system, _system_text(request))
        and when.model in (None, request.model)
        and when.turn in (None, _turn_number(request))
        and (when.tool is None or when.tool in [tool.name for tool in request.tools])
    )


def thinks(request: ir.Request) -> bool:
    config = request.reasoning
    if config.enabled is None:
        return config.effort not in (None, "none", "minimal")
    return config.enabled


def callable_tools(request: ir.Request) -> list[ir.Tool]:
    """The tools that the model may call and a client can run."""
    if request.tool_choice.mode == "none":
        return []
    choice = request.tool_choice
    allowed = (choice.name,) if choice.mode == "named" else choice.allowed
    tools = [tool for tool in request.tools if tool.kind != "server"]
    return [tool for tool in tools if allowed is None or tool.name in allowed]


@dataclass(frozen=True, slots=True)
class Scene:
    """What an answer is played for: a request, the answer's number, and ids for its calls."""

    request: ir.Request
    number: int
    mint: Callable[[], str]

    def filled(self, text: str) -> str:
        """A text of the script with the request's words in the place of its placeholders."""
        if "{{" not in text:
            return text
        words = {
            "user": user_text(self.request),
            "tool_result": "\n".join(ir.text_of(each.content) for each in _results(self.request)),
            "model": self.request.model or "",
            "n": str(self.number),
        }
        return re.sub(r"\{\{(\w+)\}\}", lambda found: words.get(found[1], found[0]), text)


def user_text(request: ir.Request) -> str:
    """The last thing that the user wrote."""
    for turn in reversed(request.turns):
        texts = [part for part in turn.parts if isinstance(part, ir.Text)]
        if turn.role == "user" and texts:
            return ir.text_of(tuple(texts))
    return ""


def _turn_number(request: ir.Request) -> int:
    """Which answer of the conversation is asked for; turns of the model in a row are one."""
    roles = [turn.role for turn in request.turns]
    answered = [role for role, _ in groupby(roles) if role == "assistant"]
    return len(answered) + 1


def _system_text(request: ir.Request) -> str:
    turns = [turn for turn in request.turns if turn.role in ("system", "developer")]
    texts = [ir.text_of(request.instructions), *(ir.text_of(turn.parts) for turn in turns)]
    return "\n".join(texts)


def _results(request: ir.Request) -> list[ir.ToolResult]:
    """The tools' answers at the end of the conversation."""
    results: list[ir.ToolResult] = []
    for turn in reversed(request.turns):
        found = [part for part in turn.parts if isinstance(part, ir.ToolResult)]
        if not found:
            break
        results = found + results
    return results


def _parts(request: ir.Request) -> Iterator[ir.Part]:
    for turn in request.turns:
        for part in turn.parts:
            yield from part.content if isinstance(part, ir.ToolResult) else (part,)


def _found(wanted: str | None, text: str) -> bool:
    if wanted is None:
        return True
    pattern = expression(wanted)
    return wanted in text if pattern is None else re.search(pattern, text) is not None
