"""What a child logs, logged by its parent, under the same names and at the same levels."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from .link import Link


class Teller(logging.Handler):
    """Records as messages; the parent decides what becomes of them."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link
        self._loop = asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        told = "log", record.name, record.levelno, self.format(record)
        with suppress(RuntimeError):  # the loop is over
            self._loop.call_soon_threadsafe(lambda: self._link.send(*told))


def tell(link: Link, level: int) -> None:
    """From now on this process logs nothing itself."""
    logging.basicConfig(level=level, handlers=[Teller(link)], force=True)


def level() -> int:
    """From where on a child's records are of use here."""
    return logging.getLogger("polystack").getEffectiveLevel()


def repeat(name: str, level: int, text: str) -> None:
    logging.getLogger(name).log(level, "%s", text)
