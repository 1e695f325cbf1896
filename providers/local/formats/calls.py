"""What a reader tells of the calls that it finds."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Protocol, TypeAlias

from ....core.canon import ir
from .source import Source, Wait


class Calls(Protocol):
    """A call begins, gets its arguments in any number of pieces, and ends; or it is told whole."""

    @property
    def offering(self) -> bool:
        """Whether the request has any tools."""

    def offered(self, name: str) -> bool:
        """Whether the request has a tool of this name."""

    def schema(self, name: str) -> ir.Object:
        """The schema of a tool's arguments; empty if there is none."""

    def streams(self, name: str) -> bool:
        """Whether the arguments are of use before they are whole."""

    def begin(self, name: str) -> None: ...
    def arguments(self, text: str) -> None: ...
    def end(self) -> None: ...

    def whole(self, name: str, arguments: object) -> None:
        """A call at once, with its arguments as a value and not as text."""

    def note(self, text: str) -> None:
        """Something that the model did beside the format."""

    # For formats whose answers have another shape than text with marks in it

    def say(self, text: str) -> None: ...
    def think(self, text: str) -> None: ...
    def part(self) -> None:
        """The part that is open has ended."""


Reader: TypeAlias = Callable[[Source, Calls], Wait[None]]


def written(value: object) -> str:
    """A value as JSON text that can be encoded."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, by an escape of the model's
        return json.dumps(value)
    return text
