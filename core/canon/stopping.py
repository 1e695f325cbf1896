"""Stop strings over a stream of text: what may go out, what must wait, and which one was met."""

from __future__ import annotations


class StopStrings:
    """Feed it text as it comes; it gives the text that no stop string can begin in any more.

    Once one is met, `met` names it, the text before it is given, and the stop string itself and
    all that follows are not. Of several the one that is complete first counts, as it would if the
    text came by characters.
    """

    def __init__(self, strings: tuple[str, ...]) -> None:
        self._strings = tuple(set(strings))
        self._held = ""
        self.met: str | None = None

    @property
    def held(self) -> int:
        return len(self._held)

    def feed(self, text: str) -> str:
        if not self._strings:
            return text
        if self.met is not None:
            return ""
        self._held += text
        found = [
            (self._held.find(s) + len(s), -len(s), s) for s in self._strings if s in self._held
        ]
        if found:
            end, _, self.met = min(found)
            at = end - len(self.met)
        else:
            at = len(self._held) - unsettled(self._held, self._strings)
        out, self._held = self._held[:at], "" if found else self._held[at:]
        return out

    def flush(self) -> str:
        """The text that waited for a stop string which did not come."""
        out, self._held = self._held, ""
        return out


def unsettled(text: str, marks: tuple[str, ...]) -> int:
    """How many characters at the end of a text could be the beginning of one of the marks."""
    longest = max((len(mark) for mark in marks), default=1) - 1
    for size in range(min(longest, len(text)), 0, -1):
        tail = text[-size:]
        if any(len(mark) > size and mark.startswith(tail) for mark in marks):
            return size
    return 0
