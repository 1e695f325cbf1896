"""`stack new provider`: a package that works, to be made into another one."""

from __future__ import annotations

import keyword
import re
import shlex
from importlib import resources, util
from importlib.metadata import version
from pathlib import Path
from string import Template

from ....canon.errors import ConfigError
from ....runtime.plugins import Plugins

NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
FILES = {  # templates, and what their files are called
    "README.md": "README.md",
    "pyproject.toml": "pyproject.toml",
    "module.py": "$module.py",
    "test.py": "test_$module.py",
    "distribution.yaml": "$module.yaml",
}


def provider(name: str, into: Path, plugins: Plugins) -> str:
    """Write the package, and tell what to do with it; raises `ConfigError` and writes nothing."""
    module = _module(name, plugins)
    folder = into / name
    if not into.is_dir():
        raise ConfigError(f"--into: {into} is no folder; make it first")
    if folder.exists():
        raise ConfigError(f"{folder} exists already; choose another name, or remove it")
    values = {
        "name": name,
        "module": module,
        "title": "".join(word.capitalize() for word in module.split("_")),
        "folder": name,
        "version": ".".join(version("polystack").split(".")[:2]),
    }
    written = {
        Template(file).substitute(values): Template(_template(kind)).substitute(values)
        for kind, file in FILES.items()
    }
    folder.mkdir()
    for file, text in written.items():
        (folder / file).write_text(text, "utf-8")
    return _next(folder, module, sorted(written))


def _module(name: str, plugins: Plugins) -> str:
    """The name of its module; raises `ConfigError` for one that could not be used."""
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} is no name for a provider; it is made of lower-case letters, digits and "
            "hyphens, and begins with a letter (as in my-provider)"
        )
    module = name.replace("-", "_")
    for plugin in plugins.list("provider"):
        if plugin.type == name:
            raise ConfigError(
                f"a provider {name!r} is installed already, from {plugin.package} "
                f"{plugin.version}; choose another name"
            )
    if keyword.iskeyword(module) or util.find_spec(module) is not None:
        raise ConfigError(
            f"{module!r} means something to Python already; choose another name, as my-{name}"
        )
    return module


def _template(kind: str) -> str:
    return resources.files(__package__).joinpath(f"provider/{kind}.template").read_text("utf-8")


def _next(folder: Path, module: str, files: list[str]) -> str:
    place = str(folder) if folder.is_absolute() else f"./{folder}"
    return "\n".join(
        [
            f"wrote {folder}: {', '.join(files)}",
            "",
            f"  pip install {shlex.quote(place + '[test]')}",
            f"  pytest {shlex.quote(str(folder))}",
            f"  stack run {shlex.quote(str(folder / f'{module}.yaml'))}",
        ]
    )
