"""The tokens of one generation as canonical events; it knows no engine, no thread and no clock.

Bytes become text (a character may be split between tokens), text becomes parts, and tokens are
counted: every sampled token counts as output, the one that ends the answer too; those between
the marks of the reasoning, marks included, count as reasoning as well.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

from ...core.canon import ir
from .job import Token
from .parser import Parser

NOTES = "stack"  # the key of `Finished.extra` for what the parser had to note


class Answer:
    """Feed it tokens, then close it. Once `done`, the model may stop generating."""

    def __init__(self, parser: Parser, forced: str = "") -> None:
        self._parser = parser
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._tokens = _Pending()
        self._output = 0
        self._reasoning = 0
        self._first = parser.feed(forced)

    @property
    def done(self) -> bool:
        return self._parser.done

    def feed(self, tokens: Iterable[Token]) -> list[ir.Event]:
        events, self._first = self._first, []
        for token in tokens:
            if self._parser.done:
                break
            events += self._token(token)
        return merged(events)

    def _token(self, token: Token) -> list[ir.Event]:
        before = self._parser.thinking
        text = self._decoder.decode(token.data)
        events = self._parser.feed(text)
        self._output += 1
        self._reasoning += before or self._parser.thinking
        if token.logprob is None:
            return events
        whole = not self._decoder.getstate()[0]
        self._tokens.add(token.logprob, len(text), whole)
        return self._tokens.attached(events, self._parser.held)

    def close(self, reason: Literal["end", "length"], prompt: int, cached: int) -> list[ir.Event]:
        """The rest of the events, `Finished` included unless an error has come."""
        parser = self._parser
        events, self._first = self._first, []
        events += parser.feed(self._decoder.decode(b"", True))
        events += parser.close(cut=reason == "length")
        events = self._tokens.attached(events, 0)
        if parser.failed:
            return merged(events)  # an error was the last event
        usage = ir.Usage(prompt, self._output, cache_read=cached, reasoning=self._reasoning)
        notes: list[ir.JSON] = list(parser.notes)
        extra = {NOTES: {"notes": notes}} if notes else None
        return merged([*events, ir.Finished(self._stop(reason), usage, extra=extra)])

    def _stop(self, reason: Literal["end", "length"]) -> ir.Stop:
        parser = self._parser
        if parser.met is not None:
            return ir.Stop("stop_sequence", parser.met)
        if reason == "length" and not parser.done:
            return ir.Stop("length")
        return ir.Stop("tool_call" if parser.calls else "end")


class _Pending:
    """Log-probabilities that wait for the text of their tokens to come out of the parser."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, ir.TokenLogprob]] = []
        self._partial: list[ir.TokenLogprob] = []
        self._total = 0
        self._texts: set[int] = set()  # the indices of text parts

    def add(self, logprob: ir.TokenLogprob, characters: int, whole: bool) -> None:
        self._total += characters
        self._partial.append(logprob)
        if whole:
            self._waiting += [(self._total, waiting) for waiting in self._partial]
            self._partial = []

    def attached(self, events: list[ir.Event], held: int) -> list[ir.Event]:
        """Give the last text the tokens that are out; those of other parts have no place."""
        out = [logprob for end, logprob in self._waiting if end <= self._total - held]
        self._waiting = self._waiting[len(out) :]
        last = None
        for i, event in enumerate(events):
            match event:
                case ir.PartStarted(index=index, part=ir.Text()):
                    self._texts.add(index)
                case ir.Delta(index=index) if index in self._texts:
                    last = i, event
                case _:
                    pass
        if out and last is not None:
            i, delta = last
            events[i] = replace(delta, logprobs=tuple(out))
        return events


def merged(events: Sequence[ir.Event]) -> list[ir.Event]:
    """The same events with neighbouring deltas of one part made one."""
    out: list[ir.Event] = []
    for event in events:
        last = out[-1] if out else None
        if isinstance(event, ir.Delta) and isinstance(last, ir.Delta) and event.index == last.index:
            text, logprobs = last.text + event.text, last.logprobs + event.logprobs
            out[-1] = ir.Delta(event.index, text, logprobs)
        else:
            out.append(event)
    return out
