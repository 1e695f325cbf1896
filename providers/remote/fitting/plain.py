"""The text of a message as one string, which every Chat server takes; many take nothing else.

What a user says stays in its parts where they are not all text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ....core.canon import ir
from .case import Case, place, with_content, with_parts


def plain(request: ir.Request, case: Case) -> ir.Request:
    instructions = tuple(_flowing(request.instructions))
    return replace(
        request,
        instructions=tuple(p for p in instructions if isinstance(p, ir.Text | ir.Opaque)),
        turns=tuple(_turn(turn, case) for turn in request.turns),
    )


def _turn(turn: ir.Turn, case: Case) -> ir.Turn:
    parts = _spoken_first(turn.parts, case) if turn.role == "assistant" else turn.parts
    return with_parts(turn, tuple(_result(part) for part in _flowing(parts)))


def _result(part: ir.Part) -> ir.Part:
    if not isinstance(part, ir.ToolResult) or len(part.content) < 2:
        return part
    flowing = _flowing(part.content)
    content = tuple(p for p in flowing if isinstance(p, ir.Text | ir.Media | ir.Opaque))
    return with_content(part, content)


def _spoken_first(parts: Sequence[ir.Part], case: Case) -> Sequence[ir.Part]:
    """Thoughts, words and calls as the message has places for them: in this order."""
    if len(parts) < 2:
        return parts
    called = False
    for part in parts:
        if called and isinstance(part, ir.Text | ir.Refusal):
            why = "a message has one text here, which stands before its calls"
            case.losses.approximated(place(part, "messages"), why)
        called = called or isinstance(part, ir.ToolCall)
    return sorted(parts, key=_rank)


def _rank(part: ir.Part) -> int:
    match part:
        case ir.Reasoning():
            return 0
        case ir.ToolCall():
            return 2
        case _:
            return 1


def _flowing(parts: Iterable[ir.Part]) -> Iterator[ir.Part]:
    """The parts with neighbouring texts, and neighbouring thoughts, as one of each."""
    last: ir.Part | None = None
    for part in parts:
        match last, part:
            case (ir.Text(), ir.Text()):
                # A text that cites is cut at its citations, in the middle of a sentence.
                gap = "" if last.citations or part.citations else "\n\n"
                cited = last.citations + part.citations
                last = ir.Text(last.text + gap + part.text, cited, at=last.at)
            case (ir.Reasoning(sealed=None), ir.Reasoning(sealed=None)):
                last = replace(last, text=f"{last.text}\n\n{part.text}")
            case _:
                if last is not None:
                    yield last
                last = part
    if last is not None:
        yield last
