"""Connections that wait for their next request, those of each server by themselves."""

from __future__ import annotations

import asyncio

from .connection import Connection
from .heads import Origin
from .limits import KEPT

MOST = 100  # idle connections to one server


class Pool:
    def __init__(self) -> None:
        self._idle: dict[Origin, list[Connection]] = {}  # the one used last at the end
        self._sweep: asyncio.TimerHandle | None = None

    def take(self, origin: Origin) -> Connection | None:
        """The connection that was used last, since it is the likeliest to be alive."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if connection.silent:
                return connection
            connection.abort()
        return None

    def keep(self, origin: Origin, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        idle = self._idle.setdefault(origin, [])
        connection.idle_since = loop.time()
        idle.append(connection)
        if len(idle) > MOST:
            idle.pop(0).abort()
        if self._sweep is None:
            self._sweep = loop.call_later(KEPT, self._sweeping, loop)

    def _sweeping(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close what nobody used for so long, and look again when the next one's time comes."""
        limit = loop.time() - KEPT
        for origin, idle in list(self._idle.items()):
            for connection in idle:
                if connection.idle_since <= limit:
                    connection.abort()
            self._idle[origin] = [one for one in idle if not one.closed]
            if not self._idle[origin]:
                del self._idle[origin]
        waiting = [one.idle_since for idle in self._idle.values() for one in idle]
        self._sweep = None
        if waiting:
            self._sweep = loop.call_at(min(waiting) + KEPT, self._sweeping, loop)

    def close(self) -> None:
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for idle in self._idle.values():
            for connection in idle:
                connection.abort()
        self._idle.clear()
