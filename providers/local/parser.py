"""The text of a model, as it comes, split into reasoning, tool calls and text.

How a model writes those is a format of `formats/`; by default `<think>…</think>` around reasoning,
and `<tool_call>{"name": …, "arguments": {…}}</tool_call>` around a call, several in a turn. Text
goes in by any chunks, canonical parts come out, and the chunking makes no difference to them.
Nothing is lost but the marks and the white space around them: what looks like a call and is none
stays text with a line in `notes`, or, if so configured, ends the answer with an error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from ...core.canon import ir
from ...core.canon.errors import StackError
from ...core.canon.stopping import StopStrings, unsettled
from .formats.calls import Reader, written
from .formats.hermes import CALL, CALL_END
from .formats.nesting import Nesting
from .formats.reasoning import REASONING, THINK, THINK_END, ReasoningFormat
from .formats.source import Malformed, Source
from .formats.table import FORMATS, ToolFormat
from .parts import Parts
from .states import State, marks_by_state

__all__ = ["CALL", "CALL_END", "MARKS", "THINK", "THINK_END", "Nesting", "Offered", "Parser"]

# Whatever format a model uses: the texts that have to be seen where they are tokens.
MARKS = tuple(
    dict.fromkeys(
        [text for row in REASONING.values() for text in row.tokens]
        + [text for row in FORMATS.values() for text in row.tokens]
    )
)
MALFORMED = "a malformed tool call was left in the text"
NOT_WHOLE = "the arguments of a tool call are not whole"
NOT_JSON = "the arguments of a tool call are not JSON"
UNREADABLE = (
    "the model wrote a tool call that cannot be read ({}); ask again, or set "
    "`malformed_calls: text` to get such calls as text"
)


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool as the client knows it; the model may know it by another name."""

    name: str
    kind: ir.ToolKind = "function"
    namespace: str | None = None
    schema: ir.Object = field(default_factory=dict, compare=False, repr=False)


class _Enough(Exception):
    """The answer is complete, whatever else may come."""


