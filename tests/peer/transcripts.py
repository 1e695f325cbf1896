"""The peer's lines: hand-written answers of upstreams, questions of clients, and what is expected.

Below `transcripts/peer`: `<protocol>/<scenario>.json` and `.sse` are what an upstream of that
protocol answers, `seen/<scenario>.json` what clients make of it. `asked/<case>/` holds a question
in each client protocol, and what an upstream of each protocol must get for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .answers import Answer, streamed, whole

ROOT = Path(__file__).parents[1] / "transcripts" / "peer"
PROTOCOLS = ("messages", "responses", "chat")
PAIRS = [(client, upstream) for client in PROTOCOLS for upstream in PROTOCOLS]
PATHS = {
    "messages": "/v1/messages",
    "responses": "/v1/responses",
    "chat": "/v1/chat/completions",
}


def scenarios(upstream: str) -> list[str]:
    return sorted(path.stem for path in (ROOT / upstream).glob("*.json"))


def cases() -> list[str]:
    return sorted(folder.name for folder in (ROOT / "asked").iterdir())


def document(upstream: str, scenario: str) -> bytes:
    return (ROOT / upstream / f"{scenario}.json").read_bytes()


def stream(upstream: str, scenario: str) -> bytes:
    return (ROOT / upstream / f"{scenario}.sse").read_bytes()


def answer(
    upstream: str, scenario: str, as_stream: bool, headers: Mapping[str, str] | None = None
) -> Answer:
    if as_stream:
        return streamed(stream(upstream, scenario), headers=headers)
    return whole(document(upstream, scenario), headers=headers)


def seen(scenario: str, client: str, upstream: str) -> Any:
    """What a client must see: its entry for this upstream, or the one for every other."""
    entries = json.loads((ROOT / "seen" / f"{scenario}.json").read_text())[client]
    return entries[upstream] if upstream in entries else entries["*"]


def question(case: str, client: str) -> dict[str, Any]:
    """What a client of a protocol sends, without the model's name."""
    body: dict[str, Any] = json.loads((ROOT / "asked" / case / f"{client}.json").read_text())
    return body


def expected(case: str, client: str, upstream: str) -> Any:
    """The body that the upstream must get, without the model's name."""
    if client == upstream:
        return question(case, client)
    return json.loads((ROOT / "asked" / case / f"{client}-to-{upstream}.json").read_text())
