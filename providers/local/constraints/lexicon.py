"""A vocabulary as grammars see it: the bytes of every token, and the tokens that end an answer.

Tokens with a meaning of their own (the marks of thoughts and calls, ends of answers) are kept apart
from the text that they are spelled like. Nothing but a rule that names such a token lets it pass.

`Quoted` shows the same vocabulary from inside a JSON string: a token stands for what a client reads
there, so that a grammar of free text is enforced although the model has to write it with escapes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, Protocol

MAYBE = "\v"  # in a literal, a new line that may be missing
SPECIAL = b"\xff"  # what the bytes of a token without text begin with

_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_QUOTED = re.compile(rb'(?:[^"\\\x00-\x1f]|\\["\\/bfnrt])*')
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


class Vocabulary(Protocol):
    """What any engine's vocabulary can tell."""

    @property
    def size(self) -> int: ...
    @property
    def marks(self) -> Mapping[str, int]: ...
    def specials(self) -> Iterable[str]: ...
    def tokenize(self, text: str, beginning: bool = True) -> list[int]: ...
    def piece(self, token: int) -> bytes: ...
    def ends(self, token: int) -> bool: ...


class _Words:
    """A tokenizer in the shape that llguidance takes one in."""

    is_tokenizer_wrapper = True
    bos_token_id = None

    def __init__(self, tokens: Sequence[bytes], end: int, tokenize: Any) -> None:
        self.tokens = tokens
        self.eos_token_id = end
        self.special_token_ids = [i for i, word in enumerate(tokens) if word[:1] == SPECIAL]
        self._tokenize = tokenize

    def __call__(self, text: str) -> list[int]:
        found: list[int] = self._tokenize(text)
        return found


class Lexicon:
    """Of one loaded model; made once, since a large vocabulary takes a second."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.size = vocabulary.size
        self.marks = dict(vocabulary.marks)
        self._tokenize = vocabulary.tokenize
        specials = sorted((s for s in vocabulary.specials() if len(s) > 1), key=len, reverse=True)
        self._specials = re.compile("|".join(map(re.escape, specials)) or r"(?!)")
        marks = {token: mark for mark, token in self.marks.items()}
        self.pieces = [vocabulary.piece(token) for token in range(self.size)]
        self.ends = [token for token in range(self.size) if vocabulary.ends(token)]
        self.last = [mark for mark, token in self.marks.items() if vocabulary.ends(token)]
        self._apart = {
            token: SPECIAL + marks.get(token, f"end-{token}").encode()
            for token in (*marks, *self.ends)
        }

    @cached_property
    def tokenizer(self) -> Any:
        from llguidance import LLTokenizer

        words = [self._apart.get(token, piece) for token, piece in enumerate(self.pieces)]
        ends = self.ends
        if not ends:
            ends, words = [self.size], [*words, SPECIAL + b"end"]
        made: Any = _Words(words, ends[0], self._tokens)
        return LLTokenizer(made, eos_token=ends)

    @cached_property
    def quoted(self) -> Quoted:
        return Quoted(self)

    def text(self, token: int) -> bytes:
        """What a token adds to the answer: a mark is text, the end is none."""
        return b"" if token in self.ends else self.pieces[token]

    def word(self, token: int) -> bytes:
        """A token's bytes where only text may come: none for those with a meaning of their own."""
        return b"" if token in self._apart else self.pieces[token]

    def _tokens(self, text: str) -> list[int]:
        # A vocabulary reads special texts as what they are; here they are the letters they have.
        cuts = [match.start() + 1 for match in self._specials.finditer(text)]
        parts = [text[i:j] for i, j in pairwise([0, *cuts, len(text)])]
        return [token for part in parts if part for token in self._tokenize(part, False)]


class Quoted:
    """The vocabulary twice over: as it reads in a JSON string, and as it reads behind a `\\`.

    A token of the second half is the model's token plus `size`. What would end the string, break it
    or leave an escape half written has no bytes here, and so is never allowed by a grammar.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        self.size = lexicon.size
        words = [lexicon.word(token) for token in range(self.size)]
        self.closing = {i: word[1:] for i, word in enumerate(words) if word[:1] == b'"'}
        self.backslash = words.index(b"\\")
        self._words = [
            *(unquoted(word) for word in words),
            *(unquoted(b"\\" + word) for word in words),
            SPECIAL + b"end",
        ]

    @cached_property
    def tokenizer(self) -> Any:
        from llguidance import LLTokenizer

        single = {word: token for token, word in enumerate(self._words) if len(word) == 1}

        def spelled(text: str) -> list[int]:
            letters = (bytes([byte]) for byte in text.encode())
            return [single[letter] for letter in letters if letter in single]

        made: Any = _Words(self._words, 2 * self.size, spelled)
        return LLTokenizer(made)


def unquoted(word: bytes) -> bytes:
    """What this piece of a JSON string says; nothing if it is not whole, or not of a string."""
    if _PLAIN.fullmatch(word):
        return word
    if word == b"\\" or not _QUOTED.fullmatch(word):
        return b""
    return _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[1]), word)


def literal(text: str, marks: Mapping[str, int]) -> str:
    """This very text as a part of a rule, its marks as the tokens that they are."""
    parts = re.split(
        "(" + "|".join(map(re.escape, sorted([MAYBE, *marks], key=len, reverse=True))) + ")", text
    )
    tokens = {mark: f"<[{token}]>" for mark, token in marks.items()} | {MAYBE: '"\\n"?'}
    return " ".join(tokens.get(part) or json.dumps(part) for part in parts if part) or '""'
