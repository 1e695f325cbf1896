"""OpenAI Chat Completions, as a server speaks it and as a client of an upstream does.

Source of the wire format: the types of the official `openai` Python SDK. Beyond them it takes and
gives what the servers of open models agreed on, such as `reasoning_content` and `top_k`.
"""

from __future__ import annotations

from collections.abc import Callable

from ...core.contract.api import Api
from ...core.contract.hookspecs import hookimpl


@hookimpl
def register_apis(register: Callable[[Api], None]) -> None:
    from .api import Chat

    register(Chat())
