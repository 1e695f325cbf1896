"""Output items: how one part of an answer is shown to a client of Responses.

Text and refusals are each a message of their own, so that an item's place in the output is that
of its part. What this protocol has no item for is booked as a loss and takes no place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import orjson

from ...core.canon import ir
from ...core.contract.api import Context, Document
from ...core.contract.losses import Ledger
from . import builtin, hosted
from .builtin import Builtin
from .content import encode_citation, encode_logprob
from .extras import NAME, given, own, remembered
from .request import SEALED

# What the names of items begin with that are whole at once.
PREFIXES = {"compaction": "cmp"}

Status = Literal["in_progress", "completed", "incomplete"]
Shown: TypeAlias = ir.Text | ir.Refusal | ir.Reasoning | ir.ToolCall | ir.ToolListing | ir.Opaque


@dataclass(frozen=True, slots=True)
class View:
    """What the client asked to see of an answer, and where to book what it cannot see."""

    token: str
    losses: Ledger
    summary: bool  # thoughts are shown as a summary, the form that the client asked for
    sealed: bool
    logprobs: bool
    builtins: Mapping[str, Builtin] = field(default_factory=dict)

    def item_id(self, part: Shown, index: int) -> str:
        known = self.builtin(part)
        return f"{known.prefix if known else prefix(part)}_{self.token}_{index}"

    def builtin(self, part: Shown) -> Builtin | None:
        """What the part is a call of, if that has an item of its own type."""
        if not isinstance(part, ir.ToolCall) or part.kind != "function" or part.namespace:
            return None
        return self.builtins.get(part.name)


def view(request: ir.Request, context: Context) -> View:
    include = own(request).get("include") or ()
    return View(
        context.token,
        context.losses,
        summary=request.reasoning.summary not in (None, "none"),
        sealed=SEALED in include,
        logprobs=request.sampling.logprobs,
        builtins=builtin.offered(request.tools),
    )


def prefix(part: Shown) -> str:
    match part:
        case ir.Reasoning():
            return "rs"
        case ir.ToolListing() | ir.ToolCall(kind="server"):
            return hosted.PREFIXES[hosted.kind_of(part)]
        case ir.ToolCall(kind="custom"):
            return "ctc"
        case ir.ToolCall():
            return "fc"
        case ir.Text() | ir.Refusal():
            return "msg"
        case ir.Opaque():
            return "msg" if remembered(part, "_content") else PREFIXES.get(part.type, "item")


def shown(part: ir.Part, place: int, losses: Ledger) -> Shown | None:
    """The part, if there is an item for it; `place` counts all parts of the answer."""
    match part:
        case ir.Text() | ir.Refusal() | ir.Reasoning() | ir.ToolListing():
            return part
        case ir.ToolCall() if hosted.is_call(part):
            return part
        case ir.ToolCall() if part.kind != "server":
            return part
        case ir.Opaque() if part.protocol == NAME:
            return part
        case ir.Opaque():
            why = f"Responses has no {part.type} ({part.protocol} has)"
        case _:
            why = f"Responses has no output item for a {type(part).__name__}"
    losses.dropped(f"output.{place}", why)
    return None


def write_items(parts: Sequence[ir.Part], view: View, last: Status) -> list[Document]:
    """The whole output; `last` is the status of the last part, the only one that may be cut."""
    items: list[Document] = []
    for place, part in enumerate(parts):
        if isinstance(part, ir.ToolResult) and place and hosted.is_call(parts[place - 1]):
            items[-1] |= hosted.write_result(part, place, view.losses)
            continue
        status = last if place == len(parts) - 1 else status_of(part, last == "incomplete")
        if (visible := shown(part, place, view.losses)) is not None:
            items.append(write_item(visible, len(items), status, view))
    return items


def status_of(part: ir.Part, cut: bool) -> Status:
    """The status of a part that others follow: in an answer that was cut, a call may be half."""
    if not cut or not isinstance(part, ir.ToolCall) or part.kind != "function":
        return "completed"
    return "completed" if not part.arguments or _is_json(part.arguments) else "incomplete"


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except ValueError:
        return False
    return True


def write_item(part: Shown, index: int, status: Status, view: View) -> Document:
    match part:
        case ir.Opaque() if not remembered(part, "_content"):
            return {"id": view.item_id(part, index), **part.data}
        case ir.Text() | ir.Refusal() | ir.Opaque():
            content = [write_content(part, index, view)] if status != "in_progress" else []
            fields: Document = {"role": "assistant", "content": content, "status": status}
            fields |= remembered(part, "_message") or {}
            kind = "message"
        case ir.Reasoning():
            fields, kind = _write_reasoning(part, index, view), "reasoning"
            fields["status"] = status
        case ir.ToolListing():
            fields, kind = hosted.write_listing(part), hosted.kind_of(part)
        case ir.ToolCall(kind="server"):
            fields, kind = hosted.write_call(part, status), hosted.kind_of(part)
        case ir.ToolCall(kind="custom"):
            # The one item without a status.
            fields = _write_call(part) | {"input": part.arguments}
            kind = "custom_tool_call"
        case ir.ToolCall() if (known := view.builtin(part)) is not None:
            fields, kind = builtin.write_call(known, part, status), known.item
        case ir.ToolCall():
            fields = _write_call(part) | {"arguments": part.arguments, "status": status}
            kind = "function_call"
    return {**own(part), "id": view.item_id(part, index), "type": kind, **fields}


def write_content(part: ir.Text | ir.Refusal | ir.Opaque, index: int, view: View) -> Document:
    if isinstance(part, ir.Opaque):
        return dict(part.data)
    if isinstance(part, ir.Refusal):
        return {"type": "refusal", "refusal": part.text}
    path = f"output.{index}"
    annotations = (encode_citation(c, path, view.losses) for c in part.citations)
    return {
        "type": "output_text",
        "text": part.text,
        "annotations": [annotation for annotation in annotations if annotation is not None],
        "logprobs": write_logprobs(part.logprobs, view),
    }


def write_logprobs(logprobs: tuple[ir.TokenLogprob, ...], view: View) -> list[Document]:
    return [encode_logprob(logprob) for logprob in logprobs] if view.logprobs else []


def _write_call(call: ir.ToolCall) -> Document:
    return {"call_id": call.id, "name": call.name, **given(namespace=call.namespace)}


def _write_reasoning(part: ir.Reasoning, index: int, view: View) -> Document:
    if part.signature is not None:
        view.losses.dropped(f"output.{index}.signature", "Responses has no signatures of reasoning")
    texts = list(part.summary)
    content = []
    if part.text and view.summary:
        view.losses.approximated("reasoning.summary", "shown is what the model thought, in full")
        texts.insert(0, part.text)
    elif part.text:
        content.append({"type": "reasoning_text", "text": part.text})
    return {
        "summary": [{"type": "summary_text", "text": text} for text in texts],
        "content": content,
        **given(encrypted_content=part.sealed if view.sealed else None),
    }
