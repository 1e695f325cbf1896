"""Text to tokens and back, by the model's own tokenizer.

A token may end in the middle of a character, so tokens become bytes here, not text. Two spellings
are in use: bytes that stand for themselves as letters (GPT-2's), and words that begin with a low
line, with `<0xNN>` for single bytes (SentencePiece's).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ..local.parser import MARKS

SPACE = "\u2581"
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


class Vocabulary:
    def __init__(
        self, tokenizer: Any, ends: Collection[int], special_texts: Mapping[str, str]
    ) -> None:
        self._tokenizer = tokenizer
        self._ends = frozenset(ends)
        self._lettered = "ByteLevel" in json.dumps(json.loads(tokenizer.to_str())["decoder"])
        self._added = {
            id: token.content for id, token in tokenizer.get_added_tokens_decoder().items()
        }
        self._pieces: dict[int, bytes] = {}
        self.size: int = tokenizer.get_vocab_size()
        self.marks = {m: ids[0] for m in MARKS if len(ids := self.tokenize(m, False)) == 1}
        self.special_texts = special_texts

    def tokenize(self, text: str, beginning: bool = True) -> list[int]:
        """Marks and control tokens in the text are read as what they are."""
        safe = text.encode("utf-8", "replace").decode()
        ids: list[int] = self._tokenizer.encode(safe, add_special_tokens=beginning).ids
        return ids

    def specials(self) -> Iterable[str]:
        return self._added.values()

    def piece(self, token: int) -> bytes:
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._piece(token)
        return piece

    def ends(self, token: int) -> bool:
        return token in self._ends

    def _piece(self, token: int) -> bytes:
        if token in self._added:
            # Control tokens have no text, but the marks that parsers look for.
            text = self._added[token]
            return text.encode() if token in self.marks.values() or text in MARKS else b""
        text = self._tokenizer.id_to_token(token) or ""
        if self._lettered:
            return bytes(_LETTERS[letter] for letter in text if letter in _LETTERS)
        if byte := _BYTE.fullmatch(text):
            return bytes([int(byte[1], 16)])
        return text.replace(SPACE, " ").encode()


def _letters() -> dict[str, int]:
    """GPT-2's alphabet: printable bytes are themselves, the others come behind U+0100."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {
        chr(256 + i): byte for i, byte in enumerate(others)
    }


_LETTERS = _letters()
