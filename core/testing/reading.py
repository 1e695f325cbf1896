"""One stream, read as the Stack reads it: in one task, and closed at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, get_args

from ..canon import ir
from ..canon.errors import ProtocolViolation
from ..canon.grammar import Grammar, State

LIMIT = 100_000  # events of an answer to a small request
EVENTS = get_args(ir.Event)
REASONS = get_args(ir.StopReason)

Gate = Callable[[], Awaitable[object]]


@dataclass(slots=True)
class Record:
    """What a stream has brought, and how its reading ended."""

    events: list[Any] = field(default_factory=list)
    error: Exception | None = None  # raised by the iterator
    closing: Exception | None = None  # raised by closing it

    @property
    def started(self) -> bool:
        return any(isinstance(event, ir.Started) for event in self.events)

    @property
    def finished(self) -> ir.Finished | None:
        return next((event for event in self.events if isinstance(event, ir.Finished)), None)

    @property
    def legal(self) -> bool:
        return self.error is None and fault(self.events) is None

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, ir.Delta))


async def read(
    source: AsyncIterator[ir.Event],
    record: Record,
    until: Callable[[ir.Event], bool] = lambda event: False,
    gate: Gate | None = None,
) -> Record:
    """Read past the terminal, to the end of the iterator or to the event that `until` names.

    `gate` is awaited before each event. Without it nothing but the provider is waited for.
    """
    try:
        while len(record.events) < LIMIT:
            if gate is not None:
                await gate()
            event = await anext(source)
            record.events.append(event)
            if until(event):
                break
    except StopAsyncIteration:
        pass
    except Exception as error:
        record.error = error
    finally:
        await close(source, record)
    return record


async def close(source: AsyncIterator[ir.Event], record: Record) -> None:
    aclose = getattr(source, "aclose", None)
    if aclose is None:
        return
    try:
        await aclose()
    except Exception as error:
        record.closing = error


async def turn() -> None:
    """A gate that lets every other reader have its turn first."""
    await asyncio.sleep(0)


def fault(events: list[Any]) -> str | None:
    """Why some events are no answer, in the order of a stream; None where they are one."""
    grammar = Grammar()
    for number, event in enumerate(events):
        if not isinstance(event, EVENTS):
            return f"event {number} is no event of ir.py, but {event!r:.80}"
        try:
            grammar.feed(event)
        except ProtocolViolation as violation:
            return f"event {number}, {event!r:.80}: {violation.message}"
        if wrong := _malformed(event):
            return f"event {number}, {event!r:.80}: {wrong}"
    if grammar.state is State.DONE:
        return None
    if len(events) >= LIMIT:
        return f"no terminal within {LIMIT} events"
    return f"the stream ended after {len(events)} events without Finished or Failed"


def _malformed(event: ir.Event) -> str | None:
    match event:
        case ir.PartStarted(index=index) if not isinstance(index, int) or index < 0:
            return "an index is a number from 0"
        case ir.PartStarted(part=ir.Text(text=str(text)) | ir.Reasoning(text=str(text))) if text:
            return "a part starts empty and is filled by deltas"
        case ir.PartStarted(part=ir.ToolCall(arguments=str(text))) if text:
            return "a tool call starts without arguments and is filled by deltas"
        case ir.PartStarted(part=ir.ToolCall(id=id, name=name)) if not (id and name):
            return "a tool call has an id and a name"
        case ir.Delta(text=text) if not isinstance(text, str):
            return "the text of a delta is a str"
        case ir.Started(usage=ir.Usage() as usage) | ir.Finished(usage=ir.Usage() as usage) if (
            min(usage.input, usage.output) < 0
        ):
            return "a usage counts from 0"
        case ir.Finished(stop=stop) if not isinstance(stop, ir.Stop) or stop.reason not in REASONS:
            return f"the reason of a stop is one of {', '.join(REASONS)}"
        case _:
            return None
