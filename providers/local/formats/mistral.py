"""`[TOOL_CALLS]NAME[ARGS]{…}`; models before that write a list of JSON objects behind the mark."""

from __future__ import annotations

from .calls import Calls
from .objects import NAME, arguments, objects
from .source import Malformed, Source, Wait

CALLS, CALL_ID, ARGS = "[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"


def mistral(source: Source, calls: Calls) -> Wait[None]:
    if (yield from source.space()) in ("[", "{"):
        yield from objects(source, calls)
        return
    name, mark = yield from source.until(CALL_ID, ARGS, "{", limit=NAME)
    name = name.strip()
    if not name or any(char.isspace() for char in name):
        raise Malformed("a name is missing")
    if mark == CALL_ID:
        number, _ = yield from source.until(ARGS, limit=NAME)
        if not number.isalnum():
            raise Malformed("an id is missing")
    source.at -= mark == "{"
    if (yield from source.space()) != "{":
        raise Malformed("its arguments are missing")
    yield from arguments(source, calls, name)