class Parser:
    """Feed it text, then close it; both give events, without `Started` and `Finished`.

    `tools` are those on offer by the model's names for them; without any, a call's marks are
    plain text. `thinking` says that the prompt has opened the reasoning already. When `done` is
    set, the answer is complete and the model may stop: a stop string was met (`met`), the one
    call that was allowed has ended, or the last event was an error (`failed`).
    """

    def __init__(
        self,
        mint: Callable[[], str],
        tools: Mapping[str, Offered] | None = None,
        *,
        thinking: bool = False,
        parallel: bool = True,
        stop: tuple[str, ...] = (),
        tool_format: ToolFormat = FORMATS["hermes"],
        reasoning_format: ReasoningFormat = REASONING["think"],
        malformed: Literal["text", "error"] = "text",
    ) -> None:
        self._mint = mint
        self._tools = tools or {}
        self._parallel = parallel
        self._strict = malformed == "error"
        self._stops = StopStrings(stop)
        # With stop strings about, white space goes out at once: one of them may be made of it.
        self._trims = bool(tools) and not stop
        self._marks = marks_by_state(tool_format, reasoning_format, bool(tools))
        self._silent = frozenset(tool_format.starts)
        self._source = Source()
        self._reader: Generator[None, None, None] | None = None
        self._quiet = False  # nothing has announced the call that is being read
        self._state = State.THINKING if thinking else State.GAP
        self._beginning = not thinking
        self._cut = False
        self._parts = Parts()
        self._arguments: list[str] = []
        self.calls = 0
        self.done = False
        self.failed = False
        self.notes: list[str] = []
        if tool_format.answer is not None:
            self._read(tool_format.answer)

    @property
    def met(self) -> str | None:
        return self._stops.met

    @property
    def thinking(self) -> bool:
        return self._state is State.THINKING or self._parts.open is ir.Reasoning

    @property
    def held(self) -> int:
        """Characters that came in and have not gone anywhere yet."""
        return len(self._source.text) + self._stops.held

    def feed(self, text: str) -> list[ir.Event]:
        self._source.add(text)
        return self._run()

    def close(self, cut: bool = False) -> list[ir.Event]:
        """The model has ended; `cut` says that it was not by its own will."""
        self._source.closed = True
        self._cut = cut
        events = self._run()
        if not self.failed:
            self._end()
        return events + self._parts.taken()

    def _run(self) -> list[ir.Event]:
        while not self.done and self._STEPS[self._state](self):
            pass
        return self._parts.taken()

    # What each state does with the text; False asks for more -------------------------------------

    def _gap(self) -> bool:
        source, marks = self._source, self._marks[State.GAP]
        rest = source.text.lstrip()
        if not self._beginning:
            source.text = rest
        if not rest:
            return False
        if not source.closed and any(m != rest and m.startswith(rest) for m in marks):
            return False
        mark = max((m for m in marks if rest.startswith(m)), key=len, default=None)
        self._beginning = False
        if mark is None:
            self._state = State.TEXT
            return True
        return self._follow(marks[mark], mark, len(source.text) - len(rest) + len(mark))

    def _flow(self) -> bool:
        """Reasoning or text: all of it goes out, up to a mark or what may become one."""
        source, marks = self._source, self._marks[self._state]
        found = [(i, -len(m), m) for m in marks if (i := source.text.find(m)) >= 0]
        thinking = self._state is State.THINKING
        trims = self._trims or thinking
        end = min(found)[0] if found else len(source.text)
        if not found and not source.closed:
            end -= unsettled(source.text, tuple(marks))
        if trims and (found or thinking or not source.closed):
            end = len(source.text[:end].rstrip())
        source.at = end
        text = source.text[:end]
        source.keep()
        (self.think if thinking else self._say)(text)
        if self.done or not found:
            return False
        mark = min(found)[2]
        return self._follow(marks[mark], mark, source.text.index(mark) + len(mark))

    def _follow(self, target: State | Reader, mark: str, end: int) -> bool:
        """Go where the mark leads that ends here."""
        self._source.at = end
        if isinstance(target, State):
            self._end()
            self._source.keep()
            self._state = target
        else:
            self._source.mark = end
            self._quiet = mark in self._silent
            self._read(target)
        return True

    def _read(self, reader: Reader) -> None:
        self._reader = reader(self._source, self)
        self._state = State.CALL

    def _call(self) -> bool:
        assert self._reader is not None
        try:
            next(self._reader)
        except StopIteration:
            self._source.keep()
            self._state = State.GAP
            return True
        except Malformed as bad:
            return self._not_a_call(str(bad))
        except _Enough:
            pass
        return False

    def _not_a_call(self, why: str) -> bool:
        """What the reader has not settled is text; a call that it began ends with what it has."""
        source = self._source
        self._state = State.TEXT if source.mark else State.GAP
        if self._parts.open is ir.ToolCall:
            self.calls += not self._cut
            self._end()
            self._broken(NOT_WHOLE)
        elif not self._quiet:
            self._broken(MALFORMED, why)
        source.at, read = source.mark, source.text[: source.mark]
        if not self.failed:
            source.keep()
            self._say(read)
        return not self.done

    _STEPS: Mapping[State, Callable[[Parser], bool]] = {
        State.GAP: _gap,
        State.THINKING: _flow,
        State.TEXT: _flow,
        State.CALL: _call,
    }

    # What readers tell ---------------------------------------------------------------------------

    @property
    def offering(self) -> bool:
        return bool(self._tools)

    def offered(self, name: str) -> bool:
        return name in self._tools

    def schema(self, name: str) -> ir.Object:
        return self._tools[name].schema if name in self._tools else {}

    def streams(self, name: str) -> bool:
        return self._known(name).kind == "function"

    def begin(self, name: str) -> None:
        self._source.keep()
        self._end()
        offered = self._known(name)
        call = ir.ToolCall(self._mint(), offered.name, "", offered.kind)
        self._parts.start(replace(call, namespace=offered.namespace))
        self._arguments = []

    def arguments(self, text: str) -> None:
        self._arguments.append(text)
        self._parts.delta(text)

    def end(self) -> None:
        self._end()
        self.calls += 1
        self.done = not self._parallel
        if not _is_json("".join(self._arguments)):
            self._broken(NOT_JSON)
        if self.done:
            raise _Enough

    def whole(self, name: str, arguments: object) -> None:
        kind = self._known(name).kind
        text = _text(arguments, kind)
        self.begin(name)
        self._parts.delta(text)
        self._arguments = ["{}" if kind == "custom" else text]
        self.end()

    def note(self, text: str) -> None:
        if not self._cut:  # what is cut off is not the model's mistake
            self.notes.append(text)

    def say(self, text: str) -> None:
        self._say(text)
        if self.done:
            raise _Enough

    def think(self, text: str) -> None:
        self._parts.write(ir.Reasoning, text if self._parts.open is ir.Reasoning else text.lstrip())

    def part(self) -> None:
        self._end()

    def _known(self, name: str) -> Offered:
        return self._tools.get(name, Offered(name))

    def _broken(self, text: str, why: str = "") -> None:
        self.note(text)
        if self._strict and not self._cut:
            self._end()
            error = StackError(UNREADABLE.format(why or text), code="malformed_tool_call")
            self._parts.fail(error)
            self.done = self.failed = True

    # Events --------------------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        self._parts.write(ir.Text, self._stops.feed(text))
        if self._stops.met is not None:
            self.done = True
            self._end()

    def _end(self) -> None:
        self._parts.write(ir.Text, self._stops.flush())
        self._parts.end()


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _text(value: object, kind: ir.ToolKind) -> str:
    """A call's arguments as text: free text for a custom tool, else JSON."""
    if kind == "custom" and isinstance(value, dict) and isinstance(value.get("input"), str):
        return str(value["input"])
    if isinstance(value, str):
        return value
    return written({} if value is None else value)
