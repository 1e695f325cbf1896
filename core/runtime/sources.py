"""The text of a distribution, by a template's name or by its path."""

from __future__ import annotations

from pathlib import Path

from ..canon.errors import ConfigError
from .plugins import Plugins
from .spelling import choices
from .yaml_source import BYTE_LIMIT, Node, parse


def locate(source: str | Path, plugins: Plugins, folder: Path = Path()) -> Path:
    """A file that exists in the folder comes before a template of the same name."""
    path = Path(source).expanduser()
    here = folder / path
    if isinstance(source, Path) or path.name != source or here.is_file():
        return here
    name = source.removesuffix(".yaml").removesuffix(".yml")
    templates = [plugin.type for plugin in plugins.list("distribution")]
    if name in templates:
        return plugins.distribution(name)
    raise ConfigError(
        f"{source}: no such file, and no template of this name; "
        f"{choices(name, templates, 'templates')}"
    )


def text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(BYTE_LIMIT + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    if len(data) > BYTE_LIMIT:
        raise ConfigError(f"{path}: larger than {BYTE_LIMIT >> 20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        raise ConfigError(f"{path}:{line}:{column}: not UTF-8; save it as UTF-8 text") from None


def mapping(text: str, path: Path) -> Node:
    """The tree of a distribution's text."""
    tree = parse(text, str(path))
    if not isinstance(tree.value, dict):
        raise ConfigError(f"{tree.place}: a distribution is a mapping; begin with `version: 1`")
    return tree
