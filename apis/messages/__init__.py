"""Anthropic Messages, as a server speaks it and as a client of an upstream does.

`schema` and `request` read a client's document, `encoder` and `response` answer it, `errors`
refuses it; `outbound`, `decoder` and `errors` are the client's side. `vocabulary` holds the
tables that both directions share.
"""

from __future__ import annotations

from collections.abc import Callable

from ...core.contract.api import Api
from ...core.contract.hookspecs import hookimpl


@hookimpl
def register_apis(register: Callable[[Api], None]) -> None:
    from .api import Messages

    register(Messages())
