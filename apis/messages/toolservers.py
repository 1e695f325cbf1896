"""Tool servers as Messages asks for them, and what it shows of their calls.

Source of the shapes: `BetaRequestMCPServerURLDefinition`, `BetaMCPToolset`, `BetaMCPToolUseBlock`
and `BetaMCPToolResultBlock` of the anthropic SDK. A toolset names a server of `mcp_servers`; a
server that no toolset names, as the older form has it, stands for all of its tools.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...core.canon import ir
from ...core.canon.errors import InvalidRequest
from .vocabulary import NAME, arguments_of

TOOLSET = "mcp_toolset"
SERVERS = "mcp_servers"
KEPT = "_mcp_servers"  # where a request remembers them as they were written
IMPLIED = "_implied"  # marks a tool that stands in `mcp_servers` only


def with_servers(tools: Sequence[ir.Tool], servers: object) -> tuple[ir.Tool, ...]:
    """The tools with the servers that they stand for, and those that are only implied."""
    given = _servers(servers)
    named = {str(server["name"]): (server, f"mcp_servers.{i}") for i, server in enumerate(given)}
    found: list[ir.Tool] = []
    for tool in tools:
        found.append(tool if tool.type != TOOLSET else _toolset(tool, named))
    used = {tool.server.label for tool in found if tool.server is not None}
    rest = [(server, at) for label, (server, at) in named.items() if label not in used]
    return (*found, *(_implied(server, at) for server, at in rest))


def _servers(given: object) -> list[Mapping[str, Any]]:
    if given is None:
        return []
    if not isinstance(given, list):
        raise InvalidRequest("mcp_servers: must be an array", param="mcp_servers")
    for i, server in enumerate(given):
        for field in ("name", "url"):
            if not isinstance(server, dict) or not isinstance(server.get(field), str):
                param = f"mcp_servers.{i}.{field}"
                raise InvalidRequest(f"{param}: a string is required", param=param)
    return given


def _toolset(tool: ir.Tool, named: Mapping[str, tuple[Mapping[str, Any], str]]) -> ir.Tool:
    fields: Mapping[str, Any] = (tool.extra or {}).get(NAME, {})
    label = fields.get("mcp_server_name")
    if not isinstance(label, str) or not label:
        param = f"{tool.at}.mcp_server_name"
        raise InvalidRequest(f"{param}: a string is required", param=param)
    definition, at = named.get(label, ({"name": label}, tool.at or ""))
    configs = fields.get("configs")
    enabled = dict(_enabled(configs)) if isinstance(configs, dict) else {}
    server = replace(_server(definition, at), at=tool.at)
    if _is_off(fields.get("default_config")):
        server = replace(server, allowed=tuple(name for name, on in enabled.items() if on))
    else:
        server = replace(server, denied=tuple(name for name, on in enabled.items() if not on))
    return replace(tool, server=server)


def _enabled(configs: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    for name, config in configs.items():
        if isinstance(config, dict) and isinstance(config.get("enabled"), bool):
            yield name, config["enabled"]


def _is_off(config: object) -> bool:
    return isinstance(config, dict) and config.get("enabled") is False


def _server(definition: Mapping[str, Any], at: str) -> ir.ToolServer:
    token = definition.get("authorization_token")
    headers = {"authorization": f"Bearer {token}"} if isinstance(token, str) else {}
    if not all(value.isascii() and value.isprintable() for value in headers.values()):
        param = f"{at}.authorization_token"
        raise InvalidRequest(f"{param}: no HTTP header may hold it", param=param)
    options = definition.get("tool_configuration")
    allowed = options.get("allowed_tools") if isinstance(options, dict) else None
    names = tuple(map(str, allowed)) if isinstance(allowed, list) else None
    if _is_off(options):
        names = ()
    return ir.ToolServer(definition["name"], definition.get("url"), headers, names, at=at)


def _implied(definition: Mapping[str, Any], at: str) -> ir.Tool:
    server = _server(definition, at)
    mark = {NAME: {IMPLIED: True}}
    return ir.Tool(TOOLSET, kind="server", type=TOOLSET, server=server, extra=mark, at=at)


# Blocks that a client gives back -----------------------------------------------------------------


def meaning(block: Mapping[str, Any], at: str) -> tuple[ir.Part, ...]:
    """What a block says in canonical parts; nothing for one of another type, or a broken one."""
    match block:
        case {"type": "mcp_tool_use", "id": str(id), "name": str(name), "server_name": str(server)}:
            given = block.get("input")
            arguments = arguments_of(given if isinstance(given, dict) else {})
            return (ir.ToolCall(id, name, arguments, "server", server=server, at=at),)
        case {"type": "mcp_tool_result", "tool_use_id": str(id)}:
            failed = block.get("is_error") is True
            content = (ir.Text(_text(block.get("content"))),)
            return (ir.ToolResult(id, content, failed, "server", at=at),)
        case _:
            return ()


def _text(content: object) -> str:
    if not isinstance(content, list):
        return content if isinstance(content, str) else ""
    return "".join(str(each.get("text", "")) for each in content if isinstance(each, dict))
