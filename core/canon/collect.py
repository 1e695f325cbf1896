"""The fold of a stream into a whole answer: the only way that whole answers are made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from . import ir
from .errors import ProtocolViolation


class Collector:
    """Feed it the events of one generation; `response()` is the whole of them.

    Raises the error of a `Failed` event when it is fed one. Parts keep the order of their
    indices' first appearance, which is the order that every encoder shows them in.
    """

    def __init__(self) -> None:
        self._started: ir.Started | None = None
        self._finished: ir.Finished | None = None
        self._parts: dict[int, ir.Part] = {}
        self._texts: dict[int, list[str]] = {}
        self._logprobs: dict[int, list[ir.TokenLogprob]] = {}

    def feed(self, event: ir.Event) -> None:
        match event:
            case ir.Delta(index=index, text=text, logprobs=logprobs):  # first: most are deltas
                self._texts[index].append(text)
                if logprobs:
                    self._logprobs.setdefault(index, []).extend(logprobs)
            case ir.Started():
                self._started = event
            case ir.PartStarted(index=index, part=part):
                self._parts[index] = part
                self._texts[index] = []
            case ir.PartAnnotated(index=index, value=value):
                self._parts[index] = annotate(self._parts[index], value)
            case ir.PartEnded(index=index):
                text = "".join(self._texts.pop(index))
                logprobs = tuple(self._logprobs.pop(index, ()))
                self._parts[index] = complete(self._parts[index], text, logprobs)
            case ir.Opaque():
                # A negative key can never meet a part's index.
                self._parts[-1 - len(self._parts)] = event
            case ir.Finished():
                self._finished = event
            case ir.Failed(error=error):
                raise error
            case ir.Ping():
                pass

    def cut(self) -> ir.Response | None:
        """What has come so far, as if it had been cut short there; None before the beginning."""
        if self._started is None:
            return None
        parts = {
            index: complete(part, "".join(self._texts.get(index, ())))
            for index, part in self._parts.items()
        }
        started = self._started
        return ir.Response(started.id, started.model, tuple(parts.values()), ir.Stop("length"))

    def response(self) -> ir.Response:
        if self._started is None or self._finished is None:
            raise ProtocolViolation("the stream ended before it finished")
        started, finished = self._started, self._finished
        return ir.Response(
            started.id,
            started.model,
            tuple(self._parts.values()),
            finished.stop,
            finished.usage,
            extra=finished.extra or started.extra,
        )


def collect(events: Iterable[ir.Event]) -> ir.Response:
    """Fold a finished stream of events into a `Response`; raises the error of a failed one."""
    collector = Collector()
    for event in events:
        collector.feed(event)
    return collector.response()


def annotate(part: ir.Part, value: ir.Citation | ir.Reasoning) -> ir.Part:
    """The part with a citation, or with the fields that a reasoning annotation sets."""
    match part, value:
        case ir.Text(), ir.Citation():
            return replace(part, citations=(*part.citations, value))
        case ir.Reasoning(), ir.Reasoning():
            return replace(
                part,
                summary=part.summary + value.summary,
                signature=value.signature if value.signature is not None else part.signature,
                sealed=value.sealed if value.sealed is not None else part.sealed,
                origin=value.origin if value.origin is not None else part.origin,
                id=value.id if value.id is not None else part.id,
            )
        case _:
            kinds = type(value).__name__, type(part).__name__
            raise ProtocolViolation("a {} cannot annotate a {}".format(*kinds))


def complete(part: ir.Part, text: str, logprobs: tuple[ir.TokenLogprob, ...] = ()) -> ir.Part:
    """The part as it stands once its deltas, joined into `text`, are in it."""
    match part:
        case ir.Text():
            return replace(part, text=part.text + text, logprobs=part.logprobs + logprobs)
        case ir.Refusal() | ir.Reasoning():
            return replace(part, text=part.text + text)
        case ir.ToolCall():
            return replace(part, arguments=part.arguments + text)
        case _:
            if text:
                raise ProtocolViolation(f"a {type(part).__name__} takes no deltas")
            return part


def play(response: ir.Response) -> Iterable[ir.Event]:
    """The shortest stream that `collect` folds into this response: the way back."""
    yield ir.Started(response.id, response.model, extra=response.extra)
    for index, part in enumerate(response.parts):
        text = ""
        logprobs: tuple[ir.TokenLogprob, ...] = ()
        match part:
            case ir.Opaque():
                yield part
                continue
            case ir.Text():
                text, logprobs = part.text, part.logprobs
                start: ir.Part = replace(part, text="", logprobs=())
            case ir.Refusal() | ir.Reasoning():
                text, start = part.text, replace(part, text="")
            case ir.ToolCall():
                text, start = part.arguments, replace(part, arguments="")
            case _:
                start = part
        yield ir.PartStarted(index, start)
        if text or logprobs:
            yield ir.Delta(index, text, logprobs)
        yield ir.PartEnded(index)
    yield ir.Finished(response.stop, response.usage)
