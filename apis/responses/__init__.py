"""OpenAI Responses, as a server speaks it and as a client of an upstream does.

Source of the wire format: the types of the official `openai` Python SDK and the Open Responses
specification (https://www.openresponses.org).
"""

from __future__ import annotations

from collections.abc import Callable

from ...core.contract.api import Api
from ...core.contract.hookspecs import hookimpl


@hookimpl
def register_apis(register: Callable[[Api], None]) -> None:
    from .api import Responses

    register(Responses())
