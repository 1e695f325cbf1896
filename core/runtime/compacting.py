"""A conversation in brief: the model that serves it sums it up, and the sum is sealed.

The client gives the seal back in place of what it stands for; the model is then told what is in it.
Nobody else can make one, so nobody can tell a model that something was said which was not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from ..canon import ir
from ..canon.errors import StackError
from .sealing import COMPACTED, Seals

PROMPT = """\
Stop here and write a summary of the conversation so far. It will take the place of everything \
above, and whoever reads it knows nothing else of it. Write down, as briefly as you can without \
losing anything that will be needed:
- what was asked for, with every wish and limit that still holds, in the user's own words;
- what was done and found out, with exact names, paths, numbers, commands and errors;
- what was decided, and why;
- what is unfinished, and what comes next.
Answer with the summary alone. Call no tool."""


def asked(request: ir.Request) -> ir.Request:
    """A request for a summary, as a model is asked for it.

    The tools stay on offer, though none may be called: an engine that has read the conversation
    before finds the beginning of its prompt unchanged.
    """
    return replace(
        request,
        turns=(*request.turns[:-1], ir.Turn("user", (ir.Text(PROMPT),), at=request.turns[-1].at)),
        tool_choice=ir.ToolChoice("none") if request.tools else ir.ToolChoice(),
        output=ir.OutputFormat(),
        compacts=False,
    )


class Compacting:
    """Makes one sealed summary of an answer's texts; what the model thought is not part of it."""

    def __init__(self, seals: Seals, shown: Callable[[str], ir.Opaque]) -> None:
        self._seals = seals
        self._shown = shown
        self._texts: dict[int, list[str]] = {}

    def feed(self, event: ir.Event) -> Iterable[ir.Event]:
        match event:
            case ir.PartStarted(index=index, part=ir.Text(text=text)):
                self._texts[index] = [text]
            case ir.Delta(index=index, text=text) if index in self._texts:
                self._texts[index].append(text)
            case ir.Finished():
                return self._finished(event)
            case ir.Started() | ir.Failed() | ir.Ping():
                return (event,)
            case _:
                pass
        return ()

    def _finished(self, event: ir.Finished) -> Iterable[ir.Event]:
        summary = "\n\n".join("".join(texts) for texts in self._texts.values()).strip()
        if not summary:
            return (ir.Failed(StackError("the model gave no summary of the conversation")),)
        seal = self._seals.sealer.seal(ir.Reasoning(summary, origin=COMPACTED))
        if seal is None:
            return (ir.Failed(StackError("the model's summary is too long to be sealed")),)
        stop = ir.Stop("end") if event.stop.reason == "tool_call" else event.stop
        return self._shown(seal), replace(event, stop=stop)
