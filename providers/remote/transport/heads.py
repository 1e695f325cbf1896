"""What both transports write above a request's body, and what they refuse above an answer's."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from typing import NamedTuple
from urllib.parse import urlsplit

from ....core.canon.errors import UpstreamError
from .unpacking import PACKINGS

USER_AGENT = f"polystack/{version('polystack')}"


class Origin(NamedTuple):
    host: str
    port: int
    secure: bool


@lru_cache(256)
def address(url: str) -> tuple[Origin, str, str]:
    """Where a URL's server is, its `host` header, and what is asked of it."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if secure else 80)
    name = f"[{host}]" if ":" in host else host
    shown = name if parts.port is None else f"{name}:{port}"
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    if " " in target:
        raise UpstreamError("the upstream's address holds a space")
    return Origin(host, port, secure), shown, target


def fields(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a request; nobody above this seam could read what is compressed."""
    return {"user-agent": USER_AGENT, **headers, "accept-encoding": "identity"}


def request_head(
    method: str, target: str, host: str, headers: Mapping[str, str], length: int
) -> bytes:
    shown = {"host": host, **fields(headers)}
    if length or method not in ("GET", "HEAD"):
        shown["content-length"] = str(length)
    lines = [f"{method} {target} HTTP/1.1", *[f"{name}: {shown[name]}" for name in shown]]
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1 or "\0" in head:
        raise UpstreamError("a header of the request to the upstream holds a line break")
    try:
        return head.encode("latin-1") + b"\r\n\r\n"
    except UnicodeEncodeError:
        raise UpstreamError("a header of the request to the upstream is not Latin-1") from None


def refusal(status: int, headers: Mapping[str, str]) -> str | None:
    """Why an answer with this head cannot be read, or None."""
    if status < 200:
        return "the upstream changed to another protocol"
    if "transfer-encoding" in headers:
        if "content-length" in headers:
            return "the upstream gave its answer two lengths"
        if headers["transfer-encoding"].strip().lower() != "chunked":
            return "the upstream's answer is in a transfer encoding that nobody asked for"
    if headers.get("content-encoding", "identity").strip().lower() not in PACKINGS:
        return "the upstream compressed its answer, though asked not to"
    return None
