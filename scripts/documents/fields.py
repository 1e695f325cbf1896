"""The keys that a pydantic model asks for, in the words of those who write YAML.

What a key is for is its `description`, or else the string below it, read from the source: asking
pydantic to keep those strings would cost everybody's start-up.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel, ByteSize, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

# What stands for the keys of a mapping whose keys are names, by what it holds.
NAMES = {"providers": "NAME", "models": "NAME", "aliases": "NAME", "headers": "HEADER"}
UNITS = {"Seconds": "seconds"}  # by the alias of an annotation
WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    SecretStr: "secret text",
    ByteSize: "size, as in `32MiB`",
    Path: "path",
    Any: "anything",
}
LIMITS: tuple[tuple[type, str, str], ...] = (
    (Gt, "gt", "above"),
    (Ge, "ge", "at least"),
    (Lt, "lt", "below"),
    (Le, "le", "at most"),
)


@dataclass(frozen=True, slots=True)
class Key:
    """One row: `timeouts.connect`, what may stand there, what stands there by itself."""

    path: str
    type: str
    default: str
    about: str


def keys(model: type[BaseModel], given: BaseModel | None = None, prefix: str = "") -> Iterator[Key]:
    """Every key below a model; `given` is an instance whose values are the defaults."""
    for name, field in model.model_fields.items():
        path = prefix + (field.alias or name)
        default = _default(field) if given is None else getattr(given, name)
        inner, many = _model_in(field.annotation)
        about = _about(model, name)
        if inner is None:
            yield Key(path, _kind(model, name, default), _shown(default), _sentence(about, path))
            continue
        yield Key(path, "mapping", "", _sentence(about or summary(inner), path))
        if many:
            yield from keys(inner, None, f"{path}.{NAMES.get(name, 'NAME')}.")
        else:
            yield from keys(inner, default if isinstance(default, inner) else None, f"{path}.")


def _about(model: type[BaseModel], name: str) -> str:
    """What a field is for; a class made at runtime leaves that to the class it is made from."""
    for cls in model.__mro__:
        field = getattr(cls, "model_fields", {}).get(name)
        if field is not None and field.description:
            return str(field.description)
    return _docstrings(model).get(name, "")


def _sentence(text: str, path: str) -> str:
    if not text:
        raise SystemExit(f"docs: {path} has no description; write one below the field")
    return text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")


def summary(model: type[BaseModel]) -> str:
    """The first sentence or line of a class's own docstring."""
    said = inspect.cleandoc(model.__dict__.get("__doc__") or "").partition("\n\n")[0]
    return " ".join(said.split())


# Types -------------------------------------------------------------------------------------------


def _model_in(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The model of a section, and whether it is that of each entry of a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    if get_origin(annotation) is dict:
        inner, _ = _model_in(get_args(annotation)[1])
        return inner, True
    if get_origin(annotation) in (Union, UnionType):
        found = [_model_in(each) for each in get_args(annotation) if each is not NoneType]
        return found[0] if len(found) == 1 else (None, False)
    return None, False


def _kind(model: type[BaseModel], name: str, default: Any) -> str:
    field = model.model_fields[name]
    source = _annotations(model).get(name, "")
    unit = next((unit for alias, unit in UNITS.items() if alias in source), None)
    words = unit or _type(field.annotation)
    if default is not None and NoneType in get_args(field.annotation):
        words += " or null"
    limits = _limits([*field.metadata, *_metadata(field.annotation)])
    return ", ".join(filter(None, [words, limits]))


def _type(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(inner[0])
    if origin in (Union, UnionType):
        return " or ".join(_type(each) for each in inner if each is not NoneType)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin is list:
        return f"list of {_type(inner[0])}"
    if origin is dict:
        return f"mapping to {_type(inner[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mapping"
    return WORDS[annotation]


def _metadata(annotation: Any) -> Iterator[Any]:
    """What is annotated at an optional value itself, and not at the items of a list."""
    if get_origin(annotation) in (Union, UnionType):
        for each in get_args(annotation):
            if get_origin(each) is Annotated:
                yield from _unpacked(get_args(each)[1:])


def _unpacked(metadata: Any) -> Iterator[Any]:
    for each in metadata:
        yield from each.metadata if isinstance(each, FieldInfo) else [each]


def _limits(metadata: list[Any]) -> str:
    found = {
        words: f"{getattr(each, attribute):,}"
        for kind, attribute, words in LIMITS
        for each in metadata
        if isinstance(each, kind)
    }
    if {"at least", "at most"} <= found.keys():
        return f"{found['at least']} to {found['at most']}"
    said = [f"{words} {limit}" for words, limit in found.items()]
    if any(isinstance(each, MinLen) for each in metadata):
        said.append("not empty")
    return ", ".join(said)


def _default(field: FieldInfo) -> Any:
    if field.is_required():
        return PydanticUndefined
    return field.get_default(call_default_factory=True)


def _shown(value: Any) -> str:
    match value:
        case _ if value is PydanticUndefined:
            return "required"
        case None:
            return "–"
        case bool():
            return str(value).lower()
        case ByteSize():
            return value.human_readable(separator="").replace(".0", "")
        case float() if value.is_integer():
            return f"{int(value):,}"
        case int():
            return f"{value:,}" if abs(value) > 9_999 else str(value)
        case str() | Path():
            return f"`{value}`" if str(value) else "empty"
        case list() | dict():
            return ", ".join(f"`{item}`" for item in value) or "empty"
    return str(value)


# What only the source tells ----------------------------------------------------------------------


@cache
def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    found: dict[str, str] = {}
    for body in _bodies(model):
        for node, after in pairwise(body):
            match node, after:
                case (
                    ast.AnnAssign(target=ast.Name(name)),
                    ast.Expr(ast.Constant(str() as text)),
                ):
                    found[name] = " ".join(inspect.cleandoc(text).split())
    return found


@cache
def _annotations(model: type[BaseModel]) -> dict[str, str]:
    """The annotations as they are written: an alias such as `Seconds` tells the unit."""
    return {
        node.target.id: ast.unparse(node.annotation)
        for body in _bodies(model)
        for node in body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def _bodies(model: type[BaseModel]) -> Iterator[list[ast.stmt]]:
    """The bodies of a model's classes, the nearest last; a class made at runtime has none."""
    for cls in reversed(model.__mro__):
        if not issubclass(cls, BaseModel) or cls is BaseModel:
            continue
        try:
            tree = ast.parse(dedent(inspect.getsource(cls)))
        except (OSError, TypeError):
            continue
        if isinstance(tree.body[0], ast.ClassDef):
            yield tree.body[0].body
