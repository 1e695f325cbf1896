"""The provider `mlx`: MLX models in this process, through mlx-lm.

Importing this package imports no engine: that happens when a provider starts.
"""

from __future__ import annotations

from collections.abc import Callable

from ...core.contract.hookspecs import hookimpl
from ...core.contract.provider import Provider
from .config import Config
from .provider import Mlx

__all__ = ["Config", "Mlx"]


@hookimpl
def register_providers(register: Callable[[type[Provider]], None]) -> None:
    register(Mlx)
