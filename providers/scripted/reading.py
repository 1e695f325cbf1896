"""A script from its YAML file; what is wrong with it is a `ConfigError` that names its place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...core.canon.errors import ConfigError
from .script import Script


def read(path: Path) -> Script:
    document = _document(path)
    try:
        return Script.model_validate(document)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False)
    # Of a union's many complaints, the deepest is about the alternative that was meant.
    where, what = max(
        ((_path(fault["loc"], document), fault["msg"]) for fault in faults),
        key=lambda fault: len(fault[0]),
    )
    name = ".".join(str(piece) for piece in where) or "the script"
    what = what.removeprefix("Value error, ")
    raise ConfigError(f"{path}{_place(path, where)}: {name}: {what[:1].lower()}{what[1:]}")


def _document(path: Path) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply") from None
    except (YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not YAML in UTF-8"
        raise ConfigError(f"{path}{_shown(mark)}: {problem}") from None


def _path(loc: Sequence[int | str], document: Any) -> list[int | str]:
    """A pydantic location without the names of union members, which nobody wrote."""
    path: list[int | str] = []
    here = document
    for number, piece in enumerate(loc, 1):
        match here, piece:
            case (dict(), _) if piece in here:
                here = here[piece]
            case list(), int():
                here = here[piece]
            case dict(), str() if number == len(loc):
                pass  # the key that is missing
            case _:
                continue
        path.append(piece)
    return path


def _place(path: Path, where: Sequence[int | str]) -> str:
    """Line and column of a key or an item, or of the nearest one around it."""
    from ruamel.yaml import YAML

    node = YAML(typ="safe", pure=True).compose(path)
    mark = getattr(node, "start_mark", None)
    for piece in where:
        children = getattr(node, "value", None)
        match piece, children:
            case int(), list() if piece < len(children):
                node = children[piece]
                mark = node.start_mark
            case str(), list():
                for key, value in children:
                    if key.value == piece:
                        mark, node = key.start_mark, value
    return _shown(mark)


def _shown(mark: Any) -> str:
    return f":{mark.line + 1}:{mark.column + 1}" if mark is not None else ""
