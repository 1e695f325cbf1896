"""A request body as JSON, strictly: nothing that two parsers would read differently gets in."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

import orjson

from ..canon.errors import InvalidRequest

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse(body: bytes, max_depth: int) -> Any:
    """The value of a JSON document; raises `InvalidRequest` that says where it goes wrong.

    Refuses a key that stands twice in one object, at any depth: servers differ in which of the
    two they take, so one could check the first and run the second.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"the request body is not UTF-8: byte {error.start} cannot be decoded"
        ) from None
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_no_constant,
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        hint = "the body is empty" if not text.strip() else f"{error.msg} at {where}"
        raise InvalidRequest(f"the request body is not valid JSON: {hint}") from None
    except RecursionError:
        raise _too_deep(max_depth) from None
    if _deeper(value, max_depth):
        raise _too_deep(max_depth)
    if _SURROGATE.search(body):
        _whole_characters(body)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise InvalidRequest(
                    f"the key {key!r} stands twice in one object; send it once", param=key
                )
            seen.add(key)
    return found


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


def _no_constant(word: str) -> NoReturn:
    raise InvalidRequest(f"the request body is not valid JSON: {word} is not a JSON number")


def _deeper(value: Any, limit: int) -> bool:
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


def _whole_characters(body: bytes) -> None:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        raise InvalidRequest(
            "the request body holds half of a surrogate pair (such as \\ud83d alone); "
            "send whole characters"
        ) from None


def _too_deep(limit: int) -> InvalidRequest:
    return InvalidRequest(f"the request body is nested more than {limit} levels deep; flatten it")
