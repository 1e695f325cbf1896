"""What a request asks to be enforced, as the stages of its answer.

Thoughts are free, whatever is asked for: what is enforced begins behind them. Tools that may be
called are watched for: the answer is free until a call begins, and a call is held to the tools on
offer. A call that must be made comes first. An answer in JSON is nothing else, but where tools are
offered as well a call may come in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ....core.canon import ir
from ....core.canon.errors import InvalidRequest
from ....core.contract.losses import Loss
from .calls import Calls
from .compiling import BadGrammar, Compiler
from .constraint import Bound, Free, Stage
from .forms import forms
from .harmony import Messages
from .languages import rule
from .schemas import enforced
from .thoughts import Thoughts

LEAD = "LEAD: /[ \\n]{1,2}/"  # behind thoughts, and between calls

REMEDY = "leave that out of the schema, or ask for `json_object` and check the answer yourself"


@dataclass(slots=True)
class Planned:
    """The first stage of an answer, None if it is free; and what is not enforced of the request."""

    stage: Stage | None = None
    losses: list[Loss] = field(default_factory=list)


def planned(
    request: ir.Request,
    tools: Mapping[str, ir.Tool],
    compiler: Compiler,
    thoughts: Thoughts,
    tool_format: str = "hermes",
    begun: bool = False,
) -> Planned:
    """`tools` are those that may be called, by the model's names for them; `begun` says that the
    client has written the beginning of the answer.

    Raises `InvalidRequest` naming the field that cannot be enforced.
    """
    found = Planned()
    answer = _answer(request.output, compiler, found.losses)
    calls = _calls(request, tools, compiler, tool_format, found.losses) if tools else None
    must_call = calls is not None and request.tool_choice.mode in ("required", "named")
    try:
        if tool_format == "harmony":
            messages = Messages(answer, calls, compiler, must_call)
            found.stage = messages.text() if begun else messages.first(thoughts)
        else:
            found.stage = _stage(answer, calls, compiler, thoughts, must_call)
    except BadGrammar as bad:
        at = request.tools[0].at if request.tools else request.output.at
        raise InvalidRequest(
            f"{at or 'tools'}: together the tools' schemas cannot be enforced: {bad}; offer fewer "
            "tools, or smaller schemas",
            param=at,
        ) from None
    return found


def _calls(
    request: ir.Request,
    tools: Mapping[str, ir.Tool],
    compiler: Compiler,
    tool_format: str,
    losses: list[Loss],
) -> Calls | None:
    written = forms(tool_format, compiler.lexicon.marks)
    if written:
        calls = Calls(tools, compiler, written)
        losses += calls.losses
        return calls
    why = f"of the format {tool_format!r} nothing can be enforced: no mark of it begins a call"
    losses += [
        Loss(tool.at or f"tools.{tool.name}", "approximated", why) for tool in tools.values()
    ]
    if request.tool_choice.mode in ("required", "named"):
        losses.append(Loss("tool_choice", "approximated", why))
    return None


def _answer(output: ir.OutputFormat, compiler: Compiler, losses: list[Loss]) -> str | None:
    """The rule that an answer's text must match."""
    at = output.at or "output"
    match output.kind:
        case "json":
            schema: Mapping[str, ir.JSON] = {"type": "object"}
        case "schema":
            schema = output.schema or {}
        case "grammar":
            return _language(output, compiler)
        case "text":
            return None
    try:
        rule, left_out = enforced(schema, compiler, strict=output.strict is not False)
    except BadGrammar as bad:
        raise InvalidRequest(
            f"{at}: the schema cannot be enforced: {bad}; {REMEDY}", param=at
        ) from None
    if left_out is not None:
        why = f"the answer is not held to all of the schema: {left_out}"
        losses.append(Loss(at, "approximated", why))
    return rule


def _language(output: ir.OutputFormat, compiler: Compiler) -> str:
    assert output.grammar is not None
    at = output.grammar.at or output.at or "output"
    syntax = output.grammar.syntax
    try:
        return rule(output.grammar, compiler)
    except BadGrammar as bad:
        kind = "regular expression" if syntax == "regex" else f"{syntax} grammar"
        raise InvalidRequest(f"{at}: the {kind} cannot be enforced: {bad}", param=at) from None


def _stage(
    answer: str | None,
    calls: Calls | None,
    compiler: Compiler,
    thoughts: Thoughts,
    must_call: bool,
) -> Stage | None:
    """The stages of the whole answer, thoughts first."""
    end = thoughts.format.closes.encode()
    if answer is None and not must_call:
        return None if calls is None else _watching(calls, thoughts)
    mark = compiler.lexicon.marks.get(thoughts.format.begins)
    if not thoughts.open and (not thoughts.possible or mark is None):
        return _held(answer, calls, compiler, "", must_call)
    behind = _held(answer, calls, compiler, "LEAD? ", must_call)
    thinking = Free({end: behind}, may_end=False)
    if thoughts.open:
        return thinking
    assert mark is not None
    main = _held(answer, calls, compiler, "", must_call)
    return replace(main, beside={mark: thinking})


def _watching(calls: Calls, thoughts: Thoughts) -> Free:
    """Anything, until a call begins; what is only thought of is none."""
    lazy = Free()
    lazy.marks |= calls.anywhere(lazy)
    lazy.leading |= calls.leading(lazy)
    thinking = Free({thoughts.format.closes.encode(): lazy})
    if thoughts.possible:
        lazy.leading[thoughts.format.opens.encode()] = thinking
    return thinking if thoughts.open else lazy


def _held(
    answer: str | None, calls: Calls | None, compiler: Compiler, lead: str, must_call: bool
) -> Bound:
    """What must come behind the thoughts."""
    if calls is None:
        matcher, _ = compiler.compiled(_lines(f"start: {lead}answer", f"answer: {answer}"))
        return Bound(matcher)
    if answer is None:
        return calls.stage(_lines(f"start: {lead}call"), _watching(calls, Thoughts()))
    more = Bound(None)  # another call, or the end
    again = calls.stage(_lines("start: LEAD? call?"), more)
    more.matcher, more.heads, more.then = again.matcher, again.heads, more
    if must_call:
        return calls.stage(_lines(f"start: {lead}call"), more)
    either = _lines(f"start: {lead}(answer | call)", f"answer: {answer}")
    return calls.stage(either, more)


def _lines(*rules: str) -> str:
    return "\n".join([*rules, LEAD])
