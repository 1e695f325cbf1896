"""Text that comes in pieces, read by generators that wait for more of it.

A reader says `yield from source.…`; it goes on when the answer is certain, so the pieces make no
difference to what it finds. All that was read since the last `keep` can still go back.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeAlias, TypeVar

from ....core.canon.stopping import unsettled
from .nesting import Nesting, NotJSON

T = TypeVar("T")
Wait: TypeAlias = Generator[None, None, T]


class Malformed(Exception):
    """What was read is not what the format says."""


class Truncated(Malformed):
    """The text ended where the format goes on."""


class Source:
    """`at` is the place of the reader in `text`."""

    def __init__(self) -> None:
        self.text = ""
        self.at = 0
        self.mark = 0  # characters of the mark that called the reader, unless they are settled
        self.closed = False

    def add(self, text: str) -> None:
        self.text += text

    def keep(self) -> None:
        """What was read is settled, and never comes back as text."""
        self.text = self.text[self.at :]
        self.at = self.mark = 0

    # What readers wait for -----------------------------------------------------------------------

    def more(self) -> Wait[None]:
        """Some more text; raises `Truncated` if there is none."""
        size = len(self.text)
        while len(self.text) == size:
            if self.closed:
                raise Truncated("it is not whole")
            yield

    def peek(self) -> Wait[str]:
        """The next character, or nothing at the end of the text."""
        while self.at == len(self.text) and not self.closed:
            yield
        return self.text[self.at : self.at + 1]

    def space(self) -> Wait[str]:
        """Skip white space; gives the character behind it."""
        while True:
            char = yield from self.peek()
            if not char.isspace():
                return char
            self.at += 1

    def take(self, *marks: str) -> Wait[str]:
        """Read the one of these marks that comes next; empty if none does."""
        while True:
            rest = self.text[self.at : self.at + max(map(len, marks))]
            if not self.closed and any(m != rest and m.startswith(rest) for m in marks):
                yield
                continue
            found = max((m for m in marks if rest.startswith(m)), key=len, default="")
            self.at += len(found)
            return found

    def expect(self, *marks: str) -> Wait[str]:
        """The same, but it must come."""
        found = yield from self.take(*marks)
        if not found:
            missing = Truncated if self.at == len(self.text) else Malformed
            raise missing(f"{marks[0]!r} is missing")
        return found

    def close(self, *marks: str) -> Wait[str]:
        """The mark that ends what was read, if there is one; the end of the text may cut it."""
        yield from self.space()
        found = yield from self.take(*marks)
        if not found and self.closed and any(m.startswith(self.text[self.at :]) for m in marks):
            self.at = len(self.text)
        return found

    def until(self, *marks: str, limit: int | None = None) -> Wait[tuple[str, str]]:
        """The text before the first of these marks, and the mark; both are read.

        Raises `Malformed` once there are more than `limit` characters without one.
        """
        start = seen = self.at
        while True:
            found = [(i, -len(m), m) for m in marks if (i := self.text.find(m, seen)) >= 0]
            if found:
                end, _, mark = min(found)
                self.at = end + len(mark)
                return self.text[start:end], mark
            if limit is not None and len(self.text) - start > limit:
                raise Malformed(f"{marks[0]!r} is missing")
            seen = max(start, len(self.text) - unsettled(self.text[seen:], marks))
            yield from self.more()

    def value(self, out: Callable[[str], None]) -> Wait[None]:
        """The JSON value that begins here, given out as it comes; it is kept at once."""
        nesting = Nesting()
        self.keep()
        while True:
            try:
                end = nesting.end(self.text)
            except NotJSON as bad:
                self._settle(bad.at, out)
                raise Malformed("it is no JSON") from None
            self._settle(len(self.text) if end is None else end, out)
            if end is not None:
                return
            nesting.forget()
            yield from self.more()

    def whole(self, depth: int = 0) -> Wait[str]:
        """The JSON value that begins here, all of it at once; inside of one, up to its end."""
        nesting, start = Nesting(depth), self.at
        while True:
            try:
                end = nesting.end(self.text[start:])
            except NotJSON:
                raise Malformed("it is no JSON") from None
            if end is not None:
                self.at = start + end
                return self.text[start : self.at]
            yield from self.more()

    def _settle(self, end: int, out: Callable[[str], None]) -> None:
        text, self.at = self.text[:end], end
        self.keep()
        out(text)
