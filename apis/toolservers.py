"""A tool server as OpenAI's protocols ask for one: the tool of type `mcp`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NoReturn

from ..core.canon import ir
from ..core.canon.errors import InvalidRequest

TYPE = "mcp"


def server_of(tool: Mapping[str, Any], at: str) -> ir.ToolServer:
    """Raises `InvalidRequest` for what cannot be read."""
    label = _text(tool, "server_label", at)
    if not label:
        _refuse(f"{at}.server_label", "a string is required")
    approval, exceptions = _approval(tool.get("require_approval"), f"{at}.require_approval")
    allowed = tool.get("allowed_tools")
    return ir.ToolServer(
        label,
        _text(tool, "server_url", at),
        _headers(tool, at),
        None if allowed is None else _names(allowed, f"{at}.allowed_tools"),
        approval=approval,
        exceptions=exceptions,
        at=at,
    )


def discreet(tool: Mapping[str, Any]) -> dict[str, Any]:
    """The tool as an answer shows it: without what lets its client in."""
    shown = {key: value for key, value in tool.items() if key != "authorization"}
    if isinstance(headers := tool.get("headers"), dict):
        shown["headers"] = dict.fromkeys(headers, "<redacted>")
    return shown


def _text(tool: Mapping[str, Any], name: str, at: str) -> str | None:
    value = tool.get(name)
    if value is not None and not isinstance(value, str):
        _refuse(f"{at}.{name}", "must be a string")
    return value


def _headers(tool: Mapping[str, Any], at: str) -> dict[str, str]:
    given = tool.get("headers") or {}
    if not isinstance(given, dict) or not all(isinstance(v, str) for v in given.values()):
        _refuse(f"{at}.headers", "must be an object of strings")
    headers = {name.lower(): value for name, value in given.items()}
    if token := _text(tool, "authorization", at):
        headers["authorization"] = f"Bearer {token}"
    for name, value in headers.items():
        if not name.replace("-", "").replace("_", "").isalnum() or not _is_safe(value):
            _refuse(f"{at}.headers", "holds a name or a value that no HTTP header may have")
    return headers


def _is_safe(value: str) -> bool:
    return value.isascii() and value.isprintable()


def _names(value: object, at: str) -> tuple[str, ...]:
    """A list of names, or a filter that has one; one that has none lets nothing through."""
    names = value.get("tool_names") or [] if isinstance(value, dict) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        _refuse(at, "must be an array of names, or an object with tool_names")
    return tuple(names)


def _approval(given: Any, at: str) -> tuple[Literal["always", "never"], tuple[str, ...]]:
    """What is not said waits for approval, and so does what only the server itself could tell."""
    match given:
        case None | "always":
            return "always", ()
        case "never":
            return "never", ()
        case {"always": dict(always), **rest} if not rest.get("never"):
            names = _names(always, f"{at}.always")
            return ("always", ()) if not names or "read_only" in always else ("never", names)
        case {"never": dict(never)}:
            always = given.get("always") or {}
            waiting = _names(always, f"{at}.always")
            names = _names(never, f"{at}.never")
            return "always", tuple(name for name in names if name not in waiting)
        case dict():
            return "always", ()
        case _:
            _refuse(at, "must be 'always', 'never' or an object with lists for both")


def _refuse(param: str, problem: str) -> NoReturn:
    raise InvalidRequest(f"{param}: {problem}", param=param)
