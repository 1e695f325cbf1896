"""The provider `llamacpp`: GGUF models in this process, through llama.cpp.

Importing this package imports no engine: that happens when a provider starts.
"""

from __future__ import annotations

from collections.abc import Callable

from ...core.contract.hookspecs import hookimpl
from ...core.contract.provider import Provider
from .config import Config
from .provider import LlamaCpp

__all__ = ["Config", "LlamaCpp"]


@hookimpl
def register_providers(register: Callable[[type[Provider]], None]) -> None:
    register(LlamaCpp)
