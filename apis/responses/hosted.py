"""Items of tools that run here: what a tool server offers, its calls, and the client's consent.

Source of the shapes: `McpListTools`, `McpCall`, `McpApprovalRequest` and `McpApprovalResponse` of
the openai SDK. A call and its result are two parts of an answer, and one item.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.canon import ir
from ...core.contract.api import Document
from ...core.contract.losses import Ledger

PREFIXES = {"mcp_list_tools": "mcpl", "mcp_call": "mcp", "mcp_approval_request": "mcpr"}


def is_call(part: ir.Part) -> bool:
    return isinstance(part, ir.ToolCall) and part.kind == "server" and part.server is not None


def kind_of(part: ir.ToolCall | ir.ToolListing) -> str:
    """The type of the part's item."""
    if isinstance(part, ir.ToolListing):
        return "mcp_list_tools"
    return "mcp_approval_request" if part.pending else "mcp_call"


def write_listing(part: ir.ToolListing) -> Document:
    tools = [
        {
            "name": tool.name,
            "description": tool.description,
            "input_schema": tool.schema or {"type": "object"},
            "annotations": None,
        }
        for tool in part.tools
    ]
    return {"server_label": part.server, "tools": tools, "error": part.error}


def write_call(part: ir.ToolCall, status: str) -> Document:
    call: Document = {"name": part.name, "arguments": part.arguments, "server_label": part.server}
    if part.pending:
        return call
    call |= {"approval_request_id": part.approval, "output": None, "error": None}
    return call | {"status": status}


def write_result(part: ir.ToolResult, place: int, losses: Ledger) -> Document:
    """The fields of the call's item that its result decides on."""
    text = ir.text_of(part.content)
    if any(not isinstance(each, ir.Text) for each in part.content):
        losses.dropped(f"output.{place}.output", "the result of a tool is shown as text only")
    if not part.is_error:
        return {"output": text, "error": None, "status": "completed"}
    content = [{"type": "text", "text": text}]
    error = {"type": "mcp_tool_execution_error", "content": content}
    return {"output": None, "error": error, "status": "failed"}


# Items that a client gives back ------------------------------------------------------------------


def meaning(item: Mapping[str, Any], at: str) -> tuple[ir.Part, ...]:
    """What an item says in canonical parts; nothing for one of another type, or a broken one."""
    match item:
        case {"type": "mcp_list_tools", "server_label": str(server)}:
            return (ir.ToolListing(server, at=at),)
        case {
            "type": "mcp_call" | "mcp_approval_request" as kind,
            "id": str(id),
            "name": str(name),
            "arguments": str(arguments),
            "server_label": str(server),
        }:
            pending = kind == "mcp_approval_request"
            approval = item.get("approval_request_id")
            call = ir.ToolCall(
                id,
                name,
                arguments,
                "server",
                server=server,
                pending=pending,
                approval=approval if isinstance(approval, str) else None,
                at=at,
            )
            return (call,) if pending else (call, _result(item, id, server, at))
        case {"type": "mcp_approval_response", "approval_request_id": str(id)}:
            reason = item.get("reason")
            told = reason if isinstance(reason, str) else None
            return (ir.Approval(id, item.get("approve") is True, told, at=at),)
        case _:
            return ()


def _result(item: Mapping[str, Any], id: str, server: str, at: str) -> ir.ToolResult:
    output, error = item.get("output"), item.get("error")
    text = _told(error) if error else str(output or "")
    return ir.ToolResult(id, (ir.Text(text),), bool(error), "server", server, at=at)


def _told(error: object) -> str:
    match error:
        case {"message": str(message)}:
            return message
        case {"content": [*pieces]}:
            return "".join(str(each.get("text", "")) for each in pieces if isinstance(each, dict))
        case _:
            return str(error)
