"""What is wrong with a distribution, as one line: `PATH:LINE:COLUMN: dotted.key: problem`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ..canon.errors import ConfigError
from .secrets import MASK, names_secret
from .spelling import choices
from .yaml_source import Node, Path, Place

_BARE = re.compile(r"[A-Za-z0-9_/*-]+")
_WORDS = {
    "missing": "is missing; add it",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "byte_size": "must be a size such as 32MiB",
    "byte_size_unit": "must be a size such as 32MiB",
}
_REWORDED = (
    (re.compile(r"^(Value error|Assertion failed), "), ""),
    (re.compile(r"^(Input|String|Value|List|Dictionary) should "), "must "),
    (re.compile(r" after validation, not \d+$"), ""),
)

Ranked: TypeAlias = tuple[tuple[bool, int, int], ConfigError]


def dotted(path: Path) -> str:
    """A path as `--set` takes it: `aliases."gpt-4.1"`."""
    pieces = (str(piece)[:80] for piece in path)
    return ".".join(p if _BARE.fullmatch(p) else '"' + _printable(p) + '"' for p in pieces)


def fault(node: Node, path: Path, problem: str) -> ConfigError:
    """An error about one node."""
    return _error(node.place, path, problem)


def fault_at(tree: Node, path: Path, problem: str) -> ConfigError:
    """An error about what lies at a path of the tree, or about the place where it should be."""
    return _error(_place(tree, path), path, _redacted(problem, tree))


def shown(tree: Node, path: Path) -> str:
    """A value as an error may show it: as it was written, short, and no secret."""
    node = tree.at(path)
    if node is None:
        return "nothing"
    match node.value:
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case _ if any(map(names_secret, path)):
            return MASK
        case value:
            words = {None: "nothing", True: "true", False: "false"}
            known = isinstance(value, bool | None)
            text = words[value] if known else repr(node.written or value)
            return text if len(text) <= 60 else text[:59] + "…"


def validate(schema: type[BaseModel], tree: Node, prefix: Path = ()) -> Any:
    """What lies at the path, as a typed model; raises the first of its faults."""
    node = tree.at(prefix)
    try:
        return schema.model_validate({} if node is None else node.plain())
    except ValidationError as error:
        said = error.errors(include_url=False, include_context=False)
        faults = [_read(tree, prefix, schema, complaint) for complaint in said]
        raise min(faults, key=lambda fault: fault[0])[1] from None
    except Exception as error:  # a third party's validator may raise anything
        problem = f"{type(error).__name__}: {error}"
        raise fault_at(tree, prefix, problem) from error


def _read(tree: Node, prefix: Path, schema: type[BaseModel], said: ErrorDetails) -> Ranked:
    """One of pydantic's complaints in the words of who wrote the file, and its rank."""
    loc, of_key = said["loc"], said["type"] == "extra_forbidden"
    if loc[-1:] == ("[key]",):
        loc, of_key = loc[:-1], True
    loc = _without_members(tree.at(prefix) or tree, loc, keep_last=said["type"] == "missing")
    path = (*prefix, *loc)
    place = _place(tree, path, of_key=of_key)
    unknown = said["type"] == "extra_forbidden"
    problem = _unknown_key(schema, loc) if unknown else _problem(tree, path, said, of_key)
    # A misspelt key is also a missing one: the typo is the better explanation.
    rank = (not unknown, place.line or 0, place.column or 0)
    return rank, _error(place, path, _redacted(problem, tree))


def _problem(tree: Node, path: Path, said: ErrorDetails, of_key: bool) -> str:
    kind, message = said["type"], said["msg"]
    for pattern, words in _REWORDED:
        message = pattern.sub(words, message)
    words = _WORDS.get(kind, message)
    node = tree.at(path)
    if kind == "missing" or node is None:
        return words
    if of_key:
        return f"as a name, {words}"
    own_words = kind in ("value_error", "assertion_error")
    if own_words or (isinstance(node.value, dict | list) and kind not in _WORDS):
        return words
    number = isinstance(node.value, int | float) and not isinstance(node.value, bool)
    remedy = "; put it in quotes" if kind == "string_type" and number else ""
    return f"{words}, not {shown(tree, path)}{remedy}"


def _unknown_key(schema: type[BaseModel], loc: Path) -> str:
    known = _fields(schema, loc[:-1])
    return f"is not a known key; {choices(str(loc[-1]), known, 'known')}"


def _fields(schema: type[BaseModel], loc: Path) -> Iterator[str]:
    """The keys that a schema allows at a location within it."""
    models: list[type[BaseModel]] = [schema]
    for piece in loc:
        fields = [model.model_fields[str(piece)] for model in models if piece in model.model_fields]
        if fields:  # else the piece is a name or an index within a collection
            models = [m for found in fields for m in _models_in(found.annotation)]
    for model in models:
        yield from (f.alias or name for name, f in model.model_fields.items())


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]


def _without_members(node: Node, loc: Sequence[int | str], keep_last: bool) -> Path:
    """A pydantic location without the names of union members, which nobody wrote."""
    path: list[int | str] = []
    here: Node | None = node
    for i, piece in enumerate(loc):
        child = here.child(piece) if here else None
        if child is not None:
            here = child
        elif not (keep_last and i == len(loc) - 1):
            continue
        path.append(piece)
    return tuple(path)


def _place(tree: Node, path: Path, *, of_key: bool = False) -> Place:
    """Of a value, or of the innermost thing around it that was written; blocks by their key."""
    for end in range(len(path), 0, -1):
        node, parent = tree.at(path[:end]), tree.at(path[: end - 1])
        if node and parent:
            by_key = of_key or isinstance(node.value, dict | list)
            return parent.keys.get(str(path[end - 1]), node.place) if by_key else node.place
    return tree.place


def _error(place: Place, path: Path, problem: str) -> ConfigError:
    where = f"{place}: {dotted(path)}: " if path else f"{place}: "
    return ConfigError(where + _printable(problem))


def _redacted(problem: str, tree: Node) -> str:
    """A validator's message may quote its input; secrets, and what the environment gave, go."""
    secrets = {
        str(node.value)
        for path, node in tree.walk()
        if node.secret or (isinstance(node.value, str) and any(map(names_secret, path)))
    }
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) > 3:
            problem = problem.replace(secret, MASK)
    return problem


def _printable(text: str) -> str:
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else "�" for c in line)
