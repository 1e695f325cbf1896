"""The text of a model, as it comes, split into reasoning, tool calls and text.

The format is the one that most open models were taught: `<think>…</think>` around reasoning, and
`<tool_call>{"name": …, "arguments": {…}}</tool_call>` around a call, several in a turn. Text goes
in by any chunks, canonical parts come out, and the chunking makes no difference to them. Nothing
is lost but the marks and the white space around them: what looks like a call and is none stays
text, with a line in `notes`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from ...core.canon import ir
from ...core.canon.stopping import StopStrings, unsettled

THINK, THINK_END = "<think>", "</think>"
CALL, CALL_END = "<tool_call>", "</tool_call>"
MARKS = (THINK, THINK_END, CALL, CALL_END)

_HEAD = re.compile(
    r'\s*\{\s*"name"\s*:\s*("(?:[^"\\\x00-\x1f]|\\.)*")\s*,\s*"(?:arguments|parameters)"\s*:\s*(?=\S)'
)


class State(Enum):
    GAP = "between parts"
    THINKING = "inside reasoning"
    TEXT = "inside text"
    CALL = "at the head of a call"
    ARGUMENTS = "inside a call's arguments"
    TAIL = "behind a call's arguments"
    AFTER = "behind a call"


# Which marks are read where, and where each leads; all else is text of the state.
TABLE: dict[State, dict[str, State]] = {
    State.GAP: {THINK: State.THINKING, CALL: State.CALL},
    State.THINKING: {THINK_END: State.GAP},
    State.TEXT: {CALL: State.CALL},
    State.CALL: {},
    State.ARGUMENTS: {},
    State.TAIL: {},
    State.AFTER: {CALL_END: State.GAP},
}


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool as the client knows it; the model may know it by another name."""

    name: str
    kind: ir.ToolKind = "function"
    namespace: str | None = None


