"""What must stay true of the tree itself: the package list, the floors, the public names."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("apis", "core", "distributions", "providers")

# A package, and the packages it may import from; its own is always among them. The longest
# matching name decides. `docs/architecture.md` tells why.
FLOORS: dict[str, tuple[str, ...]] = {
    "core": ("core.canon", "core.contract", "core.runtime.distribution", "core.faces.library"),
    "core.canon": (),
    "core.contract": ("core.canon",),
    "apis": ("core.canon", "core.contract"),
    "apis.messages": ("core.canon", "core.contract", "apis"),
    "apis.responses": ("core.canon", "core.contract", "apis"),
    "apis.chat": ("core.canon", "core.contract", "apis"),
    "apis.ollama": ("core.canon", "core.contract", "apis"),
    "providers": (),
    "providers.local": (
        "core.canon",
        "core.contract",
        "providers.local.constraints",
        "providers.local.formats",
        "providers.local.isolation",
    ),
    "providers.local.constraints": (
        "core.canon",
        "core.contract",
        "providers.local",
        "providers.local.formats",
    ),
    "providers.local.formats": ("core.canon",),
    "providers.local.isolation": ("core.canon", "core.contract", "providers.local"),
    "providers.llamacpp": (
        "core.canon",
        "core.contract",
        "providers.local",
        "providers.local.constraints",
    ),
    "providers.mlx": (
        "core.canon",
        "core.contract",
        "providers.local",
        "providers.local.constraints",
    ),
    "providers.scripted": ("core.canon", "core.contract"),
    "providers.remote": (
        "core.canon",
        "core.contract",
        "apis",
        "apis.messages",
        "apis.responses",
        "apis.chat",
    ),
    "distributions": ("core.contract",),
    "core.runtime": ("core.canon", "core.contract"),
    "core.executors": ("core.canon", "core.contract"),
    "core.stores": ("core.canon", "core.contract"),
    "core.stores.sql": ("core.canon", "core.contract", "core.stores", "core.stores.sql.migrations"),
    "core.stores.sql.migrations": ("core.stores.sql",),
    "core.testing": ("core.canon", "core.contract", "core.runtime"),
    "core.faces": ("core.canon", "core.contract", "core.runtime"),
    "core.faces.server": ("core.canon", "core.contract", "core.runtime"),
    "core.faces.library": ("core.canon", "core.contract", "core.runtime"),
    "core.faces.cli": (
        "core.canon",
        "core.contract",
        "core.runtime",
        "core.faces.server",
        "core.faces.library",
    ),
}
PURE = ("apis", "core.canon", "core.contract")
IMPURE = {"asyncio", "socket", "time", "uuid", "random", "secrets", "threading", "os", "aiohttp"}
WEB = {"starlette", "uvicorn", "aiohttp", "httptools", "uvloop"}
CLIENTS = {"aiohttp", "httptools"}  # what the transports of remote providers are made of


def modules() -> Iterator[tuple[str, Path]]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name.removesuffix(".__init__"), path


MODULES = dict(modules())


def imported(name: str, path: Path) -> Iterator[str]:
    """What a module imports: `core.canon.ir` for our own, `orjson` for anybody else's."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            prefix = [*base, *(node.module or "").split(".")] if node.module else base
            for alias in node.names:
                yield ".".join([*prefix, alias.name])


def nearest(name: str, places: Iterable[str]) -> str:
    """The innermost of some places that a module stands in."""
    return max((p for p in places if name == p or name.startswith(p + ".")), key=len)


def ours(name: str) -> bool:
    return name.split(".")[0] in FOLDERS


def test_every_package_is_listed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = project["tool"]["setuptools"]["packages"]
    found = [p.parent.relative_to(ROOT) for r in FOLDERS for p in (ROOT / r).rglob("__init__.py")]
    assert sorted(listed) == sorted("polystack." + ".".join(p.parts) for p in found)


def test_the_top_level_holds_what_the_house_plan_names_and_nothing_else() -> None:
    named = {"core", "providers", "apis", "distributions", "tests", "scripts", "docs"}
    named |= {"pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"}
    built = {"build", "dist", "polystack.egg-info"}
    found = {p.name for p in ROOT.iterdir() if not p.name.startswith(".")}
    assert found - built == named


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_down_the_floors(name: str) -> None:
    home = nearest(name, FLOORS)
    allowed = {home, *FLOORS[home]}
    for target in filter(ours, imported(name, MODULES[name])):
        place = nearest(target, {*FLOORS, *allowed})
        assert place in allowed, f"{name} (in {home}) may not import {target}"


@pytest.mark.parametrize("name", [n for n in MODULES if n.startswith(PURE)])
def test_protocols_and_the_canonical_model_do_no_io(name: str) -> None:
    roots = {target.split(".")[0] for target in imported(name, MODULES[name])}
    assert not roots & IMPURE


@pytest.mark.parametrize("name", [n for n in MODULES if not n.startswith("core.faces")])
def test_only_the_faces_know_the_web_framework(name: str) -> None:
    roots = {target.split(".")[0] for target in imported(name, MODULES[name])}
    assert not roots & (WEB - CLIENTS if name.startswith("providers.remote.transport.") else WEB)


# Builtin stores and executors are plugins that live in core; the floors let nobody import one.
@pytest.mark.parametrize(
    "name",
    [
        n
        for n in MODULES
        if n.startswith("core") and not n.startswith(("core.stores.", "core.executors."))
    ],
)
def test_core_names_no_plugin(name: str) -> None:
    plugins = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    types = {entry.split(".")[1] for entry in plugins["polystack"]} - {"starter"}
    tree = ast.parse(MODULES[name].read_text())
    documented = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in documented:
            assert node.value not in types, f"{name} names {node.value!r}"


def test_every_public_name_can_be_imported() -> None:
    import polystack.core as public

    for name in public.__all__:
        assert getattr(public, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        public.Nothing  # noqa: B018
