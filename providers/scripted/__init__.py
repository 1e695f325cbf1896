"""The provider `scripted`: answers from a YAML script, for demos and tests without a model."""

from __future__ import annotations

from collections.abc import Callable

from ...core.contract.hookspecs import hookimpl
from ...core.contract.provider import Provider


@hookimpl
def register_providers(register: Callable[[type[Provider]], None]) -> None:
    from .provider import Scripted

    register(Scripted)
