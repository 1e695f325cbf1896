"""The synthetic corpus: an endless, seeded stream of conversations, every word of it our own."""

from __future__ import annotations

import random

from .chat import Conversation, Message, render
from .tool_turns import offer_tools, tool_turn, unavailable
from .turns import Memory, plain_turn
from .words import Words, listed

SYSTEMS = listed(
    """You are a helpful assistant.|You are a helpful assistant.|Be brief.|Answer briefly.
You are a helpful AI assistant.|You are a friendly assistant. Be brief.
Use the tools when you need them.|You are a test assistant.""",
    "|",
)


def _system(w: Words, memory: Memory, long: bool) -> str:
    """A system prompt: usually none or a short one; `long` allows dozens of sentences."""
    x = w.rng.random()
    if x < 0.45:
        return ""
    text = w.rng.choice(SYSTEMS)
    if x > 0.85:
        text = " ".join([text, *(w.sentence() for _ in range(w.rng.randint(1, 25 if long else 3)))])
        text = text.replace(". ", ".\n") if w.chance(0.4) else text
    if w.chance(0.12):
        memory.secret = w.invented()
        text = f"{text} The secret word is {memory.secret}."
    return text


def _forget_thoughts(w: Words, messages: list[Message]) -> None:
    """Drop the thoughts of earlier turns, as clients do that keep only the visible text."""
    asked = max(i for i, m in enumerate(messages) if m.role == "user")
    for message in messages[:asked]:
        if message.role == "assistant":
            message.thought, message.skill = "", ""


def conversation(w: Words, long: bool = False) -> Conversation:
    """One conversation. `long` allows many tools, long system prompts and counts to 100."""
    memory = Memory()
    chat = Conversation(thinking=w.chance(0.2))
    chat.system = _system(w, memory, long)
    if w.chance(0.58):
        most = 12 if long else 3
        chat.tools = offer_tools(w, w.rng.choice([1, 2, 2, 2, 3, w.rng.randint(1, most)]))
    for _ in range(w.rng.choice([1, 1, 2, 3])):
        if chat.tools and w.chance(0.65):
            chat.messages += tool_turn(w, chat.tools)
        elif w.chance(0.11):
            chat.messages += unavailable(w, chat.tools)
        else:
            adder = any(not tool.noun for tool in chat.tools)
            chat.messages += plain_turn(w, memory, 100 if long else 40, adder)
    for message in chat.messages:
        if not chat.thinking:
            message.thought = ""
        elif message.skill == "fallback":
            message.thought = "I do not know the answer. I say so."
    if chat.thinking and w.chance(0.3):
        _forget_thoughts(w, chat.messages)
    return chat


if __name__ == "__main__":
    sample = Words(random.Random(1))
    for _ in range(12):
        print("".join(segment.text for segment in render(conversation(sample))))
        print("-----")
