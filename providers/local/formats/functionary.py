"""`<function=NAME>{…}</function>`: the name in a tag, and the arguments as JSON behind it."""

from __future__ import annotations

from .calls import Calls
from .objects import NAME, arguments
from .source import Malformed, Source, Wait

BEGIN, END = "<function=", "</function>"


def function(source: Source, calls: Calls) -> Wait[None]:
    name, _ = yield from source.until(">", limit=NAME)
    if not name or any(char.isspace() or char in "<{" for char in name):
        raise Malformed("a name is missing")
    if (yield from source.space()) == "{":
        yield from arguments(source, calls, name)
    else:
        yield from source.expect(END)
        calls.whole(name, {})
        return
    yield from source.close(END)
