"""The official SDKs' clients of a Stack in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ...canon.errors import ConfigError
from ...runtime.front import Front
from .thread import LoopThread

if TYPE_CHECKING:
    import anthropic
    import openai

# Shown in the clients' errors; nothing listens there.
URL = "http://in-process"
# The SDK refuses it, and shows it, where a program opens a WebSocket.
NO_WEBSOCKET = "in-process://this-stack-has-no-websocket,serve-it-with-stack-run"
KEY = "in-process"  # where the stack asks for none


Check = Callable[[], None]


def async_openai(front: Front, check: Check, options: dict[str, Any]) -> openai.AsyncOpenAI:
    with needed():
        import openai
    ours = _asynchronous(front, check, f"{URL}/v1") | {"websocket_base_url": NO_WEBSOCKET}
    return openai.AsyncOpenAI(**_options(ours, options))


def async_anthropic(
    front: Front, check: Check, options: dict[str, Any]
) -> anthropic.AsyncAnthropic:
    with needed():
        import anthropic
    return anthropic.AsyncAnthropic(**_options(_asynchronous(front, check, URL), options))


def blocking_openai(front: Front, thread: LoopThread, options: dict[str, Any]) -> openai.OpenAI:
    with needed():
        import openai
    ours = _blocking(front, thread, f"{URL}/v1") | {"websocket_base_url": NO_WEBSOCKET}
    return openai.OpenAI(**_options(ours, options))


def blocking_anthropic(
    front: Front, thread: LoopThread, options: dict[str, Any]
) -> anthropic.Anthropic:
    with needed():
        import anthropic
    return anthropic.Anthropic(**_options(_blocking(front, thread, URL), options))


def _options(ours: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    for name in ("base_url", "http_client"):
        if name in given:
            raise TypeError(f"{name} is what binds the client to its stack; leave it out")
    return ours | given


def _asynchronous(front: Front, check: Check, url: str) -> dict[str, Any]:
    import httpx2

    from .transport import Transport

    client = httpx2.AsyncClient(transport=Transport(front, check), trust_env=False)
    return {"base_url": url, "api_key": front.key or KEY, "http_client": client}


def _blocking(front: Front, thread: LoopThread, url: str) -> dict[str, Any]:
    import httpx2

    from .transport import BlockingTransport

    client = httpx2.Client(transport=BlockingTransport(front, thread), trust_env=False)
    return {"base_url": url, "api_key": front.key or KEY, "http_client": client}


@contextmanager
def needed() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the package {error.name} is not installed; run: pip install 'polystack[sdk]'"
        ) from None
