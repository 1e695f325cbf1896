"""Grammars compiled, and kept for the next request that brings the same one.

Whoever writes a request writes these grammars too. So their size is limited before anything reads
them, the memory and the work of each token are limited while they run, and compiling happens on a
stack that they cannot exhaust.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

from .lexicon import Lexicon

T = TypeVar("T")

_PLACE = re.compile(r"(?:at )?(\d+)\((\d+)\): (?P<schema>failed to compile JSON schema: )?")

KEPT = 128  # compiled grammars
TEXT = 2 << 20  # bytes of one grammar
STACK = 256 << 20  # bytes of address space, of which a deep grammar uses as much as it needs
FUEL = 200_000  # for the lexer's first states: nested repetitions could take it half a minute
STATES = 50_000  # of the lexer of one generation, about a kilobyte each


class BadGrammar(Exception):
    """What is wrong with a grammar, in one line."""


class Compiler:
    """Gives matchers that have matched nothing yet; any thread may use it."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self._lock = threading.Lock()
        self._compiled: OrderedDict[bytes, tuple[Any, tuple[str, ...]]] = OrderedDict()

    def compiled(self, text: str, *, quoted: bool = False) -> tuple[Any, tuple[str, ...]]:
        """A matcher to copy for each generation, and what it could not take into account.

        The text is in llguidance's form of Lark; `quoted` says that it is matched inside a JSON
        string. Raises `BadGrammar`.
        """
        key = hashlib.sha256(f"{quoted} {text}".encode("utf-8", "replace")).digest()
        with self._lock:
            if key in self._compiled:
                self._compiled.move_to_end(key)
                return self._compiled[key]
        if len(text) > TEXT:
            raise BadGrammar(f"it has {len(text)} characters, and {TEXT} are the limit")
        made = _deeply(lambda: self._matcher(text, quoted))
        with self._lock:
            self._compiled[key] = made
            while len(self._compiled) > KEPT:
                self._compiled.popitem(last=False)
        return made

    def _matcher(self, text: str, quoted: bool) -> tuple[Any, tuple[str, ...]]:
        from llguidance import LLMatcher, LLParserLimits

        tokenizer = (self.lexicon.quoted if quoted else self.lexicon).tokenizer
        limits = LLParserLimits(
            max_lexer_states=STATES, initial_lexer_fuel=FUEL, verbose_errors=False
        )
        matcher = LLMatcher(
            tokenizer, LLMatcher.grammar_from_lark(text), log_level=0, limits=limits
        )
        if matcher.is_error():
            raise BadGrammar(reason(matcher.get_error()))
        # The copies know the first mask, then.
        mask = matcher.compute_bitmask()
        if not any(mask) or matcher.is_error():
            raise BadGrammar("there is no text that it matches")
        # What is too large to be followed is found out by the first step, and here it is a refusal.
        probe = matcher.deep_copy()
        probe.consume_token(_first(mask))
        probe.compute_bitmask()
        if probe.is_error():
            raise BadGrammar(reason(probe.get_error()))
        return matcher, tuple(matcher.get_grammar_warnings())


def _first(mask: bytes) -> int:
    at, byte = next((at, byte) for at, byte in enumerate(mask) if byte)
    return 8 * at + (byte & -byte).bit_length() - 1


def reason(error: str) -> str:
    """What the library says, in a line; of a regular expression the last of its lines says why."""
    line, *rest = error.strip().splitlines() or ["it cannot be compiled"]
    if line.startswith("panic"):
        return "it is too large"
    place = _PLACE.match(line)
    said = line[place.end() if place else 0 :][:300]
    why = next((other.strip() for other in rest if other.startswith("error: ")), "")
    said = " ".join(filter(None, [said, why.removeprefix("error: ")[:200]]))
    if place is None or place["schema"]:
        return said
    return f"line {place[1]}, column {place[2]}: {said}"


def _deeply(work: Callable[[], T]) -> T:
    """Run on a thread with a large stack: the library's recursion follows the grammar's depth."""
    done: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:
            failed.append(error)

    with _starting:
        before = threading.stack_size(STACK)
        try:
            thread = threading.Thread(target=run, name="grammar")
            thread.start()
        finally:
            threading.stack_size(before)
    thread.join()
    if failed:
        match failed[0]:
            case BadGrammar() | ImportError() as error:
                raise error
            case error:  # a panic of the library is no `Exception`
                raise BadGrammar(reason(str(error) or type(error).__name__)) from None
    return done[0]


_starting = threading.Lock()
