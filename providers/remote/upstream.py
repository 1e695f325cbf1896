"""One protocol of a remote server: where its operations are and how a key is shown to it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

from ...apis.chat.api import Chat
from ...apis.messages.api import Messages
from ...apis.responses.api import Responses
from ...core.contract.api import Api

APIS: dict[str, Api] = {api.name: api for api in (Messages(), Responses(), Chat())}
PATHS = {
    "messages": "/v1/messages",
    "responses": "/v1/responses",
    "chat": "/v1/chat/completions",
}
COUNTING = {"messages": "/v1/messages/count_tokens", "responses": "/v1/responses/input_tokens"}
LISTING = "/v1/models"
VERSION = "2023-06-01"  # of Messages, where the client named none

Auth = Literal["auto", "bearer", "x-api-key", "none"]


def root(base_url: str) -> str:
    """The address that a path of ours, without its `/v1`, is put behind.

    Servers give their address with the version or without; an address with a path of its own is
    taken as it is, but for Messages, whose clients are given it without the version.
    """
    return base_url if urlsplit(base_url).path not in ("", "/") else f"{base_url.rstrip('/')}/v1"


@lru_cache(1024)
def url(base_url: str, path: str) -> str:
    return root(base_url) + path.removeprefix("/v1")


def credentials(auth: Auth, api: str, key: str | None) -> dict[str, str]:
    """The headers that show a key; `auto` follows what the protocol's own servers want."""
    if key is None or auth == "none":
        return {}
    if auth == "auto":
        auth = "x-api-key" if api == "messages" else "bearer"
    return {"x-api-key": key} if auth == "x-api-key" else {"authorization": f"Bearer {key}"}


def request_headers(api: str, given: Mapping[str, str], stream: bool) -> dict[str, str]:
    """What every request carries; `given` are the client's own headers of the same protocol."""
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream" if stream else "application/json",
    }
    if api == "messages":
        headers["anthropic-version"] = VERSION
    return headers | dict(given)
