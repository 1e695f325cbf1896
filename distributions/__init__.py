"""Templates that assemble a stack, one YAML file each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..core.contract.hookspecs import hookimpl


@hookimpl
def register_distributions(register: Callable[[str, Path], None]) -> None:
    for path in sorted(Path(__file__).parent.glob("*.yaml")):
        register(path.stem, path)
