"""A request body as JSON, strictly: nothing that two parsers would read differently gets in."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

import orjson

from ..canon.errors import InvalidRequest

WRITTEN_DEPTH = 254  # of containers: orjson writes no more
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse(body: bytes, max_depth: int) -> Any:
    """The value of a JSON document; raises `InvalidRequest` that says where it goes wrong.

    Refuses a key that stands twice in one object, at any depth: servers differ in which of the
    two they take, so one could check the first and run the second.
    """
    try:
        value = orjson.loads(body)
        # A compact body that comes out as it went in holds nothing that is refused here, but for
        # its depth: a key that stood twice would be gone, and a large number rounded.
        plain = orjson.dumps(value) == body
    except (orjson.JSONDecodeError, TypeError):
        plain = False
    if not plain:
        return _strictly(body, max_depth)
    if max_depth < WRITTEN_DEPTH and deeper(value, max_depth):
        raise too_deep(max_depth)
    return value


def _strictly(body: bytes, max_depth: int) -> Any:
    text = decoded(body)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=no_constant,
        )
    except json.JSONDecodeError as error:
        raise not_json(error) from None
    except RecursionError:
        raise too_deep(max_depth) from None
    if deeper(value, max_depth):
        raise too_deep(max_depth)
    if _SURROGATE.search(body):
        _whole_characters(body)
    return value


def decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"the request body is not UTF-8: byte {error.start} cannot be decoded"
        ) from None


def not_json(error: json.JSONDecodeError) -> InvalidRequest:
    where = f"line {error.lineno}, column {error.colno}"
    hint = f"{error.msg} at {where}" if error.doc.strip() else "the body is empty"
    return InvalidRequest(f"the request body is not valid JSON: {hint}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise twice(key)
            seen.add(key)
    return found


def twice(key: str) -> InvalidRequest:
    shown = key.encode("utf-8", "backslashreplace").decode()
    return InvalidRequest(f"the key {key!r} stands twice in one object; send it once", param=shown)


def _integer(digits: str) -> int:
    # Most JSON parsers hold no more than 64 bits, and ours could not write it back.
    if len(digits) > 20 or not -(2**63) <= (value := int(digits)) < 2**64:
        raise _too_large(digits)
    return value


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise _too_large(digits)
    return value


def _too_large(digits: str) -> InvalidRequest:
    shown = digits if len(digits) <= 24 else f"{digits[:20]}…"
    return InvalidRequest(f"the request body holds a number that is too large: {shown}")


def no_constant(word: str) -> NoReturn:
    raise InvalidRequest(f"the request body is not valid JSON: {word} is not a JSON number")


def deeper(value: Any, limit: int) -> bool:
    if limit >= WRITTEN_DEPTH and _writable(value):
        return False
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(limit):
        if not level:
            return False
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(level)


def _writable(value: Any) -> bool:
    """Whether orjson can write a value: it stops at a depth, and is far quicker than a look."""
    try:
        orjson.dumps(value)
    except TypeError:  # or half a surrogate pair, or a number of more than 64 bits
        return False
    return True


def _whole_characters(body: bytes) -> None:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        raise not_whole() from None


def not_whole() -> InvalidRequest:
    return InvalidRequest(
        "the request body holds half of a surrogate pair (such as \\ud83d alone); "
        "send whole characters"
    )


def too_deep(limit: int) -> InvalidRequest:
    return InvalidRequest(f"the request body is nested more than {limit} levels deep; flatten it")
