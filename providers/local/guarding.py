"""Text that looks like one of the model's control tokens stays text.

A prompt is tokenised as one string, in which `<|im_end|>` ends a turn, whoever wrote it. So before
a conversation is rendered, each such text that does not come from the template itself is given a
seam, a character that occurs nowhere in the request; where the seams are, the rendered prompt is
cut, and no token reaches over a cut. What the model reads is the same text, letter by letter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from .formats.detection import Formats

Message = dict[str, Any]
PRIVATE = range(0xE000, 0xF8FF)  # characters without a meaning, of which one is free


class Guard:
    """The control tokens of one model, looked for in what people, tools and models wrote.

    `marks` are those that the model thinks and calls with.
    """

    def __init__(self, specials: Iterable[str], marks: frozenset[str] = Formats().marks) -> None:
        found = [text for text in specials if len(text) > 1]
        self._all = _pattern(found)
        # A model's own turn may well think and call; it just cannot end a turn within its text.
        self._spoken = _pattern(text for text in found if text not in marks)

    def seamed(
        self, messages: Sequence[Message], tools: Sequence[Message]
    ) -> tuple[list[Message], list[Message], str]:
        """The same with seams, and the seam; it is empty where nothing needs one."""
        written = json.dumps([messages, tools], ensure_ascii=False)
        if not self._all.search(written):
            return list(messages), list(tools), ""
        seam = next(
            letter
            for letter in map(chr, PRIVATE)
            if letter not in written and _escaped(letter) not in written.lower()
        )
        mended = [self._message(message, seam) for message in messages]
        return mended, [_everywhere(tool, self._all, seam) for tool in tools], seam

    def spoken(self, text: str, seam: str) -> str:
        """A beginning of the model's own turn, with seams."""
        return _everywhere(text, self._spoken, seam) if seam else text

    def _message(self, message: Message, seam: str) -> Message:
        if message.get("role") != "assistant":
            return {key: _everywhere(value, self._all, seam) for key, value in message.items()}
        return {
            key: _everywhere(value, self._all if key == "tool_calls" else self._spoken, seam)
            for key, value in message.items()
        }


def cut(prompt: str, seam: str) -> Iterator[str]:
    """The pieces of a prompt, of which no token may reach into the next."""
    if not seam:
        yield prompt
        return
    # A template that writes JSON may have escaped it.
    yield from re.split(f"{seam}|{re.escape(_escaped(seam))}", prompt, flags=re.IGNORECASE)


def _everywhere(value: Any, pattern: re.Pattern[str], seam: str) -> Any:
    match value:
        case str():
            return pattern.sub(lambda found: found[0][0] + seam + found[0][1:], value)
        case list():
            return [_everywhere(item, pattern, seam) for item in value]
        case dict():
            mend = partial(_everywhere, pattern=pattern, seam=seam)
            return {mend(key): mend(item) for key, item in value.items()}
        case _:
            return value


def _pattern(texts: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(set(texts), key=len, reverse=True)
    # Without any there is nothing to find, and not the empty text.
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")


def _escaped(letter: str) -> str:
    return json.dumps(letter)[1:-1]
