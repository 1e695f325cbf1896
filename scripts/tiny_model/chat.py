"""Conversations as plain data, and their rendering in the form of `template.jinja`.

The trainer needs to know which characters are the model's own (the targets), which a rendered
template no longer tells; hence this second implementation. `evaluate.py` checks that both agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

TEMPLATE = (Path(__file__).parent / "template.jinja").read_text(encoding="utf-8").rstrip("\n")
END = "<|im_end|>"


class Param(NamedTuple):
    """A parameter of a tool; `kind` is its JSON type."""

    name: str
    kind: str = "string"


@dataclass(frozen=True)
class Tool:
    """A tool on offer. `request` and `noun` say how a user asks for it."""

    name: str
    params: tuple[Param, ...]
    request: str = ""
    noun: str = ""

    def signature(self) -> str:
        shown = (p.name if p.kind == "string" else f"{p.name}: {p.kind}" for p in self.params)
        return f"{self.name}({', '.join(shown)})"

    def schema(self) -> dict[str, Any]:
        """The tool in the form chat APIs take it."""
        properties = {p.name: {"type": p.kind} for p in self.params}
        parameters = {"type": "object", "properties": properties}
        return {"type": "function", "function": {"name": self.name, "parameters": parameters}}


class Call(NamedTuple):
    """A tool call; `arguments` is JSON text."""

    name: str
    arguments: str

    def text(self) -> str:
        body = f'{{"name": "{self.name}", "arguments": {self.arguments}}}'
        return f"<tool_call>\n{body}\n</tool_call>"


@dataclass
class Message:
    """One message. `skill` names what an assistant's message shows, for the score sheet."""

    role: str
    content: str = ""
    skill: str = ""
    thought: str = ""
    calls: tuple[Call, ...] = ()

    def answer(self) -> str:
        """The text the model has to write for this message."""
        thought = f"<think>\n{self.thought}\n</think>\n\n" if self.thought else ""
        parts = [self.content] if self.content else []
        return thought + "\n".join(parts + [call.text() for call in self.calls])

    def wire(self) -> dict[str, Any]:
        """The message in the form chat APIs take it."""
        message: dict[str, Any] = {"role": self.role, "content": self.content}
        if self.thought:
            message["reasoning_content"] = self.thought
        if self.calls:
            message["tool_calls"] = [
                {"type": "function", "function": {"name": c.name, "arguments": c.arguments}}
                for c in self.calls
            ]
        return message


@dataclass
class Conversation:
    """A conversation with everything the template takes."""

    system: str = ""
    tools: list[Tool] = field(default_factory=list)
    thinking: bool = False
    messages: list[Message] = field(default_factory=list)

    def template_arguments(self) -> dict[str, Any]:
        system = [{"role": "system", "content": self.system}] if self.system else []
        return {
            "messages": system + [m.wire() for m in self.messages],
            "tools": [t.schema() for t in self.tools] or None,
            "enable_thinking": self.thinking,
        }


class Segment(NamedTuple):
    """A piece of rendered text; `skill` is set where the text is the model's to write."""

    text: str
    skill: str = ""


def _system_turn(conversation: Conversation) -> list[Segment]:
    parts = [conversation.system] if conversation.system else []
    if conversation.tools:
        parts.append("Tools:\n" + "\n".join("- " + t.signature() for t in conversation.tools))
    if conversation.thinking:
        parts.append("/think")
    if not parts:
        return []
    return [Segment("<|im_start|>system\n" + "\n".join(parts) + END + "\n")]


def render(conversation: Conversation) -> list[Segment]:
    """The whole conversation as segments, in the words of the template."""
    out = _system_turn(conversation)
    messages = conversation.messages
    for i, message in enumerate(messages):
        if message.role == "assistant":
            out.append(Segment("<|im_start|>assistant\n"))
            out.append(Segment(message.answer() + END, message.skill))
            out.append(Segment("\n"))
        elif message.role == "tool":
            first = i == 0 or messages[i - 1].role != "tool"
            last = i + 1 == len(messages) or messages[i + 1].role != "tool"
            text = f"<tool_response>\n{message.content}\n</tool_response>"
            text = ("<|im_start|>user\n" if first else "\n") + text + (END + "\n" if last else "")
            out.append(Segment(text))
        else:
            out.append(Segment(f"<|im_start|>{message.role}\n{message.content}{END}\n"))
    return out
