"""`stack chat`: a conversation in the terminal, with a distribution in this process.

No tools are offered. Ctrl-C ends an answer and not the conversation; what was said so far of it
stays in. Where input is no terminal, each of its lines is a question.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from ...canon import ir
from ...canon.errors import ConfigError, StackError
from ...runtime.spelling import choices
from ..library import Blocking, Stack

DIM, PLAIN = "\033[2m", "\033[0m"
HELP = "Ask away. /new begins anew, /quit or Ctrl-D ends."


def chat(source: str, model: str | None, system: str | None, overrides: Sequence[str]) -> int:
    stack = Stack.load(source, overrides=overrides)
    name = model or stack.distribution.default_model
    if name is None:
        known = stack.distribution.models
        raise ConfigError(f"name a model to talk to; {choices('', known, 'models')}")
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    with stack as running:
        if terminal:
            print(f"{name} of '{stack.distribution.name}'. {HELP}")
        return Chat(running, name, system, terminal).go(_lines(terminal))


def _lines(terminal: bool) -> Iterator[str]:
    if not terminal:
        yield from (line.rstrip("\n") for line in sys.stdin)
        return
    import readline  # noqa: F401 (which gives `input` a history and editing)

    while True:
        try:
            yield input("> ")
        except EOFError:
            print()
            return
        except KeyboardInterrupt:
            print()


@dataclass(slots=True)
class Chat:
    """One conversation; the stack may serve others beside it."""

    stack: Blocking
    model: str
    system: str | None
    terminal: bool
    turns: list[ir.Turn] = field(default_factory=list)

    def go(self, lines: Iterable[str]) -> int:
        """Answer each line; gives the exit code."""
        code = 0
        for line in lines:
            match line.strip():
                case "":
                    pass
                case "/quit":
                    return code
                case "/new":
                    self.turns.clear()
                case said:
                    code = self._ask(said)
        return code

    def _ask(self, said: str) -> int:
        self.turns.append(ir.Turn("user", (ir.Text(said),)))
        answer = _Answer(self.terminal)
        try:
            with closing(self.stack.generate(self._request())) as events:
                for event in events:
                    answer.feed(event)
        except KeyboardInterrupt:
            answer.cut()
        except StackError as error:
            answer.fail(error)
        if answer.text:
            self.turns.append(ir.Turn("assistant", (ir.Text(answer.text),)))
        else:
            self.turns.pop()  # a question that nobody answered is no part of the conversation
        return 1 if answer.failed else 0

    def _request(self) -> ir.Request:
        instructions = (ir.Text(self.system),) if self.system else ()
        return ir.Request(self.model, tuple(self.turns), instructions=instructions, stream=True)


class _Answer:
    """Shows one answer as it comes, and how fast it came."""

    def __init__(self, terminal: bool) -> None:
        self._terminal = terminal
        self._asked = time.perf_counter()
        self._began: float | None = None
        self._thinking: set[int] = set()
        self.text = ""
        self.failed = False

    def feed(self, event: ir.Event) -> None:
        match event:
            case ir.PartStarted(index=index, part=ir.Reasoning()):
                self._thinking.add(index)
                self._show(DIM if self._terminal else "")
            case ir.PartEnded(index=index) if index in self._thinking:
                self._show(PLAIN + "\n" if self._terminal else "")
            case ir.Delta(index=index, text=text):
                self._began = self._began or time.perf_counter()
                if index not in self._thinking:
                    self.text += text
                    self._show(text)
                elif self._terminal:
                    self._show(text)
            case ir.Finished(stop=stop, usage=usage):
                self._end(stop, usage)
            case ir.Failed(error=error):
                self.fail(error)
            case _:
                pass

    def cut(self) -> None:
        self._show(f"{PLAIN}\n" if self._terminal else "\n")

    def fail(self, error: StackError) -> None:
        self.failed = True
        self.cut()
        print(f"stack: error: {error.message}", file=sys.stderr)

    def _end(self, stop: ir.Stop, usage: ir.Usage | None) -> None:
        self._show("\n")
        if self._terminal:
            print(f"{DIM}{self._figures(stop, usage)}{PLAIN}")

    def _figures(self, stop: ir.Stop, usage: ir.Usage | None) -> str:
        now = time.perf_counter()
        began = self._began or now
        said = [f"first word after {began - self._asked:.2f} s"]
        if usage is not None and usage.output > 1 and now > began:
            said.append(f"{usage.output} tokens, {(usage.output - 1) / (now - began):.0f} a second")
        if usage is not None and usage.cache_read:
            said.append(f"{usage.cache_read} of {usage.input} read before")
        if stop.reason != "end":
            said.append(f"ended by {stop.reason}")
        return "; ".join(said)

    def _show(self, text: str) -> None:
        print(text, end="", flush=True)
