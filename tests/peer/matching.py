"""Whether a document shows what was expected, and where it does not.

Of an object the fields that are expected are looked at, and null means that nothing is told; of a
list every item. Where a value cannot be known, a word stands for it: `$any` for some text, `$seal`
for a seal, `$json` (in an object of its own) for text that holds this JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def differences(expected: Any, actual: Any, at: str = "") -> list[str]:
    return list(_differences(expected, actual, at))


def _differences(expected: Any, actual: Any, at: str) -> Iterator[str]:
    match expected:
        case {"$json": inner}:
            parsed = json.loads(actual) if isinstance(actual, str) else None
            yield from _exactly(inner, parsed, at)
        case dict() if isinstance(actual, dict):
            for name, value in expected.items():
                yield from _differences(value, actual.get(name), f"{at}.{name}" if at else name)
        case list() if isinstance(actual, list) and len(actual) == len(expected):
            for index, (value, item) in enumerate(zip(expected, actual, strict=True)):
                yield from _differences(value, item, f"{at}.{index}")
        case "$any":
            if not (isinstance(actual, str) and actual):
                yield f"{at} is {actual!r} and no text"
        case "$seal":
            if not (isinstance(actual, str) and actual.startswith("pst1.")):
                yield f"{at} is {actual!r} and no seal"
        case _:
            yield from _exactly(expected, actual, at)


def _exactly(expected: Any, actual: Any, at: str) -> Iterator[str]:
    if actual != expected or type(actual) is not type(expected):
        yield f"{at} is {actual!r} and not {expected!r}"
