"""Values as programs write them: bare words, text in quotes of any kind, lists and objects."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from .source import Malformed, Source, Wait

DEPTH = 64  # values inside of values
WORD = 256  # characters of a name or a number

_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0", "\n": ""}
_WORDS = {"True": True, "False": False, "None": None}
_CLOSES = {"[": "]", "(": ")"}


@dataclass(frozen=True, slots=True)
class Literals:
    """`quotes` stand at both ends of a text; by `escapes`, a backslash means something in it."""

    quotes: tuple[str, ...]
    escapes: bool

    def value(self, source: Source, depth: int = 0) -> Wait[object]:
        if depth > DEPTH:
            raise Malformed("its values are nested too deeply")
        first = yield from source.space()
        if first == "{":
            return (yield from self.mapping(source, depth))
        if first in _CLOSES:
            return (yield from self._list(source, _CLOSES[first], depth))
        quote = yield from source.take(*self.quotes)
        if quote:
            return (yield from self._text(source, quote))
        return _plain((yield from word(source)))

    def mapping(self, source: Source, depth: int = 0) -> Wait[dict[str, object]]:
        """`{key: value, …}`, the keys as words or in quotes."""
        found: dict[str, object] = {}
        yield from source.expect("{")
        yield from source.space()
        while not (yield from source.take("}")):
            quote = yield from source.take(*self.quotes)
            key = yield from self._text(source, quote) if quote else word(source)
            yield from source.space()
            yield from source.expect(":")
            found[key] = yield from self.value(source, depth + 1)
            yield from separated(source, "}")
        return found

    def _list(self, source: Source, close: str, depth: int) -> Wait[list[object]]:
        found: list[object] = []
        source.at += 1
        yield from source.space()
        while not (yield from source.take(close)):
            found.append((yield from self.value(source, depth + 1)))
            yield from separated(source, close)
        return found

    def _text(self, source: Source, quote: str) -> Wait[str]:
        if not self.escapes:
            text, _ = yield from source.until(quote)
            return text
        start = source.at
        while True:
            char = yield from source.peek()
            if not char:
                yield from source.expect(quote)
            source.at += 1
            if char == quote:
                return _whole(_ESCAPE.sub(_unescaped, source.text[start : source.at - 1]))
            if char == "\\":
                yield from source.peek()
                source.at += 1


PYTHON = Literals(('"', "'"), escapes=True)


def word(source: Source) -> Wait[str]:
    """A name or a number; raises `Malformed` if there is none."""
    start = source.at
    while True:
        char = yield from source.peek()
        if not char or not (char.isalnum() or char in "_-+."):
            break
        source.at += 1
        if source.at - start > WORD:
            raise Malformed("a word is too long")
    if source.at == start:
        yield from source.expect("a word")
    return source.text[start : source.at]


def separated(source: Source, close: str) -> Wait[None]:
    """Behind an item: a comma, or what closes all of them, which stays unread."""
    char = yield from source.space()
    if char != close:
        yield from source.expect(",")
        yield from source.space()


def _plain(text: str) -> object:
    if text in _WORDS:
        return _WORDS[text]
    try:
        return json.loads(text, parse_constant=_refused)
    except ValueError:
        raise Malformed(f"{text!r} is no value") from None


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no value")


def _unescaped(found: re.Match[str]) -> str:
    code = found[1] or found[2] or found[3]
    if code is None:
        letter = found[4]
        return _ESCAPED.get(letter, letter if letter in "\\\"'/" else "\\" + letter)
    return chr(int(code, 16)) if int(code, 16) < 0x110000 else found[0]


def _whole(text: str) -> str:
    """With the halves of surrogate pairs, which JSON's escapes come in, put together."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
