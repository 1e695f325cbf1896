"""Input items and turns, in both directions: one turn for each item.

The item's id and status are the turn's. Whoever needs whole turns (a chat template, another
protocol) joins neighbours of the same role. An item of a type that this model does not know is a
turn of one `Opaque`. On the way out a turn of any origin becomes as many items as it needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from ...core.canon import ir
from ...core.canon.errors import InvalidRequest
from ...core.contract.api import Document
from ...core.contract.losses import Ledger
from ..validation import validate
from . import builtin, hosted, schema
from .content import decode_content, encode_content, shape
from .extras import NAME, extra, given, is_native, note_foreign, own, remembered, unnamed
from .tools import decode_tools, encode_tools, found_by, from_item, item_tools

# What the client's side says; every other item of an unknown type is the model's own.
CLIENT_ITEMS = frozenset({"mcp_approval_response", "compaction_trigger", "configuration_update"})
OUTPUT_KINDS: dict[str, Literal["function", "custom"]] = {
    "function_call_output": "function",
    "custom_tool_call_output": "custom",
}


def decode_input(
    items: str | Sequence[schema.InputItem],
) -> tuple[tuple[ir.Turn, ...], tuple[ir.Tool, ...]]:
    """The turns of the input, and the tools that stood among its items."""
    if isinstance(items, str):
        text = ir.Text(items, at="input")
        return (ir.Turn("user", (text,), extra=extra({"_input": True}), at="input"),), ()
    turns: list[ir.Turn] = []
    tools: list[ir.Tool] = []
    for i, item in enumerate(items):
        at = f"input.{i}"
        if isinstance(item, schema.AdditionalTools) and item.tools:
            kept = {**unnamed(item), "type": item.type}
            found = decode_tools(item.tools, f"{at}.tools")
            tools += from_item(found, {"index": i, "item": kept})
        else:
            turns.append(_decode_item(item, at))
        if isinstance(item, schema.SearchOutput):
            tools += _found(item, at)
    return tuple(turns), tuple(tools)


def _found(item: schema.SearchOutput, at: str) -> tuple[ir.Tool, ...]:
    try:
        found = validate(schema.FoundTools, {"tools": item.tools})
    except InvalidRequest as error:
        param = f"{at}.{error.param}"
        raise InvalidRequest(f"{at}.{error.message}", param=param) from None
    return found_by(decode_tools(found.tools, f"{at}.tools"))


def _decode_item(item: schema.InputItem, at: str) -> ir.Turn:
    match item:
        case schema.Message():
            return _decode_message(item, at)
        case schema.ReasoningItem():
            return _turn("assistant", _decode_reasoning(item, at), item, at)
        case schema.FunctionCall(call_id=id, name=name, arguments=text, namespace=namespace):
            call = ir.ToolCall(id, name, text, namespace=namespace, at=at)
            return _turn("assistant", call, item, at)
        case schema.CustomCall(call_id=id, name=name, input=text, namespace=namespace):
            call = ir.ToolCall(id, name, text, "custom", namespace, at=at)
            return _turn("assistant", call, item, at)
        case schema.CallOutput():
            content = decode_content(item.output, f"{at}.output", "input_text")
            kept = extra(shape(item.output, content))
            kind = OUTPUT_KINDS[item.type]
            result = ir.ToolResult(
                item.call_id or "", _answers(content, at), kind=kind, extra=kept, at=at
            )
            return _turn("user", result, item, at)
        case schema.ItemReference(id=id):
            message = f"{at}: there is no store of items to find {id!r} in; send the item itself"
            raise InvalidRequest(message, param=at)
        case schema.AdditionalTools(type=kind):
            # One without tools has nothing to say, but it has a place.
            data = {**unnamed(item), "type": kind, "tools": []}
            return ir.Turn("developer", (ir.Opaque(NAME, kind, data, at=at),), at=at)
        case schema.UnknownItem(type=kind) | schema.SearchOutput(type=kind):
            data = {**item.model_dump(exclude_unset=True)}
            meant = hosted.meaning(data, at) or builtin.meaning(data, at)
            client = kind.endswith("_output") or kind in CLIENT_ITEMS
            opaque = ir.Opaque(NAME, kind, data, meant, at=at)
            return ir.Turn("user" if client else "assistant", (opaque,), at=at)


def _turn(role: ir.Role, part: ir.Part, item: schema.Item, at: str) -> ir.Turn:
    return ir.Turn(role, (part,), item.id, item.status, extra=extra(unnamed(item)), at=at)


def _decode_message(item: schema.Message, at: str) -> ir.Turn:
    path = f"{at}.content"
    parts = decode_content(item.content, path, _text_type(item.role))
    kept = unnamed(item) | shape(item.content, parts)
    if item.type is None:
        kept["_untyped"] = True
    return ir.Turn(item.role, parts, item.id, item.status, extra=extra(kept), at=at)


def _text_type(role: ir.Role) -> str:
    return "output_text" if role == "assistant" else "input_text"


def _answers(content: tuple[ir.Part, ...], at: str) -> tuple[ir.Text | ir.Media | ir.Opaque, ...]:
    answers = tuple(p for p in content if isinstance(p, ir.Text | ir.Media | ir.Opaque))
    if len(answers) != len(content):
        raise InvalidRequest(f"{at}.output: a refusal is no tool output", param=f"{at}.output")
    return answers


def _decode_reasoning(item: schema.ReasoningItem, at: str) -> ir.Reasoning:
    kept: dict[str, Any] = {}
    for name, usual in (("content", "reasoning_text"), ("summary", "summary_text")):
        parts: list[schema.ReasoningText] | None = getattr(item, name)
        if parts is not None and not _is_usual(name, parts, usual):
            kept[f"_{name}"] = [part.model_dump(exclude_unset=True) for part in parts]
    if "summary" not in item.model_fields_set:
        kept["_no_summary"] = True
    return ir.Reasoning(
        "".join(part.text for part in item.content or ()),
        tuple(part.text for part in item.summary or ()),
        sealed=item.encrypted_content,
        id=item.id,
        extra={NAME: kept},
        at=at,
    )


def _is_usual(name: str, parts: list[schema.ReasoningText], usual: str) -> bool:
    plain = all(part.type == usual and not part.model_extra for part in parts)
    return plain and (name == "summary" or (len(parts) == 1 and parts[0].text != ""))


# The way back ------------------------------------------------------------------------------------


def encode_input(request: ir.Request, ledger: Ledger) -> str | list[Document]:
    turns = request.turns
    if len(turns) == 1 and remembered(turns[0], "_input"):
        return ir.text_of(turns[0].parts)
    items = [
        item
        for i, turn in enumerate(turns)
        for item in _encode_turn(turn, turn.at or f"input.{i}", ledger)
    ]
    for place, tools in item_tools(request):
        item = {**place["item"], "tools": encode_tools(tools, ledger)}
        items.insert(place["index"], item)
    return items


def _encode_turn(turn: ir.Turn, path: str, ledger: Ledger) -> Iterator[Document]:
    note_foreign(turn, path, ledger)
    if turn.name is not None:
        ledger.dropped(f"{path}.name", "Responses has no names of speakers")
    runs = list(_runs(turn.parts))
    # The turn's own fields belong to its only item; a turn of many items never came from here.
    fields = own(turn) if len(runs) < 2 else {}
    fields |= given(id=turn.id, status=turn.status) if len(runs) < 2 else {}
    if not runs:
        yield _encode_message(turn, (), fields, path, ledger)
    for run in runs:
        first = run[0]
        where = first.at or path
        if not _stands_alone(first):
            yield _encode_message(turn, run, fields, path, ledger)
        elif (item := _encode_part(first, where, ledger)) is not None:
            yield fields | item


def _runs(parts: Sequence[ir.Part]) -> Iterator[list[ir.Part]]:
    """Neighbouring content parts, which make one message, and each of the others by itself."""
    run: list[ir.Part] = []
    for part in parts:
        if not _stands_alone(part):
            run.append(part)
            continue
        if run:
            yield run
            run = []
        yield [part]
    if run:
        yield run


def _stands_alone(part: ir.Part) -> bool:
    if isinstance(part, ir.Opaque):
        return not remembered(part, "_content")
    return isinstance(part, ir.Reasoning | ir.ToolCall | ir.ToolResult)


def _encode_message(
    turn: ir.Turn, parts: Sequence[ir.Part], fields: Document, path: str, ledger: Ledger
) -> Document:
    content = encode_content(turn, parts, _text_type(turn.role), path, ledger)
    kind = {} if remembered(turn, "_untyped") else {"type": "message"}
    for part in parts:
        fields |= remembered(part, "_message") or {}
    return {**fields, **kind, "role": turn.role, "content": content}


def _encode_part(part: ir.Part, path: str, ledger: Ledger) -> Document | None:
    note_foreign(part, path, ledger)
    match part:
        case ir.Reasoning():
            return _encode_reasoning(part, path, ledger)
        case ir.ToolCall(id=id, name=name, arguments=text, kind=kind):
            call: Document = {**own(part), "call_id": id, "name": name}
            call |= given(namespace=part.namespace)
            if kind == "custom":
                return call | {"type": "custom_tool_call", "input": text}
            return call | {"type": "function_call", "arguments": text}
        case ir.ToolResult():
            return _encode_result(part, path, ledger)
        case ir.Opaque(protocol=protocol, type=kind, data=data):
            if protocol == NAME:
                return dict(data)
            ledger.dropped(path, f"Responses has no {kind} ({protocol} has)")
            return None
        case _:
            raise AssertionError(f"a {type(part).__name__} is no item")


def _encode_result(result: ir.ToolResult, path: str, ledger: Ledger) -> Document:
    if result.is_error:
        ledger.dropped(f"{path}.is_error", "a Responses tool output cannot be marked as an error")
    kind = "custom_tool_call_output" if result.kind == "custom" else "function_call_output"
    output = encode_content(result, result.content, "input_text", path, ledger)
    call_id = {"call_id": result.call_id} if result.call_id else {}
    return {**own(result), "type": kind, **call_id, "output": output}


def _encode_reasoning(part: ir.Reasoning, path: str, ledger: Ledger) -> Document:
    if part.signature is not None:
        ledger.dropped(f"{path}.signature", "Responses has no signatures of reasoning")
    summary = remembered(part, "_summary")
    if summary is None:
        summary = [{"type": "summary_text", "text": text} for text in part.summary]
    written: Document = {**own(part), **given(id=part.id), "type": "reasoning", "summary": summary}
    if remembered(part, "_no_summary"):
        del written["summary"]
    sealed = part.sealed
    if sealed is not None and not is_native(part):
        ledger.dropped(
            f"{path}.sealed", "sealed reasoning of another protocol cannot be opened here"
        )
        sealed = None
    content = remembered(part, "_content")
    if content is None and part.text:
        content = [{"type": "reasoning_text", "text": part.text}]
    return written | given(content=content, encrypted_content=sealed)
