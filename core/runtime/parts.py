"""The start and the end of what a stack is made of: its store, executors and providers."""

from __future__ import annotations

import logging

from ..canon.errors import ConfigError, StackError
from ..contract.executor import Executor
from ..contract.provider import Provider
from ..contract.store import Store

logger = logging.getLogger("polystack")


async def started(name: str, part: Provider | Store | Executor) -> None:
    """Raises `StackError`, and `ConfigError` for what went wrong in a way nobody foresaw."""
    try:
        await part.start()
    except StackError:
        raise
    except Exception as error:
        logger.debug("%s failed to start", name, exc_info=True)
        reason = f"{type(error).__name__}: {error}"
        raise ConfigError(f"{name} failed to start: {reason}") from error


async def stopped(name: str, part: Provider | Store | Executor) -> None:
    """A part that fails to stop keeps no other from it."""
    try:
        await part.stop()
    except Exception:
        logger.exception("%s failed to stop", name)
