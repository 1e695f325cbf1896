"""Canonical values as JSON, and back: what passes between a stand-in and its engine's process.

Everything comes back as it was: tuples as tuples, bytes, lone surrogates, infinities, every class
of the error tree with all that it holds. It is no pickle: a process that a broken model file has
taken over can answer nonsense, and run nothing here.

Each JSON array begins with what it stands for: a letter, or the name of a class.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any, TypeAlias

from ....core.canon import ir
from ....core.canon.errors import StackError
from ....core.contract import provider
from ....core.contract.losses import Loss

JSON: TypeAlias = Any

_PLAIN = frozenset([str, int, float, bool, type(None)])
_CLASSES: dict[str, type[Any]] = {
    cls.__name__: cls
    for cls in [*vars(ir).values(), *vars(provider).values(), Loss]
    if isinstance(cls, type) and hasattr(cls, "__dataclass_fields__")
}
_FIELDS = {cls: tuple(field.name for field in fields(cls)) for cls in _CLASSES.values()}
_OWN = ("message", "param", "code", "retry_after", "retried")  # what every error has


def encode(value: object) -> bytes:
    """Raises `TypeError` for a value of a kind that is not the canonical model's."""
    return json.dumps(_packed(value), separators=(",", ":")).encode()


def decode(data: bytes | bytearray) -> Iterator[Any]:
    """The values in a JSON array of some that were encoded."""
    return map(_unpacked, json.loads(data))


def _packed(value: Any) -> JSON:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind in _FIELDS:
        return [kind.__name__, *(_packed(getattr(value, name)) for name in _FIELDS[kind])]
    for letter, base, items in _PACKERS:
        if isinstance(value, base):
            return [letter, *items(value)]
    raise TypeError(f"a {kind.__name__} has no place in a message")


def _pairs(value: Mapping[Any, Any]) -> Iterator[JSON]:
    for key, item in value.items():
        yield _packed(key)
        yield _packed(item)


def _error(error: StackError) -> Iterator[JSON]:
    # A class that only the other side knows becomes the nearest one that both know.
    yield [cls.__name__ for cls in type(error).__mro__ if issubclass(cls, StackError)]
    plain = (type(None), bool, int, float, str)
    held = {name: value for name, value in vars(error).items() if isinstance(value, plain)}
    yield from _pairs(held)


_Packer: TypeAlias = tuple[str, "type[Any] | tuple[type[Any], ...]", Callable[[Any], Any]]
_PACKERS: tuple[_Packer, ...] = (
    ("t", tuple, lambda value: map(_packed, value)),
    ("l", list, lambda value: map(_packed, value)),
    ("m", Mapping, _pairs),
    ("f", (frozenset, set), lambda value: map(_packed, value)),
    ("b", (bytes, bytearray), lambda value: [b64encode(value).decode()]),
    ("e", StackError, _error),
    ("v", (str, int, float), lambda value: [_plain(value)]),  # their subclasses
)


def _plain(value: Any) -> JSON:
    return next(base(value) for base in (str, int, float) if isinstance(value, base))


def _unpacked(value: JSON) -> Any:
    if type(value) is not list:
        return value
    kind, *items = value
    if (cls := _CLASSES.get(kind)) is not None:
        return cls(**dict(zip(_FIELDS[cls], map(_unpacked, items), strict=True)))
    return _UNPACKERS[kind](items)


def _mapping(items: list[JSON]) -> dict[Any, Any]:
    values = map(_unpacked, items)
    return dict(zip(values, values, strict=True))


def _raised(items: list[JSON]) -> StackError:
    names, *held = items
    known = {cls.__name__: cls for cls in _tree(StackError)}
    cls = next(known[name] for name in names if name in known)
    error = cls.__new__(cls)
    state = dict.fromkeys(_OWN) | _mapping(held)
    Exception.__init__(error, state["message"])
    vars(error).update(state)
    return error


def _tree(cls: type[StackError]) -> Iterator[type[StackError]]:
    yield cls
    for each in cls.__subclasses__():
        yield from _tree(each)


_UNPACKERS: dict[str, Callable[[list[JSON]], Any]] = {
    "t": lambda items: tuple(map(_unpacked, items)),
    "l": lambda items: list(map(_unpacked, items)),
    "m": _mapping,
    "f": lambda items: frozenset(map(_unpacked, items)),
    "b": lambda items: b64decode(items[0]),
    "e": _raised,
    "v": lambda items: items[0],
}
