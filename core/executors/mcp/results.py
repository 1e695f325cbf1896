"""What a tool server says, in canonical values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...canon import ir
from ...contract.executor import Outcome

if TYPE_CHECKING:
    import mcp_types as wire


def tool(given: wire.Tool) -> ir.Tool:
    about = given.description or given.title
    return ir.Tool(given.name, about, dict(given.input_schema))


def outcome(result: wire.CallToolResult) -> Outcome:
    content = tuple(part for block in result.content for part in _parts(block))
    if not content and result.structured_content is not None:
        content = (ir.Text(json.dumps(result.structured_content, ensure_ascii=False)),)
    return Outcome(content, result.is_error)


def _parts(block: Any) -> Iterator[ir.Text | ir.Media]:
    match block.type:
        case "text":
            yield ir.Text(block.text)
        case "image" | "audio":
            yield ir.Media(block.type, block.mime_type, block.data)
        case "resource_link":
            yield ir.Text(f"{block.name}: {block.uri}")
        case "resource" if hasattr(block.resource, "text"):
            yield ir.Text(block.resource.text)
        case "resource":
            kind = block.resource.mime_type or "application/octet-stream"
            yield ir.Media("document", kind, block.resource.blob)
