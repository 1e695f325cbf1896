"""Distributions for the library face, as a program writes them."""

from __future__ import annotations

from typing import Any

SCRIPTED: dict[str, Any] = {
    "version": 1,
    "name": "here",
    "apis": ["messages", "responses", "chat"],
    "providers": {
        "demo": {
            "type": "scripted",
            "config": {
                "models": [{"id": "m"}],
                "answers": [
                    {"when": {"text": "hang"}, "parts": [{"text": "and then"}], "hang": True},
                    {"when": {"text": "late"}, "delay": 1000},
                    {
                        "when": {"text": "broken"},
                        "error": {"kind": "rate_limited", "message": "no"},
                    },
                    {
                        "when": {"text": "midway"},
                        "parts": [{"text": "half"}],
                        "fail": {"kind": "upstream", "message": "gone"},
                    },
                    {"parts": [{"text": ["Hel", "lo"]}]},
                ],
            },
        }
    },
}


def asked(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}