class Parser:
    """Feed it text, then close it; both give events, without `Started` and `Finished`.

    `tools` are those on offer by the model's names for them; without any, a call's marks are
    plain text. `thinking` says that the prompt has opened the reasoning already. When `done` is
    set, the answer is complete and the model may stop: a stop string was met (`met`), or the one
    call that was allowed has ended.
    """

    def __init__(
        self,
        mint: Callable[[], str],
        tools: Mapping[str, Offered] | None = None,
        *,
        thinking: bool = False,
        parallel: bool = True,
        stop: tuple[str, ...] = (),
    ) -> None:
        self._mint = mint
        self._tools = tools or {}
        self._parallel = parallel
        self._stops = StopStrings(stop)
        # With stop strings about, white space goes out at once: one of them may be made of it.
        self._trims = bool(tools) and not stop
        self._state = State.THINKING if thinking else State.GAP
        self._buffer = ""
        self._beginning = not thinking
        self._index = -1
        self._open: type[ir.Part] | None = None
        self._nesting = Nesting()
        self._events: list[ir.Event] = []
        self.calls = 0
        self.done = False
        self.notes: list[str] = []

    @property
    def met(self) -> str | None:
        return self._stops.met

    @property
    def thinking(self) -> bool:
        return self._state is State.THINKING

    @property
    def held(self) -> int:
        """Characters that came in and have not gone anywhere yet."""
        return len(self._buffer) + self._stops.held

    def feed(self, text: str) -> list[ir.Event]:
        if not self.done:
            self._buffer += text
            while not self.done and self._STEPS[self._state](self):
                pass
        return self._taken()

    def close(self, cut: bool = False) -> list[ir.Event]:
        """The model has ended; `cut` says that it was not by its own will."""
        if not self.done:
            noted = len(self.notes)
            self._CLOSES.get(self._state, Parser._close_text)(self)
            if cut:
                del self.notes[noted:]  # what is cut off is not the model's mistake
            elif self._state is State.ARGUMENTS:
                self.calls += 1
                self.notes.append("the arguments of a tool call are not whole")
        self._end()
        return self._taken()

    def _taken(self) -> list[ir.Event]:
        events, self._events = self._events, []
        return events

    # What each state does with the buffer; False asks for more text ------------------------------

    def _marks(self) -> dict[str, State]:
        marks = TABLE[self._state]
        return marks if self._tools else {m: s for m, s in marks.items() if m != CALL}

    def _gap(self) -> bool:
        rest = self._buffer.lstrip()
        if not rest:
            return False
        marks = self._marks()
        for mark, state in marks.items():
            if rest.startswith(mark):
                self._buffer = rest[len(mark) :]
                self._beginning = False
                return self._enter(state)
            if mark.startswith(rest):
                return False
        if not self._beginning:
            self._buffer = rest
        return self._enter(State.TEXT)

    def _flow(self) -> bool:
        """Reasoning or text: all of it goes out, up to a mark or what may become one."""
        marks = self._marks()
        found = [(self._buffer.find(mark), mark) for mark in marks if mark in self._buffer]
        trims = self._trims or self.thinking
        if not found:
            settled = len(self._buffer) - unsettled(self._buffer, tuple(marks))
            if trims:
                settled = len(self._buffer[:settled].rstrip())
            self._say(self._buffer[:settled])
            self._buffer = self._buffer[settled:]
            return False
        at, mark = min(found)
        self._say(self._buffer[:at].rstrip() if trims else self._buffer[:at])
        if self.done:
            return False
        self._end()
        self._buffer = self._buffer[at + len(mark) :]
        return self._enter(marks[mark])

    def _call(self) -> bool:
        rest = self._buffer.lstrip()
        if not rest:
            return False
        if not rest.startswith("{"):
            return self._not_a_call(0)
        head = _HEAD.match(self._buffer)
        if head and self._buffer[head.end()] == "{":
            name = _string(head[1])
            offered = self._tools.get(name, Offered(name))
            if offered.kind == "function":
                self._start(ir.ToolCall(self._mint(), offered.name, "", "function"), offered)
                self._buffer = self._buffer[head.end() :]
                return self._enter(State.ARGUMENTS)
        end = self._nesting.end(self._buffer)
        if end is None:
            return False
        return self._whole(end) or self._not_a_call(end)

    def _whole(self, end: int) -> bool:
        """A call whose arguments cannot be streamed; False if it is none after all."""
        try:
            call = json.loads(self._buffer[:end], strict=False)
        except (ValueError, RecursionError):
            return False
        if not isinstance(call, dict) or not isinstance(name := call.get("name"), str):
            return False
        offered = self._tools.get(name, Offered(name))
        arguments = _arguments(call.get("arguments", call.get("parameters", {})), offered.kind)
        self._start(ir.ToolCall(self._mint(), offered.name, "", offered.kind), offered)
        self._delta(arguments)
        self._ended_call()
        self._buffer = self._buffer[end:]
        return self._enter(State.AFTER)

    def _not_a_call(self, end: int) -> bool:
        self.notes.append("a malformed tool call was left in the text")
        whole = CALL + self._buffer[:end]
        self._buffer = self._buffer[end:]
        self._state = State.TEXT
        self._say(whole)
        return not self.done

    def _arguments(self) -> bool:
        end = self._nesting.end(self._buffer)
        # The scanner keeps its place in what stays in the buffer, so all of it goes out.
        self._delta(self._buffer[:end])
        self._buffer = "" if end is None else self._buffer[end:]
        if end is None:
            self._nesting.forget()
            return False
        self._ended_call()
        return self._enter(State.TAIL)

    def _tail(self) -> bool:
        rest = self._buffer.lstrip()
        if not rest:
            return False
        if rest[0] == "}":
            self._buffer = rest[1:]
        elif rest[0] == ",":  # members that no client has asked for
            end = self._nesting.end("{" + self._buffer)
            if end is None:
                return False
            self.notes.append("a tool call had members beside its name and its arguments")
            self._buffer = self._buffer[end - 1 :]
        return self._enter(State.AFTER)

    def _after(self) -> bool:
        rest = self._buffer.lstrip()
        if CALL_END.startswith(rest):
            if rest == CALL_END:
                self._buffer = ""
                return self._enter(State.GAP)
            return False
        self._buffer = rest.removeprefix(CALL_END)
        return self._enter(State.GAP)

    _STEPS: Mapping[State, Callable[[Parser], bool]] = {
        State.GAP: _gap,
        State.THINKING: _flow,
        State.TEXT: _flow,
        State.CALL: _call,
        State.ARGUMENTS: _arguments,
        State.TAIL: _tail,
        State.AFTER: _after,
    }

    def _enter(self, state: State) -> bool:
        self._state = state
        self._nesting = Nesting()
        return True

    # The end of the text -------------------------------------------------------------------------

    def _close_text(self) -> None:
        if self._state is State.THINKING:
            self._say(self._buffer.rstrip())
        elif self._buffer.strip() or self._state is State.TEXT:
            self._state = State.TEXT
            self._say(self._buffer)
        self._buffer = ""

    def _close_call(self) -> None:
        end = len(self._buffer)
        if not self._whole(end):
            self._not_a_call(end)

    def _close_markup(self) -> None:
        self._buffer = ""  # white space, or the beginning of a mark

    _CLOSES: Mapping[State, Callable[[Parser], None]] = {
        State.CALL: _close_call,
        State.ARGUMENTS: _close_markup,
        State.TAIL: _close_markup,
        State.AFTER: _close_markup,
    }

    # Events --------------------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        if self.thinking:
            self._write(ir.Reasoning, text.lstrip() if self._open is None else text)
            return
        self._write(ir.Text, self._stops.feed(text))
        if self._stops.met is not None:
            self.done = True
            self._end()

    def _write(self, kind: type[ir.Text] | type[ir.Reasoning], text: str) -> None:
        if not text:
            return
        if self._open is None:
            self._index += 1
            self._open = kind
            self._events.append(ir.PartStarted(self._index, kind("")))
        self._delta(text)

    def _start(self, call: ir.ToolCall, offered: Offered) -> None:
        self._index += 1
        self._open = ir.ToolCall
        call = replace(call, namespace=offered.namespace)
        self._events.append(ir.PartStarted(self._index, call))

    def _delta(self, text: str) -> None:
        if text:
            self._events.append(ir.Delta(self._index, text))

    def _end(self) -> None:
        self._write(ir.Text, self._stops.flush())
        if self._open is not None:
            self._events.append(ir.PartEnded(self._index))
            self._open = None

    def _ended_call(self) -> None:
        self._end()
        self.calls += 1
        self.done = not self._parallel


