"""`stack list`: plugins by their metadata, with a summary that is read and not imported."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Sequence
from importlib import metadata
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TYPE_CHECKING

from ...canon.errors import ConfigError

if TYPE_CHECKING:
    from ...runtime.installed import Plugin
    from ...runtime.plugins import Plugins

COLUMNS = ("name", "package", "version", "summary")


def rows(plugins: Plugins, kind: str) -> list[dict[str, str]]:
    return [
        {
            "name": plugin.type,
            "package": plugin.package,
            "version": plugin.version,
            "summary": summary(plugin),
        }
        for plugin in plugins.list(kind)
    ]


def table(rows: Sequence[dict[str, str]], columns: Sequence[str] = COLUMNS) -> str:
    lines = [[column.upper() for column in columns]]
    lines += [[row[column] for column in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def summary(plugin: Plugin) -> str:
    """A template's description where it lies beside its module; the module's; the package's."""
    try:
        spec = _spec(plugin.value.partition(":")[0].strip())
        lines = [_description(spec, plugin), _first_line(spec)]
    except Exception:  # whatever is wrong with a plugin, it is still listed
        lines = []
    return next(filter(None, lines), "") or _package_summary(plugin.package)


def _spec(module: str) -> ModuleSpec:
    """Where a module lies, found without importing the packages around it."""
    path: Iterable[str] | None = None
    spec = None
    pieces = module.split(".")
    for end in range(1, len(pieces) + 1):
        spec = _find(".".join(pieces[:end]), path)
        path = spec.submodule_search_locations
    if spec is None:
        raise ModuleNotFoundError(module)
    return spec


def _find(name: str, path: Iterable[str] | None) -> ModuleSpec:
    for finder in sys.meta_path:
        spec = finder.find_spec(name, None if path is None else list(path))
        if spec is not None:
            return spec
    raise ModuleNotFoundError(name)


def _first_line(spec: ModuleSpec) -> str:
    if not spec.origin:
        return ""
    doc = ast.get_docstring(ast.parse(Path(spec.origin).read_bytes()))
    return doc.splitlines()[0] if doc else ""


def _description(spec: ModuleSpec, plugin: Plugin) -> str:
    from ...runtime.yaml_source import parse

    template = Path(spec.origin or "").parent / f"{plugin.type}.yaml"
    if plugin.kind != "distribution" or not template.is_file():
        return ""
    try:
        node = parse(template.read_text("utf-8"), str(template)).child("description")
    except ConfigError:
        return ""
    return str(node.value) if node else ""


def _package_summary(package: str) -> str:
    try:
        return metadata.metadata(package)["Summary"] or ""
    except (metadata.PackageNotFoundError, KeyError):
        return ""
