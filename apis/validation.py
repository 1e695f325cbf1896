"""A wire document against its pydantic schema, with errors that name the client's own field."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ..core.canon.errors import InvalidRequest

ModelT = TypeVar("ModelT", bound=BaseModel)


def validate(schema: type[ModelT], document: object) -> ModelT:
    """The document as a typed model; raises `InvalidRequest` for its first fault."""
    if not isinstance(document, dict):
        raise InvalidRequest(
            f"the request body must be a JSON object, not {_name_of(document)}", param=None
        )
    try:
        return schema.model_validate(document)
    except ValidationError as error:
        raise _invalid(error, document) from None


def _invalid(error: ValidationError, document: object) -> InvalidRequest:
    # Of a union's many complaints, the deepest is about the alternative that was meant.
    faults = error.errors(include_url=False, include_context=False)
    fault = max(faults, key=lambda fault: len(path_of(fault["loc"], document)))
    path = path_of(fault["loc"], document)
    param = ".".join(str(piece) for piece in path)
    if fault["type"] == "missing":
        return InvalidRequest(f"{param}: field required", param=param)
    message = fault["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    return InvalidRequest(f"{param}: {message}, not {shown(fault['input'])}", param=param)


def path_of(loc: Iterable[int | str], document: Any) -> list[int | str]:
    """A pydantic location without the names of union members, which no client ever wrote."""
    path: list[int | str] = []
    here = document
    pieces = list(loc)
    for i, piece in enumerate(pieces):
        inside = piece in here if isinstance(here, dict) else _indexes(piece, here)
        if inside:
            here = here[piece]
        elif i < len(pieces) - 1 or not isinstance(here, dict):
            continue
        path.append(piece)
    return path


def _indexes(piece: int | str, here: object) -> bool:
    return isinstance(here, list) and isinstance(piece, int) and piece < len(here)


def shown(value: object, limit: int = 60) -> str:
    """A value as an error message may show it: short, and never a whole document."""
    if isinstance(value, dict | list):
        return _name_of(value)
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _name_of(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    names |= {int: "a number", float: "a number", type(None): "null"}
    return names.get(type(value), type(value).__name__)
