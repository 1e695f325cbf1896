"""A canonical request as the messages of a chat template, and what that loses.

Templates know one list of messages with the roles system, user, assistant and tool. Many refuse,
or silently skip, what others take: so turns of one role are merged, tool results stand right
behind the call, and system text in mid-conversation goes where the template shows it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...core.canon import ir
from ...core.canon.errors import NotSupported
from ...core.contract.losses import Ledger
from .images import Images
from .parser import CALL, CALL_END
from .replay import one_call_each, only_thought, short
from .tools import Names

if TYPE_CHECKING:
    from .probes import Message
    from .template import ChatTemplate

NONCE = "x-anthropic-billing-header:"
OMITTED = "[{} omitted]"


@dataclass(slots=True)
class Group:
    """Turns of one role that follow one another; system and developer text is one role."""

    role: str
    parts: list[ir.Part]
    at: str | None = None
    texts: list[str] = field(default_factory=list)


def grouped(turns: Sequence[ir.Turn]) -> Iterator[Group]:
    group: Group | None = None
    for turn in turns:
        role = "system" if turn.role == "developer" else turn.role
        if group is None or group.role != role:
            if group is not None:
                yield group
            group = Group(role, [], turn.at)
        group.parts += turn.parts
    if group is not None:
        yield group


class Mapper:
    def __init__(
        self,
        template: ChatTemplate,
        names: Names,
        ledger: Ledger,
        images: Images | None,
        limits: str,
    ) -> None:
        self._template = template
        self._limits = limits
        self._images = images
        self._names = names
        self._ledger = ledger
        self._messages: list[Message] = []

    def messages(self, groups: Sequence[Group], system: list[str]) -> list[Message]:
        leading = groups[:1] if groups and groups[0].role == "system" else []
        self._system([*(text for g in leading for text in self._texts(g.parts)), *system], leading)
        for group in groups[len(leading) :]:
            match group.role:
                case "system":
                    self._later_system(group)
                case "user":
                    self._user(group)
                case _:
                    self._assistant(group)
        if self._template.takes_several_calls:
            return self._messages
        return list(one_call_each(self._messages))

    def _system(self, texts: list[str], leading: Sequence[Group]) -> None:
        text = "\n\n".join(text for text in texts if text)
        if not text:
            return
        if self._template.takes_system_first:
            self._messages.append({"role": "system", "content": text})
            return
        at = (leading[0].at if leading else None) or "system"
        self._ledger.approximated(at, "the model's template has no system text; told by the user")
        self._say("user", text)

    def _later_system(self, group: Group) -> None:
        text = "\n\n".join(self._texts(group.parts))
        if self._template.takes_system_anywhere:
            self._messages.append({"role": "system", "content": text})
            return
        why = "the model's template takes system text at the start only; told by the user"
        self._ledger.approximated(group.at or "system", why)
        self._say("user", text)

    def _user(self, group: Group) -> None:
        results = [part for part in group.parts if isinstance(part, ir.ToolResult)]
        rest = [part for part in group.parts if not isinstance(part, ir.ToolResult)]
        for result in results:
            self._result(result)
        if rest or not results:
            self._say("user", "\n".join(self._texts(rest)))

    def _say(self, role: str, text: str) -> None:
        """Add to the last message if it is of the same role: templates want them to alternate."""
        if self._messages and self._messages[-1]["role"] == role:
            self._messages[-1]["content"] += "\n\n" + text
        else:
            self._messages.append({"role": role, "content": text})

    def _texts(self, parts: Sequence[ir.Part]) -> Iterator[str]:
        for part in parts:
            match part:
                case ir.Text() | ir.Refusal():
                    text = self._without_nonce(part)
                    if text:
                        yield text
                case ir.Media(kind="document", text=str(text)):
                    yield f"{part.name}:\n{text}" if part.name else text
                case ir.Media(kind="image") if self._images is not None:
                    yield self._images.mark(part)
                case ir.Media():
                    at = part.at or part.kind
                    raise NotSupported(f"{at}: {self._limits}", param=at)
                case ir.Opaque():
                    self._drop(part, part.type)
                case _:
                    self._drop(part, type(part).__name__)

    def _without_nonce(self, part: ir.Text | ir.Refusal) -> str:
        if not part.text.startswith(NONCE):
            return part.text
        why = "names one request and says nothing to a model; it would spoil the prefix cache"
        self._ledger.mapped(part.at or "system", why)
        return part.text.partition("\n")[2]

    def _drop(self, part: ir.Part, what: str) -> None:
        self._ledger.dropped(part.at or what, f"a local model cannot be shown {what}")

    # Tools ---------------------------------------------------------------------------------------

    def _result(self, result: ir.ToolResult) -> None:
        if result.kind == "server":
            self._drop(result, "a server tool's result")
            return
        text = "\n".join(self._shown(result))
        if result.is_error:
            text = f"Error: {text}"
            at = f"{result.at}.is_error"
            self._ledger.approximated(at, "told as the words 'Error:' before the result")
        if not self._template.takes_calls:
            self._say("user", f"<tool_response>\n{text}\n</tool_response>")
            return
        message = {"role": "tool", "content": text, "tool_call_id": self._id(result.call_id)}
        self._messages.append(message)

    def _shown(self, result: ir.ToolResult) -> Iterator[str]:
        for part in result.content:
            match part:
                case ir.Text():
                    yield part.text
                case ir.Media(kind="document", text=str(text)):
                    yield text
                case ir.Media(kind="image") if self._images is not None:
                    yield self._images.mark(part)
                case ir.Media():
                    why = f"{self._limits}; a placeholder stands in its place"
                    self._ledger.dropped(part.at or part.kind, why)
                    yield OMITTED.format(part.kind)
                case ir.Opaque():
                    self._drop(part, part.type)
                    yield OMITTED.format(part.type)

    def _assistant(self, group: Group) -> None:
        said: list[ir.Part] = []
        thought: list[str] = []
        calls: list[Message] = []
        for part in group.parts:
            match part:
                case ir.Reasoning():
                    thought += self._thought(part)
                case ir.ToolCall(kind="server"):
                    self._drop(part, "a server tool's call")
                case ir.ToolCall():
                    calls.append(self._call(part))
                case _:
                    if calls and isinstance(part, ir.Text):
                        why = "text behind a tool call is shown before it"
                        self._ledger.approximated(part.at or "text", why)
                    said.append(part)
        message: Message = {"role": "assistant", "content": "\n".join(self._texts(said))}
        if thought:
            message[self._template.thoughts] = "\n".join(thought)
        if calls and self._template.takes_calls:
            message["tool_calls"] = calls
            if thought and message["content"] and not self._template.takes_text_with_thoughts:
                message = only_thought(message, self._template.thoughts)
                why = "the model's template takes no text between thoughts and a call; told as one"
                self._ledger.approximated(group.at or "messages", why)
        elif calls:
            words = [f"{CALL}\n{json.dumps(c['function'])}\n{CALL_END}" for c in calls]
            message["content"] = "\n".join(filter(None, [message["content"], *words]))
        self._messages.append(message)

    def _thought(self, part: ir.Reasoning) -> list[str]:
        text = part.text or "\n".join(part.summary)
        if text and self._template.thoughts:
            return [text]
        if text:
            why = "the model's template has no place for earlier reasoning"
            self._ledger.dropped(part.at or "reasoning", why)
        elif part.sealed is not None:
            self._ledger.dropped(
                part.at or "reasoning", "only the model that sealed it can read it"
            )
        return []

    def _call(self, call: ir.ToolCall) -> Message:
        name = self._names.flat(call.namespace, call.name)
        function = {"name": name, "arguments": _arguments(call)}
        return {"id": self._id(call.id), "type": "function", "function": function}

    def _id(self, id: str) -> str:
        return id if self._template.takes_any_id else short(id)


def _arguments(call: ir.ToolCall) -> Any:
    """Templates write objects as JSON themselves; what is none goes to them as text."""
    if call.kind == "custom":
        return {"input": call.arguments}
    try:
        value = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        return call.arguments
    return value if isinstance(value, dict) else call.arguments
