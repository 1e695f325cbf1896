"""Canonical parts of a conversation as the content blocks that an upstream is sent."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from typing import assert_never

from ...core.canon import ir
from ...core.contract.api import Document
from ...core.contract.losses import Ledger
from .response import input_of
from .vocabulary import NAME, call_name, is_object, own, wire_citation


def blocks_of(parts: Sequence[ir.Part], losses: Ledger, native: bool) -> list[Document]:
    """The blocks of some parts; `native` parts came in by this protocol and go out whole."""
    blocks = (_block(part, losses, native) for part in parts)
    return [block for block in blocks if block is not None]


def _block(part: ir.Part, losses: Ledger, native: bool) -> Document | None:
    at = part.at or "messages"
    match part:
        case ir.Text():
            return _text(part, at, losses, native)
        case ir.Refusal():
            losses.approximated(at, "a refusal is sent as text")
            return {"type": "text", "text": part.text} if part.text else None
        case ir.Media():
            return _media(part, at, losses)
        case ir.Reasoning():
            return _reasoning(part, at, losses, native)
        case ir.ToolCall():
            return _tool_use(part, at, losses, native)
        case ir.ToolResult():
            return _tool_result(part, losses, native)
        case ir.Opaque(protocol=protocol) if protocol == NAME:
            return dict(part.data)
        case ir.Opaque():
            losses.dropped(at, f"the upstream has no {part.type} of {part.protocol}")
            return None
        case ir.Approval() | ir.ToolListing():
            losses.dropped(at, f"the upstream has no {type(part).__name__}")
            return None
        case _:
            assert_never(part)


def _text(part: ir.Text, at: str, losses: Ledger, native: bool) -> Document | None:
    if not part.text and not native:
        return None
    citations = []
    for i, citation in enumerate(part.citations):
        wire = wire_citation(citation) if native else None
        if wire is None:
            # The upstream checks citations against documents that it was given.
            losses.dropped(f"{at}.citations.{i}", "a citation of another protocol")
        else:
            citations.append(wire)
    shown = {"citations": citations} if citations else {}
    return {"type": "text", "text": part.text} | shown | own(part)


def _reasoning(part: ir.Reasoning, at: str, losses: Ledger, native: bool) -> Document | None:
    # A thought that went out through another protocol and came back is marked as this one's.
    native = native or NAME in (part.extra or {})
    if native and part.sealed is not None:
        return {"type": "redacted_thinking", "data": part.sealed} | own(part)
    if part.signature is None and not native:
        losses.dropped(at, "the upstream takes no thinking that it did not sign")
        return None
    thinking = {"thinking": part.text, "signature": part.signature or ""}
    return {"type": "thinking"} | thinking | own(part)


def _tool_use(part: ir.ToolCall, at: str, losses: Ledger, native: bool) -> Document | None:
    if part.kind == "server":
        losses.dropped(at, "the call of a server tool that the upstream did not run")
        return None
    if part.kind == "custom":
        losses.approximated(at, "free text is wrapped in an object")
    elif not native and not is_object(part.arguments):
        losses.approximated(at, "the arguments are not a JSON object, and are wrapped in one")
    name = call_name(part.name, part.namespace)
    block = {"type": "tool_use", "id": part.id, "name": name, "input": input_of(part)}
    return block | own(part)


def _tool_result(part: ir.ToolResult, losses: Ledger, native: bool) -> Document:
    block: Document = {"type": "tool_result", "tool_use_id": part.call_id}
    content = blocks_of(part.content, losses, native)
    match content:
        case []:
            pass
        case [{"type": "text", "text": str(text), **rest}] if not rest:
            block["content"] = text
        case _:
            block["content"] = content
    if part.is_error:
        block["is_error"] = True
    return block | own(part)


# Media -------------------------------------------------------------------------------------------


def _media(part: ir.Media, at: str, losses: Ledger) -> Document | None:
    if part.kind not in ("image", "document"):
        losses.dropped(at, f"Messages takes no {part.kind}")
        return None
    if part.detail not in (None, "auto"):
        losses.dropped(f"{at}.detail", "Messages has no detail of images")
    source = _source(part)
    if source is None:
        losses.dropped(at, "the content, or its media type, cannot be told")
        return None
    rest = own(part)
    kept = rest.pop("source", {})
    # A source of content is kept whole.
    source = kept if "type" in kept else source | kept
    title = {"title": part.name} if part.name is not None and part.kind == "document" else {}
    return {"type": part.kind, "source": source} | title | rest


def _source(part: ir.Media) -> Document | None:
    if part.file_id is not None:
        return {"type": "file", "file_id": part.file_id}
    if part.url is not None:
        return {"type": "url", "url": part.url}
    if part.text is not None:
        return {"type": "text", "media_type": part.media_type or "text/plain", "data": part.text}
    if part.media_type is None or part.data is None:
        return None
    if part.kind == "document" and part.media_type.startswith("text/"):
        return _decoded(part.data)
    return {"type": "base64", "media_type": part.media_type, "data": part.data}


def _decoded(data: str) -> Document | None:
    """A document of text is sent as text: as base64 only PDF is taken."""
    try:
        text = b64decode(data, validate=True).decode()
    except ValueError:
        return None
    return {"type": "text", "media_type": "text/plain", "data": text}