class Nesting:
    """Finds the end of a JSON value in a text that grows; brackets inside strings do not count."""

    def __init__(self) -> None:
        self._at = 0
        self._depth = 0
        self._string = False
        self._escaped = False

    def forget(self) -> None:
        """The text begins anew where it ended; the depth stays."""
        self._at = 0

    def end(self, text: str) -> int | None:
        """Where the value ends, or None as long as it does not."""
        for at in range(self._at, len(text)):
            char = text[at]
            if self._string:
                if self._escaped:
                    self._escaped = False
                elif char == "\\":
                    self._escaped = True
                elif char == '"':
                    self._string = False
            elif char == '"':
                self._string = True
            elif char in "{[":
                self._depth += 1
            elif char in "}]":
                self._depth -= 1
                if self._depth == 0:
                    return at + 1
        self._at = len(text)
        return None


def _string(literal: str) -> str:
    try:
        return str(json.loads(literal))
    except ValueError:
        return literal[1:-1]


def _arguments(value: object, kind: ir.ToolKind) -> str:
    """A call's arguments as text: free text for a custom tool, else JSON."""
    if kind == "custom" and isinstance(value, dict) and isinstance(value.get("input"), str):
        return str(value["input"])
    if isinstance(value, str):
        return value
    return json.dumps({} if value is None else value, ensure_ascii=False)
