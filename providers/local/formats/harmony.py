"""gpt-oss's harmony: a whole answer in messages, each with a channel and maybe a recipient.

The messages are read by OpenAI's own package, which comes with an extra and is imported when a
model of this kind is started. It reads tokens; the text is cut into those again at its marks.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from ....core.canon.errors import ConfigError
from ....core.canon.stopping import unsettled
from .calls import Calls
from .objects import parsed
from .source import Malformed, Source, Truncated, Wait

START, CHANNEL, CONSTRAIN = "<|start|>", "<|channel|>", "<|constrain|>"
MESSAGE, END, CALL, RETURN = "<|message|>", "<|end|>", "<|call|>", "<|return|>"
MARKS = (START, CHANNEL, CONSTRAIN, MESSAGE, END, CALL, RETURN)
TOOLS = "functions."
ASSISTANT = f"{START}assistant"
ANALYSIS, COMMENTARY, FINAL = (
    f"{CHANNEL}{name}{MESSAGE}" for name in ("analysis", "commentary", "final")
)

MISSING = (
    "this model speaks harmony, and the package for it is missing: install 'polystack[harmony]', "
    "or set another `tool_format`"
)
NO_VOCABULARY = (
    "openai-harmony cannot load its vocabulary ({}): it is fetched once from the internet; "
    "without that, put o200k_base.tiktoken into a folder and name it in TIKTOKEN_ENCODINGS_BASE"
)


@dataclass(frozen=True, slots=True)
class Harmony:
    """`encode` makes tokens of a mark, or of a text without any; `stream` reads them."""

    encode: Callable[[str], list[int]]
    stream: Callable[[], Any]


@cache
def loaded() -> Harmony:
    """Raises `ConfigError` that names the remedy."""
    try:
        import openai_harmony as package
    except ImportError:
        raise ConfigError(MISSING) from None
    try:
        encoding = package.load_harmony_encoding(package.HarmonyEncodingName.HARMONY_GPT_OSS)
    except Exception as error:  # whatever comes of files and of the network
        raise ConfigError(NO_VOCABULARY.format(error)) from None

    def encode(text: str) -> list[int]:
        found: list[int] = encoding.encode(text, allowed_special=set(MARKS), disallowed_special=())
        return found

    role = package.Role.ASSISTANT
    return Harmony(encode, lambda: package.StreamableParser(encoding, role, strict=False))


def harmony(source: Source, calls: Calls) -> Wait[None]:
    found = loaded()
    answer = _Answer(found.encode, found.stream(), source, calls)
    while piece := (yield from _piece(source)):
        answer.feed(piece)
    answer.close()


def _piece(source: Source) -> Wait[str]:
    """The next mark, or some text before it; nothing at the end."""
    while True:
        rest = source.text[source.at :]
        at = min((at for mark in MARKS if (at := rest.find(mark)) >= 0), default=None)
        if at == 0:
            return (yield from source.expect(*MARKS))
        end = at or len(rest) - (0 if source.closed else unsettled(rest, MARKS))
        if end > 0 or source.closed:
            source.at += end
            return rest[:end]
        yield


class _Answer:
    """`put` takes the text of the message that is open."""

    def __init__(
        self, encode: Callable[[str], list[int]], stream: Any, source: Source, calls: Calls
    ) -> None:
        self._encode = encode
        self._stream = stream
        self._source = source
        self._calls = calls
        self._put: Callable[[str], None] | None = None
        self._called: str | None = None
        self._text = ""

    def feed(self, piece: str) -> None:
        text = "".join(map(self._processed, self._encode(piece)))
        if self._put is None and piece == MESSAGE:
            self._begin()
        elif self._put is not None and piece in (END, CALL, RETURN):
            self._end()
        elif self._put is not None:
            self._source.keep()
            self._put(text)

    def close(self) -> None:
        if self._put is not None:
            self._end()
        elif self._source.at:
            raise Truncated("a message has not begun")

    def _processed(self, token: int) -> str:
        try:
            self._stream.process(token)
        except Exception as error:  # the package's own error, whose name is in its native part
            raise Malformed(str(error)) from None
        return self._stream.last_content_delta or ""

    def _begin(self) -> None:
        self._text, recipient = "", self._stream.current_recipient or ""
        self._source.keep()
        if not recipient.startswith(TOOLS) or not self._calls.offering:
            thinks = self._stream.current_channel == "analysis"
            self._put = self._calls.think if thinks else self._calls.say
            return
        self._called = recipient.removeprefix(TOOLS)
        self._put = self._argue
        if self._calls.streams(self._called):
            self._calls.begin(self._called)

    def _argue(self, text: str) -> None:
        if self._source.closed and _whole(self._text):
            return  # the beginning of a mark that was cut off
        self._text += text
        if self._called is not None and self._calls.streams(self._called):
            self._calls.arguments(text)

    def _end(self) -> None:
        name, self._called, self._put = self._called, None, None
        self._source.keep()
        if name is None:
            self._calls.part()
        elif not self._calls.streams(name):
            self._calls.whole(name, parsed(self._text))
        elif self._source.closed and not _whole(self._text):
            raise Truncated("a call is not whole")
        else:
            self._calls.end()


def _whole(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
