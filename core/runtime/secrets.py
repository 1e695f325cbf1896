"""What must not be shown: values under names of secrets, values from the environment."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from .yaml_source import Path

MASK = "**********"  # as pydantic writes a SecretStr

_SECRET_NAME = re.compile(
    r"(?:^|[-_.]|(?-i:(?<=[a-z])(?=[A-Z])))"
    r"(?:api_?keys?|keys?|tokens?|secrets?|passw(?:or)?d|passphrase|credentials?|auth"
    r"|authorization|cookies?)$",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"(://)[^/@\s]+@")


def names_secret(piece: str | int) -> bool:
    return isinstance(piece, str) and _SECRET_NAME.search(piece) is not None


def mask(value: Any, hidden: Collection[Path], path: Path = (), secret: bool = False) -> Any:
    """A JSON value without its secrets; `hidden` are the paths of more of them."""
    secret = secret or path in hidden or (bool(path) and names_secret(path[-1]))
    match value:
        case dict():
            return {k: mask(child, hidden, (*path, k), secret) for k, child in value.items()}
        case list():
            return [mask(child, hidden, (*path, i), secret) for i, child in enumerate(value)]
        case str() if secret and value:
            return MASK
        case str():
            return _USERINFO.sub(rf"\1{MASK}@", value)
        case _:
            return MASK if path in hidden else value
