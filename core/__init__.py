"""polystack's public names; importing them loads no server, no engine and no SDK."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .canon import errors, ir
    from .canon.collect import collect, play
    from .canon.errors import ConfigError, StackError
    from .contract.api import Api, Context, Encoder, Operation, Rendered
    from .contract.client import Address, Client, Recipe
    from .contract.hookspecs import hookimpl
    from .contract.losses import Ledger, Loss
    from .contract.provider import Model, Prepared, Provider, Residence, TokenCount
    from .contract.store import Store
    from .faces.library import Stack
    from .runtime.distribution import Distribution, ModelEntry, ProviderEntry

__all__ = [
    "Stack",
    "Distribution",
    "ProviderEntry",
    "ModelEntry",
    "Provider",
    "Model",
    "Prepared",
    "TokenCount",
    "Residence",
    "Api",
    "Context",
    "Encoder",
    "Operation",
    "Rendered",
    "Store",
    "Client",
    "Recipe",
    "Address",
    "Ledger",
    "Loss",
    "hookimpl",
    "ir",
    "errors",
    "collect",
    "play",
    "ConfigError",
    "StackError",
]

_HOMES = {
    "Stack": "faces.library",
    "Distribution": "runtime.distribution",
    "ProviderEntry": "runtime.distribution",
    "ModelEntry": "runtime.distribution",
    "Provider": "contract.provider",
    "Model": "contract.provider",
    "Prepared": "contract.provider",
    "TokenCount": "contract.provider",
    "Residence": "contract.provider",
    "Api": "contract.api",
    "Context": "contract.api",
    "Encoder": "contract.api",
    "Operation": "contract.api",
    "Rendered": "contract.api",
    "Store": "contract.store",
    "Client": "contract.client",
    "Recipe": "contract.client",
    "Address": "contract.client",
    "Ledger": "contract.losses",
    "Loss": "contract.losses",
    "hookimpl": "contract.hookspecs",
    "collect": "canon.collect",
    "play": "canon.collect",
    "ConfigError": "canon.errors",
    "StackError": "canon.errors",
}
_MODULES = {"ir": "canon.ir", "errors": "canon.errors"}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f".{_MODULES[name]}", __name__)
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
