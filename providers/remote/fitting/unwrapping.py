"""The free text of a custom tool's call, out of the JSON object that the upstream streams.

The text flows on as soon as the string `input` begins, wherever in the object it stands. What is
no such object is given as it came: some models write the free text itself.
"""

from __future__ import annotations

import json
import re
from enum import Enum

from .custom import FIELD

_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"} | {c: c for c in '"\\/'}
_UNIT = re.compile(r"\\u[0-9a-fA-F]{4}")
_SPECIAL = re.compile(r'["\\]')
_SPACE = re.compile(r"\s*")
_DECODER = json.JSONDecoder(strict=False)
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class State(Enum):
    SEEKING = "seeking"  # the string has not begun; everything is kept
    INSIDE = "inside"
    PAST = "past"
    RAW = "raw"  # this is no object with such a string


class Unwrapping:
    """One call; `feed` gives what a piece makes known of the text, `close` the rest."""

    def __init__(self) -> None:
        self._state = State.SEEKING
        self._kept = ""  # what could not be read yet
        self._member = 0  # where in it the next member of the object begins
        self._high = 0  # half of a character, which waits for its other half

    def feed(self, piece: str) -> str:
        self._kept += piece
        if self._state is State.SEEKING:
            self._seek()
        match self._state:
            case State.INSIDE:
                return self._read()
            case State.RAW:
                raw, self._kept = self._kept, ""
                return raw
            case State.SEEKING | State.PAST:
                return ""

    def close(self) -> str:
        if self._state is State.SEEKING:
            return self._kept
        return self._unpaired() if self._state is State.INSIDE else ""

    # Up to the string ----------------------------------------------------------------------------

    def _seek(self) -> None:
        """Step over the members in front of the wanted one, as far as they have come."""
        if self._member == 0:
            at = self._blank(0)
            if at == len(self._kept):
                return
            if self._kept[at] != "{":
                self._state = State.RAW
                return
            self._member = at + 1
        while self._state is State.SEEKING and self._step():
            pass

    def _step(self) -> bool:
        """One member further; False where it has not come whole, or never will."""
        try:
            key, at = _DECODER.raw_decode(self._kept, self._blank(self._member))
            at = self._blank(at)
            if self._kept[at] != ":":
                return False
            at = self._blank(at + 1)
            if key == FIELD and self._kept[at] == '"':
                self._kept, self._state = self._kept[at + 1 :], State.INSIDE
                return False
            _, at = _DECODER.raw_decode(self._kept, at)
            at = self._blank(at)
            if self._kept[at] != ",":
                return False
        except (ValueError, IndexError, RecursionError):
            return False
        self._member = at + 1
        return True

    def _blank(self, at: int) -> int:
        space = _SPACE.match(self._kept, at)
        assert space is not None
        return space.end()

    # Within it -----------------------------------------------------------------------------------

    def _read(self) -> str:
        read: list[str] = []
        while found := _SPECIAL.search(self._kept):
            self._plain(read, self._kept[: found.start()])
            self._kept = self._kept[found.start() :]
            if found[0] == '"':
                self._state, self._kept = State.PAST, ""
                read.append(self._unpaired())
                return "".join(read)
            if not self._escape(read):
                return "".join(read)
        self._plain(read, self._kept)
        self._kept = ""
        return "".join(read)

    def _plain(self, read: list[str], text: str) -> None:
        if text:
            read += (self._unpaired(), text)

    def _escape(self, read: list[str]) -> bool:
        """Read the escape that comes next; False where it has not come whole."""
        letter = self._kept[1:2]
        length = 6 if letter == "u" else 2
        if len(self._kept) < length:
            return False
        escape = self._kept[:length]
        if letter == "u" and _UNIT.fullmatch(escape):
            self._unit(read, int(escape[2:], 16))
        else:
            # A backslash that escapes nothing is one that the model meant.
            length = 2
            self._plain(read, _ESCAPES.get(letter, escape[:2]))
        self._kept = self._kept[length:]
        return True

    def _unit(self, read: list[str], unit: int) -> None:
        """One unit of UTF-16; a character may be two of them."""
        if 0xDC00 <= unit < 0xE000 and self._high:
            read.append(chr(0x10000 + ((self._high - 0xD800) << 10) + (unit - 0xDC00)))
            self._high = 0
            return
        read.append(self._unpaired())
        if 0xD800 <= unit < 0xDC00:
            self._high = unit
        else:
            read.append(_REPLACEMENT if 0xDC00 <= unit < 0xE000 else chr(unit))

    def _unpaired(self) -> str:
        """What stands for half of a character whose other half did not come."""
        half, self._high = self._high, 0
        return _REPLACEMENT if half else ""
