"""`stack models`, `stack load` and `stack unload`: what a running stack has in memory."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

from ...canon.sizes import human
from ...runtime.distribution import ServerConfig
from .running import KEY, Server

PATH = "/stack/models"
COLUMNS = (
    "model",
    "provider",
    "state",
    "size",
    "running",
    "waiting",
    "cached",
    "tokens/s",
)

Document = dict[str, Any]


def usual() -> str:
    """Where a stack is that says nothing of its address."""
    server = ServerConfig()
    return f"http://{server.host}:{server.port}"


def models(url: str | None) -> list[Document]:
    found: list[Document] = _server(url).told("GET", PATH)["models"]
    return found


def load(url: str | None, name: str) -> Document:
    """Waits until the model is there, however long that takes."""
    return _done(url, name, "load")


def unload(url: str | None, name: str) -> Document:
    return _done(url, name, "unload")


def _done(url: str | None, name: str, verb: str) -> Document:
    path = f"{PATH}/{quote(name)}/{verb}"
    found: Document = _server(url).told("POST", path, timeout=None)
    return found


def _server(url: str | None) -> Server:
    return Server(url or usual(), os.environ.get(KEY), "give its URL with --url")


# For people --------------------------------------------------------------------------------------


def row(model: Document) -> dict[str, str]:
    """A line of the table; what runs elsewhere has no figures."""
    shown = dict.fromkeys(COLUMNS, "") | {
        "model": ", ".join(model["names"]),
        "provider": f"{model['provider']} ({model['type']})",
        "state": "elsewhere",
    }
    if (state := model.get("state")) is None:
        return shown
    slots, speed = model["slots"], model["tokens_per_second"]
    return shown | {
        "state": f"{state}, pinned" if model["pinned"] else state,
        "size": _size(model),
        "running": str(model["running"]) + (f" of {slots}" if slots else ""),
        "waiting": str(model["waiting"]),
        "cached": _share(model["cached_tokens"], model["prompt_tokens"]),
        "tokens/s": "" if speed is None else f"{speed:.0f}",
    }


def _size(model: Document) -> str:
    """In brackets what it would take."""
    if model["size"] is None:
        return ""
    size = human(model["size"])
    return size if model["state"] == "loaded" else f"({size})"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else ""


def sentence(model: Document) -> str:
    """What became of a model that was loaded, or let go."""
    if model["state"] == "loaded" and model["size"]:
        return f"{model['name']} is loaded and takes {human(model['size'])}"
    return f"{model['name']} is {model['state']}"
