"""Random legal answers: the events of one generation, and the `Response` that they mean.

The expected response is built beside the events and not by `collect`, so that both are tested.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from hypothesis import strategies as st

from polystack.core.canon import ir

KINDS = ("text", "reasoning", "refusal", "function", "custom")
STOP_REASONS: tuple[ir.StopReason, ...] = get_args(ir.StopReason)

# Quotes, escapes, line ends and characters of two UTF-16 units are where encoders break.
texts = st.text(
    st.sampled_from('ab"\\\n\r\t\x00\x7f é\u2028😀') | st.characters(exclude_categories=["Cs"]),
    max_size=12,
)
words = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
json_objects = st.dictionaries(texts, json_values, max_size=4)
url_citations = st.builds(
    ir.Citation,
    kind=st.just("url_citation"),
    start=st.integers(0, 5),
    end=st.integers(5, 9),
    url=words.map(lambda word: f"https://example.org/{word}"),
    title=texts,
)


@dataclass(frozen=True)
class Script:
    """A legal stream, terminal included, and the whole answer that it folds into."""

    events: tuple[ir.Event, ...]
    response: ir.Response


@dataclass(frozen=True)
class _Plan:
    """One part: how it starts, what is added while it is open, and how it stands at its end."""

    start: ir.Part
    additions: tuple[str | ir.Citation | ir.Reasoning | tuple[str, ir.TokenLogprob], ...]
    end: ir.Part


@st.composite
def scripts(
    draw: st.DrawFn,
    *,
    kinds: Sequence[str] = KINDS,
    max_parts: int = 4,
    logprobs: bool = True,
    citations: st.SearchStrategy[ir.Citation] | None = url_citations,
    valid_arguments: bool = True,
    pings: bool = True,
    opaques: st.SearchStrategy[ir.Opaque] | None = None,
    stops: Sequence[ir.StopReason] = STOP_REASONS,
) -> Script:
    """Scripts whose parts overlap at random; `kinds` says of which sorts they are.

    `opaques` mixes in opaque events; without `valid_arguments` a function's arguments may be any
    text. Where usage is known at the start it is known at the end.
    """
    plans = draw(st.lists(st.sampled_from(kinds), max_size=max_parts).flatmap(
        lambda chosen: st.tuples(*[
            _plan(kind, position, logprobs, citations, valid_arguments)
            for position, kind in enumerate(chosen)
        ])
    ))  # fmt: skip
    indices = draw(st.permutations(range(len(plans))))
    streams = [_events(index, plan) for index, plan in zip(indices, plans, strict=True)]
    ends = {index: plan.end for index, plan in zip(indices, plans, strict=True)}
    if opaques is not None:
        streams += [[opaque] for opaque in draw(st.lists(opaques, max_size=2))]
    if pings:
        streams += [[ir.Ping()] for _ in range(draw(st.integers(0, 2)))]
    middle = _merged(draw, streams)
    usage = draw(st.none() | usages())
    started = ir.Started("upstream-id", "upstream-model", _input_of(draw, usage))
    finished = ir.Finished(draw(_stops(stops)), usage)
    parts = tuple(_whole(event, ends) for event in middle if _begins(event))
    response = ir.Response(started.id, started.model, parts, finished.stop, usage)
    return Script((started, *middle, finished), response)


@st.composite
def usages(draw: st.DrawFn) -> ir.Usage:
    read, write = draw(st.none() | st.integers(0, 50)), draw(st.none() | st.integers(0, 50))
    output = draw(st.integers(0, 500))
    return ir.Usage(
        input=draw(st.integers(0, 500)) + (read or 0) + (write or 0),
        output=output,
        cache_read=read,
        cache_write=write,
        reasoning=draw(st.none() | st.integers(0, output)),
    )


@st.composite
def pieces(draw: st.DrawFn, text: str) -> list[str]:
    """The text cut anywhere, empty pieces included."""
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@st.composite
def chunks(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """The bytes cut anywhere."""
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


# Parts -------------------------------------------------------------------------------------------


def _plan(
    kind: str,
    position: int,
    logprobs: bool,
    citations: st.SearchStrategy[ir.Citation] | None,
    valid_arguments: bool,
) -> st.SearchStrategy[_Plan]:
    match kind:
        case "text":
            return _text_plans(logprobs, citations)
        case "reasoning":
            return _reasoning_plans()
        case "refusal":
            return texts.flatmap(
                lambda text: _plain_plans(ir.Refusal(""), text, ir.Refusal(text)),
            )
        case "function":
            arguments = json_objects.map(lambda value: json.dumps(value, ensure_ascii=False))
            any_text = arguments | texts if not valid_arguments else arguments
            return _call_plans(position, "function", any_text)
        case "custom":
            return _call_plans(position, "custom", texts)
        case _:
            raise ValueError(f"no kind of part is called {kind!r}")


@st.composite
def _plain_plans(draw: st.DrawFn, start: ir.Part, text: str, end: ir.Part) -> _Plan:
    return _Plan(start, tuple(draw(pieces(text))), end)


@st.composite
def _text_plans(
    draw: st.DrawFn, logprobs: bool, citations: st.SearchStrategy[ir.Citation] | None
) -> _Plan:
    cut = draw(texts.flatmap(pieces))
    found = tuple(draw(st.lists(citations, max_size=2))) if citations is not None else ()
    tokens: tuple[ir.TokenLogprob, ...] = ()
    additions: list[Any] = list(cut)
    if logprobs and draw(st.booleans()):
        tokens = tuple(draw(_token(piece)) for piece in cut)
        additions = list(zip(cut, tokens, strict=True))
    for citation in found:
        additions.insert(draw(st.integers(0, len(additions))), citation)
    # Two citations may have changed places.
    shown = tuple(item for item in additions if isinstance(item, ir.Citation))
    return _Plan(ir.Text(""), tuple(additions), ir.Text("".join(cut), shown, tokens))


@st.composite
def _token(draw: st.DrawFn, text: str) -> ir.TokenLogprob:
    chance = st.floats(-20, 0, allow_nan=False)
    top = tuple(ir.TokenLogprob(word, draw(chance)) for word in draw(st.lists(words, max_size=2)))
    return ir.TokenLogprob(text, draw(chance), text.encode(), top)


@st.composite
def _reasoning_plans(draw: st.DrawFn) -> _Plan:
    shape = draw(st.sampled_from(["plain", "signed", "redacted", "sealed", "summarised"]))
    cut = draw(texts.flatmap(pieces))
    text = "".join(cut)
    empty = ir.Reasoning()
    match shape:
        case "plain":
            return _Plan(empty, tuple(cut), ir.Reasoning(text))
        case "signed":
            seal = ir.Reasoning(signature=draw(words))
            return _Plan(empty, (*cut, seal), replace(seal, text=text))
        case "redacted":
            redacted = ir.Reasoning(sealed=draw(words))
            return _Plan(redacted, (), redacted)
        case "sealed":
            seal = ir.Reasoning(sealed=draw(words))
            return _Plan(empty, (*cut, seal), replace(seal, text=text))
        case _:
            summaries = [
                ir.Reasoning(summary=(line,)) for line in draw(st.lists(texts, max_size=2))
            ]
            whole = ir.Reasoning(summary=tuple(line for one in summaries for line in one.summary))
            return _Plan(empty, tuple(summaries), whole)


@st.composite
def _call_plans(
    draw: st.DrawFn, position: int, kind: ir.ToolKind, arguments: st.SearchStrategy[str]
) -> _Plan:
    text = draw(arguments)
    call = ir.ToolCall(f"call_{position}", draw(words), "", kind)
    return _Plan(call, tuple(draw(pieces(text))), replace(call, arguments=text))


# Events ------------------------------------------------------------------------------------------


def _events(index: int, plan: _Plan) -> list[ir.Event]:
    events: list[ir.Event] = [ir.PartStarted(index, plan.start)]
    for addition in plan.additions:
        match addition:
            case str():
                events.append(ir.Delta(index, addition))
            case (text, token):
                events.append(ir.Delta(index, text, (token,)))
            case ir.Citation() | ir.Reasoning():
                events.append(ir.PartAnnotated(index, addition))
    return [*events, ir.PartEnded(index)]


def _merged(draw: st.DrawFn, streams: Iterable[list[ir.Event]]) -> list[ir.Event]:
    """One stream with every part's own order kept."""
    streams = list(streams)
    order = draw(st.permutations([i for i, stream in enumerate(streams) for _ in stream]))
    iterators = [iter(stream) for stream in streams]
    return [next(iterators[i]) for i in order]


def _begins(event: ir.Event) -> bool:
    return isinstance(event, ir.PartStarted | ir.Opaque)


def _whole(event: ir.Event, ends: dict[int, ir.Part]) -> ir.Part:
    if isinstance(event, ir.Opaque):
        return event
    assert isinstance(event, ir.PartStarted)
    return ends[event.index]


def _input_of(draw: st.DrawFn, usage: ir.Usage | None) -> ir.Usage | None:
    if usage is None or draw(st.booleans()):
        return None
    return replace(usage, output=0, reasoning=None)


def _stops(reasons: Sequence[ir.StopReason]) -> st.SearchStrategy[ir.Stop]:
    return st.sampled_from(reasons).flatmap(
        lambda reason: (
            words.map(lambda word: ir.Stop(reason, word))
            if reason == "stop_sequence"
            else st.just(ir.Stop(reason))
        )
    )
