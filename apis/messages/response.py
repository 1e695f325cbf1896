"""A whole answer as the document of a message, and the losses of its parts.

The stream's encoder asks `content` too, once per part, so that both know the same losses and
agree on what a part is shown as.
"""

from __future__ import annotations

from typing import Any, assert_never

from ...core.canon import ir
from ...core.contract.api import Context, Document
from ...core.contract.losses import Ledger, foreign
from .vocabulary import (
    NAME,
    call_name,
    is_object,
    own,
    wire_citation,
    wire_input,
    wire_stop,
    wire_usage,
)


def document(response: ir.Response, context: Context) -> Document:
    blocks: list[Document] = []
    for position, part in enumerate(response.parts):
        blocks += content(part, f"content.{position}", context.losses)
    refused = any(isinstance(part, ir.Refusal) for part in response.parts)
    message = frame_of_message(context) | {"content": blocks}
    message |= wire_stop(response.stop, refused=refused) | {"usage": wire_usage(response.usage)}
    return message | own(response)


def frame_of_message(context: Context) -> Document:
    """A message of which nothing is known but who speaks."""
    return {
        "id": f"msg_{context.token}",
        "type": "message",
        "role": "assistant",
        "model": context.model,
        "content": [],
        "container": None,
        "diagnostics": None,
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": wire_usage(None),
    }


def content(part: ir.Part, path: str, losses: Ledger) -> list[Document]:
    """The content blocks that show a whole part; none where the protocol has no such thing."""
    for field in foreign(part, NAME, path):
        losses.dropped(field.path, f"a field of {field.owner}")
    match part:
        case ir.Text():
            return [_text(part, path, losses)]
        case ir.Refusal():
            return [{"type": "text", "text": part.text, "citations": None}]
        case ir.Reasoning():
            return _reasoning(part, path, losses)
        case ir.ToolCall():
            return _tool_use(part, path, losses)
        case ir.Opaque(protocol=protocol) if protocol == NAME:
            return [dict(part.data)]
        case ir.Opaque():
            losses.dropped(path, f"Messages has no {part.type} of {part.protocol}")
            return []
        case ir.ToolResult(kind="server", server=str()):
            return [_server_result(part, path, losses)]
        case ir.ToolListing() | ir.Approval():
            return []
        case ir.Media() | ir.ToolResult():
            losses.dropped(path, f"a message cannot show a {type(part).__name__}")
            return []
        case _:
            assert_never(part)


def _text(part: ir.Text, path: str, losses: Ledger) -> Document:
    if part.logprobs:
        losses.dropped(f"{path}.logprobs", "Messages has no log probabilities")
    shown = []
    for i, citation in enumerate(part.citations):
        wire = wire_citation(citation)
        if wire is None:
            losses.dropped(f"{path}.citations.{i}", f"Messages has no {citation.kind}")
        else:
            shown.append(wire)
            if wire["type"] != citation.kind:
                losses.approximated(f"{path}.citations.{i}", f"shown as {wire['type']}")
    return {"type": "text", "text": part.text, "citations": shown or None} | own(part)


def _reasoning(part: ir.Reasoning, path: str, losses: Ledger) -> list[Document]:
    """Thinking, and what is sealed of it as a block of its own."""
    text = part.text
    if part.summary and not text:
        text = "\n\n".join(part.summary)
    elif part.summary:
        losses.approximated(f"{path}.summary", "the thinking itself is shown")
    blocks: list[Document] = []
    if text or part.signature or part.sealed is None:
        block = {"type": "thinking", "thinking": text, "signature": part.signature or ""}
        blocks.append(block | own(part))
    if part.sealed is not None:
        rest = {} if blocks else own(part)
        blocks.append({"type": "redacted_thinking", "data": part.sealed} | rest)
    return blocks


def _tool_use(part: ir.ToolCall, path: str, losses: Ledger) -> list[Document]:
    if part.kind == "server" and part.server is not None:
        return [_server_call(part, path, losses)]
    if part.kind == "server":
        losses.dropped(path, "the call of a server tool is nothing that a client may run")
        return []
    if part.namespace is not None:
        losses.approximated(f"{path}.namespace", "joined to the name, for lack of namespaces")
    if part.kind == "custom":
        losses.approximated(f"{path}.input", "free text is wrapped in an object")
    elif not is_object(part.arguments):
        losses.approximated(f"{path}.input", "the arguments are not a JSON object")
    return [start_of_call(part) | {"input": input_of(part)}]


def _server_call(part: ir.ToolCall, path: str, losses: Ledger) -> Document:
    if part.pending:
        losses.approximated(path, "waits for an approval that nothing here can give")
    call = {"type": "mcp_tool_use", "id": part.id, "name": part.name, "server_name": part.server}
    return call | {"input": input_of(part)}


def _server_result(part: ir.ToolResult, path: str, losses: Ledger) -> Document:
    texts = [piece.text for piece in part.content if isinstance(piece, ir.Text)]
    if len(texts) < len(part.content):
        losses.dropped(f"{path}.content", "the result of a tool server is shown as text only")
    content = [{"type": "text", "text": text, "citations": None} for text in texts]
    result = {"type": "mcp_tool_result", "tool_use_id": part.call_id, "content": content}
    return result | {"is_error": part.is_error}


def start_of_call(part: ir.ToolCall) -> dict[str, Any]:
    name = call_name(part.name, part.namespace)
    return {"type": "tool_use", "id": part.id, "name": name, "input": {}} | own(part)


def input_of(part: ir.ToolCall) -> dict[str, Any]:
    return {"input": part.arguments} if part.kind == "custom" else wire_input(part.arguments)
