"""The JSON of an upstream, read with care: a field of the wrong type is a failure that names it.

Null and absent are the same: an empty object, list or text, and else None.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.canon.errors import UpstreamError

Fields = Mapping[str, Any]


def fields(value: object, name: str) -> Fields:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong(name, "an object")
    return value


def objects(value: object, name: str) -> list[Fields]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _wrong(name, "a list of objects")
    return value


def word(value: object, name: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise _wrong(name, "a string")
    return value


def text(value: object, name: str) -> str:
    return word(value, name) or ""


def count(value: object, name: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _wrong(name, "a count")
    return value


def number(value: object, name: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong(name, "a number")
    return float(value)


def octets(value: object, name: str) -> bytes | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(type(b) is int and 0 <= b < 256 for b in value):
        raise _wrong(name, "a list of bytes")
    return bytes(value)


def _wrong(name: str, kind: str) -> UpstreamError:
    return UpstreamError(f"the upstream sent {name} that is not {kind}")
