"""Ollama's own API, as a server speaks it and as a client of an upstream does.

Source of the wire format: the types of the official `ollama` Python package, and for what they
leave out Ollama's documentation. Streams are lines of JSON, and streaming is what a client gets
that says nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from ...core.contract.api import Api
from ...core.contract.hookspecs import hookimpl


@hookimpl
def register_apis(register: Callable[[Api], None]) -> None:
    from .api import Ollama

    register(Ollama())
