"""Where a JSON value ends, in a text that grows."""

from __future__ import annotations

from string import ascii_letters, digits

# What may stand outside of strings. A mark of a format there means that the value was broken off.
_OUTSIDE = frozenset(ascii_letters + digits + " \t\n\r,:+-.")


class NotJSON(Exception):
    """Something that no JSON value can have at this place."""

    def __init__(self, at: int) -> None:
        super().__init__(f"no JSON at {at}")
        self.at = at


class Nesting:
    """Finds the end of a JSON value in a text that grows; brackets inside strings do not count."""

    def __init__(self, depth: int = 0) -> None:
        self._at = 0
        self._depth = depth
        self._string = False
        self._escaped = False

    def forget(self) -> None:
        """The text begins anew where it ended; the depth stays."""
        self._at = 0

    def end(self, text: str) -> int | None:
        """Where the value ends, or None as long as it does not."""
        for at in range(self._at, len(text)):
            char = text[at]
            if self._string:
                if self._escaped:
                    self._escaped = False
                elif char == "\\":
                    self._escaped = True
                elif char == '"':
                    self._string = False
            elif char == '"':
                self._string = True
            elif char in "{[":
                self._depth += 1
            elif char in "}]":
                self._depth -= 1
                if self._depth == 0:
                    return at + 1
            elif char not in _OUTSIDE:
                raise NotJSON(at)
        self._at = len(text)
        return None
