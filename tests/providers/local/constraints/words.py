"""A vocabulary small enough to read: every byte, a few words, the marks, and an end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from polystack.providers.local.constraints.compiling import Compiler
from polystack.providers.local.constraints.constraint import Constraint, Stage
from polystack.providers.local.constraints.lexicon import Lexicon
from polystack.providers.local.parser import MARKS

WORDS = ["ab", "abc", "hello", '{"', '":', '"}', "\\n", '\\"', "n*", "true", " ", "\n\n", "+a"]


class Words:
    def __init__(self, marks: Iterable[str] = MARKS) -> None:
        self._texts = [bytes([byte]) for byte in range(256)]
        self._texts += [word.encode() for word in WORDS if len(word) > 1]
        first = len(self._texts)
        self.marks: Mapping[str, int] = {mark: first + i for i, mark in enumerate(marks)}
        self._texts += [mark.encode() for mark in marks]
        self._end = len(self._texts)
        self.size = self._end + 1

    def specials(self) -> Iterable[str]:
        return [*self.marks, "<end>"]

    def tokenize(self, text: str, beginning: bool = True) -> list[int]:
        """The longest word first, as most vocabularies do it."""
        data, tokens = text.encode(), []
        while data:
            best = max((t for t in self._texts if data.startswith(t)), key=len)
            tokens.append(self._texts.index(best))
            data = data[len(best) :]
        return tokens

    def piece(self, token: int) -> bytes:
        return b"" if token == self._end else self._texts[token]

    def ends(self, token: int) -> bool:
        return token == self._end

    @property
    def end(self) -> int:
        return self._end


VOCABULARY = Words()
COMPILER = Compiler(Lexicon(VOCABULARY))


def follow(stage: Stage, text: str, compiler: Compiler = COMPILER) -> Constraint:
    """The constraint behind a text, each token of which was allowed."""
    constraint = Constraint(compiler.lexicon, stage)
    for token in VOCABULARY.tokenize(text):
        allowed = constraint.allowed()
        piece = VOCABULARY.piece(token)
        assert allowed is None or allowed[token], f"{piece!r} of {text!r} is not allowed"
        constraint.accept(token)
    return constraint


def next_words(constraint: Constraint) -> set[str] | None:
    """What may come next, as text; the end is `<end>`."""
    allowed = constraint.allowed()
    if allowed is None:
        return None
    tokens = [token for token in range(VOCABULARY.size) if allowed[token]]
    return {
        "<end>" if VOCABULARY.ends(t) else VOCABULARY.piece(t).decode("latin-1") for t in tokens
    }
