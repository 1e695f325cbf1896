"""One child from its start to its end: the process, and the line to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from ....core.canon.errors import ConfigError
from .calling import Calling
from .process import Process, python
from .told import Told

log = logging.getLogger(__name__)

CHILD = "polystack.providers.local.isolation.child"
GRACE = 10.0  # seconds in which a child that is asked to end may do so
LAST = 2.0  # seconds that the exit of a child whose line is cut may take


class Life:
    """`lost` is set as soon as nothing more can come."""

    def __init__(self, name: str, told: Told) -> None:
        self.name = name
        self.lost = asyncio.Event()
        self.process = Process(name, python(CHILD))
        self.calling = Calling(self.lost.set, told)

    async def begin(self, settings: Mapping[str, Any]) -> None:
        """Raises what the provider's own `start` raises, or `ConfigError`; then nothing is left."""
        try:
            await self._begin(settings)
        except OSError as error:
            why = error.strerror or str(error)
            raise ConfigError(
                f"{self.name}: no process can be started for its engine: {why}"
            ) from None
        except BaseException:
            self.process.kill()
            await self.end(LAST)
            raise

    async def _begin(self, settings: Mapping[str, Any]) -> None:
        loop = asyncio.get_running_loop()
        end = await self.process.start()
        await loop.create_unix_connection(lambda: self.calling.link, sock=end)
        starting = asyncio.create_task(self.calling.start(settings))
        try:
            either: set[asyncio.Future[Any]] = {starting, self.process.ended}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                raise self._stillborn()
        finally:
            starting.cancel()
        await starting

    def _stillborn(self) -> ConfigError:
        last = "".join(f": {line}" for line in list(self.process.lines)[-1:])
        how = self.process.ended.result()
        return ConfigError(f"{self.name}: the engine's process ended {how} while it started{last}")

    async def end(self, grace: float | None = None) -> str:
        """Ask it to end, and see that it does; how it ended."""
        self.calling.link.close()
        if not self.process.pid:
            return "before it began"
        try:
            await asyncio.wait({self.process.ended}, timeout=GRACE if grace is None else grace)
        finally:
            if not self.process.ended.done():
                log.warning("%s: process %d does not end; killed", self.name, self.process.pid)
                self.process.kill()
        return await self.process.ended
