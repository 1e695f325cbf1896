"""Reads harmony as the package does in its lenient way; a token is a mark or a letter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from polystack.core.canon.errors import ConfigError
from polystack.providers.local.formats import harmony
from polystack.providers.local.formats.harmony import MARKS, Harmony

_RECIPIENT = re.compile(r"\bto=(\S+)")
_ENDS = ("<|end|>", "<|call|>", "<|return|>")


class Stream:
    def __init__(self) -> None:
        self._header: str | None = ""
        self._content = False
        self.current_channel: str | None = None
        self.current_recipient: str | None = None
        self.last_content_delta: str | None = None

    def process(self, token: int) -> None:
        text = MARKS[-1 - token] if token < 0 else chr(token)
        self.last_content_delta = None
        if self._content:
            if text in _ENDS:
                self._header, self._content = None, False
                self.current_channel = self.current_recipient = None
            else:
                self.last_content_delta = text
        elif self._header is None:
            if text != "<|start|>":
                raise ValueError(f"Unexpected token {token} while expecting start token")
            self._header = ""
        elif text == "<|message|>":
            self._opened(self._header)
        else:
            self._header += text

    def _opened(self, header: str) -> None:
        _, _, rest = header.partition("<|channel|>")
        self.current_channel = rest.split()[0] if rest.split() else None
        if found := _RECIPIENT.search(header.replace("<|", " <|")):
            self.current_recipient = found[1]
        self._content = True


def encode(text: str) -> list[int]:
    parts = re.split("(" + "|".join(map(re.escape, MARKS)) + ")", text)
    tokens = ([-1 - MARKS.index(part)] if part in MARKS else map(ord, part) for part in parts)
    return [token for part in tokens for token in part]


STANDING_IN = Harmony(encode, Stream)


@contextmanager
def read_somehow() -> Iterator[None]:
    """Harmony by OpenAI's package where that has its vocabulary, else by the one here."""
    with pytest.MonkeyPatch.context() as patch:
        try:
            harmony.loaded()
        except ConfigError:
            patch.setattr(harmony, "loaded", lambda: STANDING_IN)
        yield
