"""A stack with the tiny model in it and behind it, in every way that a model can be reached.

All kinds of model give the same answers, so the tests see no difference where there is none. The
upstream is another stack, which speaks all protocols; each provider knows one of them.
"""

from __future__ import annotations

from typing import Any

KINDS = ("local", "chat", "messages", "native")
ENGINE = {"type": "llamacpp", "config": {"model": "builtin:tiny", "context": 16384}}
KEPT = {"version": 1, "apis": ["responses", "messages", "chat"], "store": {"type": "memory"}}

UPSTREAM: dict[str, Any] = KEPT | {
    "name": "upstream",
    "providers": {"engine": ENGINE},
    "models": {"tiny": {"provider": "engine"}},
}


def facing(upstream: str) -> dict[str, Any]:
    """The stack under test, whose models are called by their kinds."""
    spoken = {"chat": "chat", "messages": "messages", "native": "responses"}
    providers = {
        kind: {"type": "openai", "config": _config(f"{upstream}/v1", protocol)}
        for kind, protocol in spoken.items()
    }
    models = {kind: {"provider": kind, "model": "tiny"} for kind in spoken}
    return KEPT | {
        "name": "surface",
        "providers": providers | {"local": ENGINE},
        "models": models | {"local": {"provider": "local"}},
    }


def _config(url: str, protocol: str) -> dict[str, Any]:
    return {"base_url": url, "api_key": "k", "native": [protocol], "discover": False}
