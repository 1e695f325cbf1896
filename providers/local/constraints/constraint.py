"""What one generation may say next, token by token.

An answer goes through stages. A `Free` stage lets anything pass up to a mark, and costs nothing; a
`Bound` one holds the model to a grammar until there is nothing that the grammar could go on with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .compiling import reason
from .lexicon import Lexicon

Allowed = Any  # a numpy array of bool, by token; it is the caller's to change


class Unmet(Exception):
    """The generation cannot go on: why."""


@dataclass(slots=True, eq=False)
class Free:
    """Anything, up to one of the marks; `leading` ones count only before any other text.

    A mark that leads nowhere ends the answer.
    """

    marks: dict[bytes, Stage | None] = field(default_factory=dict)
    leading: dict[bytes, Stage] = field(default_factory=dict)
    may_end: bool = True


@dataclass(slots=True, eq=False)
class Bound:
    """What a grammar matches, and what comes after it.

    `heads` leads to other stages by how the matched text ends, in regular expressions that are no
    shorter than what they match; `then` is for every other text, and without either the answer
    ends. `beside` are tokens that may come in place of all of it. `quoted` is a grammar of the
    inside of a JSON string, the closing quotation mark included, with which a token may end or go
    on with what `follows`.
    """

    matcher: Any
    then: Stage | None = None
    heads: Mapping[bytes, Stage] = field(default_factory=dict)
    beside: Mapping[int, Stage] = field(default_factory=dict)
    quoted: bool = False
    follows: bytes = b""


Stage: TypeAlias = Free | Bound


class Constraint:
    """Of one generation; one thread at a time. `done` says that the answer is complete."""

    def __init__(self, lexicon: Lexicon, stage: Stage) -> None:
        self._lexicon = lexicon
        self.done = False
        self._enter(stage)

    def _enter(self, stage: Stage | None, rest: bytes = b"") -> None:
        self._stage = stage
        self._text = b""  # of this stage: all of it where marks lead, else its last bytes
        self._begun = False
        self._pending = False  # behind a backslash, inside a quoted text
        match stage:
            case None:
                self.done = True
            case Bound():
                self._matcher = stage.matcher.deep_copy()
                if rest:
                    self._match_text(stage, rest)
            case Free():
                self._keep = max(map(len, (*stage.marks, *stage.leading)), default=1) - 1
                if rest:
                    self._watch(stage, rest)

    def allowed(self) -> Allowed | None:
        """The tokens that may come next; None where all may. Raises `Unmet` if there are none."""
        match self._stage:
            case Bound(quoted=True) as stage:
                found = self._allowed_quoted(stage)
            case Bound() as stage:
                found = self._mask(self._matcher, self._lexicon.size)
                if not self._begun:
                    for token in stage.beside:
                        found[token] = True
            case Free(may_end=False):
                import numpy

                found = numpy.ones(self._lexicon.size, bool)
                found[self._lexicon.ends] = False
            case _:
                return None
        if not found.any():
            raise Unmet(_why(self._matcher) or "the grammar has no way on from here")
        return found

    def accept(self, token: int) -> None:
        """The token that came. Raises `Unmet` for one that was not allowed."""
        stage = self._stage
        if stage is None:
            raise Unmet("the answer is complete")
        if token in self._lexicon.ends and not isinstance(stage, Free):
            if not self._matcher.is_accepting() or self._pending:
                raise Unmet("the answer ended before its grammar did")
            self.done = True
            return
        match stage:
            case Free():
                self._watch(stage, self._lexicon.text(token))
            case Bound(quoted=True):
                self._accept_quoted(stage, token)
            case Bound():
                if not self._begun and token in stage.beside:
                    self._enter(stage.beside[token])
                    return
                self._consume(token)
                self._matched(stage, self._lexicon.text(token))

    def forced(self) -> list[int]:
        """The tokens that must come next, as far as the grammar leaves no choice."""
        match self._stage:
            case Bound(quoted=False) as stage if self._begun or not stage.beside:
                found: list[int] = self._matcher.compute_ff_tokens()
                return found
            case _:
                return []

    def begin(self, text: str) -> bool:
        """The answer begins with this text already; False if it may not."""
        try:
            match self._stage:
                case Bound(quoted=False) as stage:
                    self._match_text(stage, text.encode())
                case Free() as stage:
                    self._watch(stage, text.encode())
        except Unmet:
            return False
        return True

    # Free ----------------------------------------------------------------------------------------

    def _watch(self, stage: Free, piece: bytes) -> None:
        text = self._text + piece
        found: list[tuple[int, bytes, Stage | None]]
        found = [(at, m, to) for m, to in stage.marks.items() if (at := text.find(m)) >= 0]
        if not self._begun and stage.leading:
            begun = text.lstrip()
            found += [
                (0, text[: len(text) - len(begun)] + mark, to)
                for mark, to in stage.leading.items()
                if begun.startswith(mark)
            ]
            may_lead = any(mark.startswith(begun) for mark in stage.leading)
            self._begun = not may_lead
        if not found:
            whole = stage.leading and not self._begun
            self._text = text if whole else text[-self._keep :] if self._keep else b""
            return
        at, mark, to = min(found, key=lambda each: each[0])
        try:
            self._enter(to, text[at + len(mark) :])
        except Unmet:  # the rest of the mark's own token belongs to something else
            self._enter(stage)
            self._begun = True

    # Bound ---------------------------------------------------------------------------------------

    def _match_text(self, stage: Bound, text: bytes) -> None:
        tokenizer = self._lexicon.tokenizer
        tokens = tokenizer.tokenize_bytes(text)
        if stage.quoted or self._matcher.try_consume_tokens(tokens) < len(tokens):
            raise Unmet("the text that stands already is none of the grammar's")
        self._matched(stage, text)

    def _consume(self, token: int) -> None:
        if not self._matcher.consume_token(token):
            raise Unmet(_why(self._matcher) or "a token that the grammar does not allow")

    def _matched(self, stage: Bound, piece: bytes) -> None:
        self._begun = True
        if stage.heads:
            longest = max(map(len, stage.heads))
            self._text = (self._text + piece)[-longest:]
        if not self._matcher.is_stopped():
            return
        if self._matcher.is_error():
            raise Unmet(_why(self._matcher))
        for head, to in stage.heads.items():
            if re.search(head + rb"\Z", self._text):
                self._enter(to)
                return
        self._enter(stage.then)

    # Inside a JSON string ------------------------------------------------------------------------

    def _allowed_quoted(self, stage: Bound) -> Allowed:
        quoted = self._lexicon.quoted
        stopped = self._matcher.is_stopped()
        both = self._mask(self._matcher, 2 * quoted.size)
        plain, behind = both[: quoted.size], both[quoted.size :]
        if self._pending:
            return behind
        plain[quoted.backslash] = not stopped and behind.any()
        if self._matcher.is_accepting():
            for token, rest in quoted.closing.items():
                plain[token] = stage.follows.startswith(rest)
        return plain

    def _accept_quoted(self, stage: Bound, token: int) -> None:
        quoted = self._lexicon.quoted
        if token == quoted.backslash and not self._pending:
            self._pending = True
        elif token in quoted.closing and not self._pending:
            if not self._matcher.is_accepting():
                raise Unmet("the text ended before its grammar did")
            self._enter(stage.then, quoted.closing[token])
        else:
            self._consume(token + quoted.size * self._pending)
            self._pending = False

    def _mask(self, matcher: Any, size: int) -> Allowed:
        import numpy

        if matcher.is_error():
            raise Unmet(_why(matcher))
        bits = numpy.frombuffer(matcher.compute_bitmask(), numpy.uint8)
        return numpy.unpackbits(bits, count=size, bitorder="little").view(bool)


def _why(matcher: Any) -> str:
    error: str = matcher.get_error()
    return reason(error) if error else ""
