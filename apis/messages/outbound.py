"""A canonical request as the body that asks an upstream, and what that body cannot say.

A request that came in by this protocol is written back as it was, extensions included. One that
came in by another is fitted to what Anthropic accepts: instructions in front, turns of one role
joined, no empty text, no thinking that nobody signed.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

from ...core.canon import ir
from ...core.canon.errors import NotSupported
from ...core.contract.api import Document
from ...core.contract.losses import Ledger, foreign
from .content import blocks_of
from .options import add_options
from .toolservers import IMPLIED, KEPT, SERVERS
from .vocabulary import NAME, call_name, own


def encode(request: ir.Request, model: str) -> tuple[Document, Ledger]:
    losses = Ledger()
    if request.previous_id is not None:
        raise NotSupported(
            "previous_response_id: the upstream keeps no state; send the whole conversation",
            param="previous_response_id",
        )
    native = request.origin == NAME
    if not native:
        for field in foreign(request, NAME):
            losses.dropped(field.path, f"a field of {field.owner}")
    instructions, turns = request.instructions, request.turns
    if not native:
        instructions, turns = _led(request)
    body: Document = {"model": model}
    system = blocks_of(instructions, losses, native)
    if system:
        body["system"] = _plain(system)
    body["messages"] = _messages(turns, losses, native)
    tools = _tools(request, losses, native)
    if tools:
        body["tools"] = tools
    add_options(body, request, losses, native)
    rest = own(request)
    if KEPT in rest:
        rest[SERVERS] = rest.pop(KEPT)
    return body | rest, losses


def _plain(blocks: list[Document]) -> str | list[Document]:
    """One bare text is written as a string, which means the same."""
    match blocks:
        case [{"type": "text", "text": str(text), **rest}] if not rest:
            return text
        case _:
            return blocks


# Turns -------------------------------------------------------------------------------------------


def _led(request: ir.Request) -> tuple[tuple[Any, ...], tuple[ir.Turn, ...]]:
    """The instructions with the system turns that lead the conversation, and the other turns."""
    turns = list(request.turns)
    leading: list[ir.Part] = []
    while turns and turns[0].role in ("system", "developer"):
        leading += turns.pop(0).parts
    return (*request.instructions, *leading), tuple(turns)


def _messages(turns: tuple[ir.Turn, ...], losses: Ledger, native: bool) -> list[Document]:
    messages = [
        {"role": _role(turn), "content": blocks_of(turn.parts, losses, native)} | own(turn)
        for turn in turns
    ]
    if not native:
        messages = _joined([message for message in messages if message["content"]])
    return [message | {"content": _plain(message["content"])} for message in messages]


def _role(turn: ir.Turn) -> str:
    return "system" if turn.role == "developer" else turn.role


def _joined(messages: list[Document]) -> list[Document]:
    """Turns of one role as one: the results of parallel calls must stand together, in front."""
    joined = []
    for role, group in groupby(messages, key=lambda message: message["role"]):
        blocks = [block for message in group for block in message["content"]]
        blocks.sort(key=lambda block: block["type"] != "tool_result")
        joined.append({"role": role, "content": blocks})
    return joined


# Tools -------------------------------------------------------------------------------------------

_FREE_TEXT: Document = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
}


def _tools(request: ir.Request, losses: Ledger, native: bool) -> list[Document]:
    allowed = request.tool_choice.allowed
    if allowed is not None:
        losses.approximated("tool_choice", "only the tools that are allowed are offered")
    tools = [tool for tool in request.tools if IMPLIED not in own(tool)]
    offered = [tool for tool in tools if allowed is None or tool.name in allowed]
    written = (_tool(tool, losses, native) for tool in offered)
    return [tool for tool in written if tool is not None]


def _tool(tool: ir.Tool, losses: Ledger, native: bool) -> Document | None:
    at = tool.at or f"tools.{tool.name}"
    if tool.kind == "server":
        if not native:
            losses.dropped(at, f"the upstream has no tool of type {tool.type}")
            return None
        name = {} if tool.name == tool.type else {"name": tool.name}
        return {"type": tool.type} | name | _optional(tool) | own(tool)
    if tool.namespace is not None:
        losses.approximated(f"{at}.namespace", "joined to the name, for lack of namespaces")
    schema: Document = dict(tool.schema) if tool.schema is not None else {"type": "object"}
    if tool.kind == "custom":
        losses.approximated(at, "a tool that takes free text is offered with one string as input")
        schema = _FREE_TEXT
    if tool.grammar is not None:
        losses.dropped(f"{at}.format", "the upstream knows no grammars")
    name = {"name": call_name(tool.name, tool.namespace)}
    return name | _optional(tool) | {"input_schema": schema} | own(tool)


def _optional(tool: ir.Tool) -> Document:
    known = {"description": tool.description, "strict": tool.strict}
    return {name: value for name, value in known.items() if value is not None}
