"""OpenAI Responses: the plugin that registers it; the codec itself is loaded when that happens."""

from __future__ import annotations

from collections.abc import Callable

from ...core.contract.api import Api
from ...core.contract.hookspecs import hookimpl


@hookimpl
def register_apis(register: Callable[[Api], None]) -> None:
    from .api import Responses

    register(Responses())
