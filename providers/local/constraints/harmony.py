"""What is enforced of gpt-oss's answers, which are messages: a header, a content and an end each.

The header says whether a message is a thought, a preamble, the answer or a call, and only those
that may come can be written. Contents are free up to their end, but for calls and for answers that
have a format. A call is the last message of an answer, since the model stops behind it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ..formats.harmony import ANALYSIS, ASSISTANT, COMMENTARY, END, FINAL
from .calls import Calls
from .compiling import Compiler
from .constraint import Bound, Free, Stage
from .lexicon import literal
from .thoughts import Thoughts


class Messages:
    """`answer` is the rule that the answer's text must match, if there is one."""

    def __init__(
        self, answer: str | None, calls: Calls | None, compiler: Compiler, must_call: bool
    ) -> None:
        self._answer = answer
        self._calls = calls
        self._compiler = compiler
        self._must_call = must_call
        self._held = answer is not None or must_call
        # An answer that is asked for comes behind one thought at most.
        self._next: Stage = self._later() if self._held else self._repeated()

    def first(self, thoughts: Thoughts) -> Stage:
        """Of an answer that begins behind its role or inside of a thought, as the prompt ends."""
        if thoughts.open:
            return self._thought()
        return self._header("", thoughts.possible or not self._held)

    def text(self) -> Stage:
        """Of an answer that begins inside of its last message."""
        if self._answer is None:
            then = self._next if self._must_call else None
            return Free({END.encode(): then}, may_end=not self._must_call)
        matcher, _ = self._compiler.compiled(f"start: answer\nanswer: {self._answer}")
        return Bound(matcher)

    def _later(self) -> Stage:
        return self._header(ASSISTANT, thinks=False)

    def _repeated(self) -> Stage:
        stage = Bound(None)
        self._next = stage
        made = self._header(ASSISTANT, thinks=True)
        stage.matcher, stage.heads = made.matcher, made.heads
        return stage

    def _header(self, start: str, thinks: bool) -> Bound:
        """The next message up to its content, or to its end if it is a call."""
        ways = self._ways(thinks)
        marks = self._compiler.lexicon.marks
        kinds = [literal(header, marks) for header in ways]
        if self._calls is not None:
            kinds.append("call")
        rule = f"start: {literal(start, marks)} ({' | '.join(kinds)})"
        heads = {re.escape(header).encode(): stage for header, stage in ways.items()}
        if self._calls is None:
            matcher, _ = self._compiler.compiled(rule)
            return Bound(matcher, heads=heads)
        stage = self._calls.stage(rule, None)
        return replace(stage, heads={**stage.heads, **heads})

    def _thought(self) -> Free:
        return Free({END.encode(): self._next}, may_end=not self._held)

    def _ways(self, thinks: bool) -> dict[str, Stage]:
        """What may come but for calls, each by its header with its content."""
        ways: dict[str, Stage] = {}
        if thinks:
            ways[ANALYSIS] = self._thought()
        if not self._held:
            ways[COMMENTARY] = ways[ANALYSIS]
        if not self._must_call:
            ways[FINAL] = self.text()
        return ways
