"""The top level of a request body that passes through: what is looked at, and what is replaced.

The bytes go on as they came. So what two servers could read differently is refused: a body that
is no JSON object, and a key that stands twice at the top level, however it is spelt, for one of
the two could be checked and the other be run. What is inside the fields is the upstream's to
judge; here it is only known to be JSON.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from json.decoder import JSONDecodeError
from typing import Any

import orjson

from ..canon.errors import InvalidRequest
from .body import WRITTEN_DEPTH, decoded, deeper, no_constant, not_json, not_whole, too_deep, twice

Span = tuple[int, int]

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SPACE = re.compile(r"[ \t\n\r]*")
_KEY = re.compile(r'"([^"\\\x00-\x1f]*)"[ \t\n\r]*:[ \t\n\r]*')  # one without escapes
_COLON = re.compile(r"[ \t\n\r]*:[ \t\n\r]*")
_NEXT = re.compile(r"[ \t\n\r]*([,}])[ \t\n\r]*")
# Each value is read once, in C. A number of any size is JSON, and none is looked at: hence float.
_JSON = json.JSONDecoder(parse_int=float, parse_constant=no_constant)


@dataclass(slots=True)
class Scan:
    """A body whose top level is known.

    `model` and `stream` are the values as they were sent: None where the field is missing or null,
    and an Api's to refuse where the type is wrong.
    """

    model: Any
    stream: Any
    _body: bytes
    _compact: bool  # written without spaces and needless escapes

    def with_model(self, name: str) -> bytes:
        """The body under another model's name; not another byte is changed."""
        literal = orjson.dumps(name)
        # Within a text the quotes would be escaped, so what stands once like this is the field.
        field = b'"model":' + orjson.dumps(self.model)
        if self._compact and self.model is not None and self._body.count(field) == 1:
            return self._body.replace(field, b'"model":' + literal)
        text = self._body.decode()
        fields = _fields(text)
        if "model" in fields:
            start, end = (len(text[:at].encode()) for at in fields["model"][1])
            return self._body[:start] + literal + self._body[end:]
        inside = self._body.index(b"{") + 1
        field = b'"model":' + literal + (b"," if fields else b"")
        return self._body[:inside] + field + self._body[inside:]


def scan(body: bytes, max_depth: int) -> Scan:
    """Raises `InvalidRequest` that says where a body goes wrong, in the words of `body.parse`."""
    try:
        value = orjson.loads(body)
        plain = isinstance(value, dict) and orjson.dumps(value) == body
    except (orjson.JSONDecodeError, TypeError):
        plain = False
    # A compact body that comes out as it went in has no key twice; see `body.parse`.
    if plain and max_depth >= WRITTEN_DEPTH:
        return Scan(value.get("model"), value.get("stream"), body, True)
    text = decoded(body)
    try:
        fields = _fields(text)
    except JSONDecodeError as error:
        raise not_json(error) from None
    except RecursionError:
        raise too_deep(max_depth) from None
    for value, _ in fields.values():
        if isinstance(value, dict | list) and deeper(value, max_depth - 1):
            raise too_deep(max_depth)
    model, _ = fields.get("model", (None, None))
    stream, _ = fields.get("stream", (None, None))
    if isinstance(model, str) and _SURROGATE.search(model):
        raise not_whole()
    return Scan(model, stream, body, False)


def _fields(text: str) -> dict[str, tuple[Any, Span]]:
    """The top level of a document: by key the value, and where it stands."""
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        json.loads(text, parse_int=float, parse_constant=no_constant)
        raise InvalidRequest("the request body must be a JSON object")
    fields: dict[str, tuple[Any, Span]] = {}
    at = _skip(text, at + 1)
    more = text[at : at + 1] != "}"
    if not more:
        at += 1
    while more:
        key, start = _key(text, at)
        if key in fields:
            raise twice(key)
        value, end = _JSON.raw_decode(text, start)
        fields[key] = value, (start, end)
        if (separator := _NEXT.match(text, end)) is None:
            raise JSONDecodeError("Expecting ',' delimiter", text, _skip(text, end))
        more, at = separator[1] == ",", separator.end()
    if (rest := _skip(text, at)) != len(text):
        raise JSONDecodeError("Extra data", text, rest)
    return fields


def _key(text: str, at: int) -> tuple[str, int]:
    """The key that begins here, and where its value does."""
    if plain := _KEY.match(text, at):
        return plain[1], plain.end()
    if text[at : at + 1] != '"':
        raise JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
    key, at = _JSON.raw_decode(text, at)
    if (colon := _COLON.match(text, at)) is None:
        raise JSONDecodeError("Expecting ':' delimiter", text, _skip(text, at))
    return key, colon.end()


def _skip(text: str, at: int) -> int:
    """Where the next thing begins that is no white space."""
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()
