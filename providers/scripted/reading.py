"""A script from its YAML file; whatever is wrong with it is a `ConfigError` that names the file."""

from __future__ import annotations

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
        fault = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(piece) for piece in fault["loc"]) or "the script"
        what = fault["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{path}: {where}: {what[:1].lower()}{what[1:]}") from None


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
        place = f":{mark.line + 1}:{mark.column + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "not YAML in UTF-8"
        raise ConfigError(f"{path}{place}: {problem}") from None
