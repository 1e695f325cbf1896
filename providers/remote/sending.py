"""The head of an answer, after as many tries as keys and budget allow.

Another key is tried where one was refused or ran into its limit; the same request is tried again
where the server could not be reached or was overloaded. Nothing of an answer has been shown by
then, and once something has, nothing is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .budget import Budget, pause
from .config import RemoteConfig
from .keys import Keys
from .transport import Answer, Timeouts, Transport, Unreachable
from .upstream import credentials, request_headers, url

AGAIN = frozenset({500, 502, 503, 504, 529})


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request without its credentials; `api` names the protocol that it is written in."""

    method: str
    path: str
    api: str
    headers: Mapping[str, str]
    body: bytes
    stream: bool


class Sending:
    def __init__(self, config: RemoteConfig, transport: Transport) -> None:
        self._config = config
        self._transport = transport
        self._fixed = {k: v.get_secret_value() for k, v in config.headers.items()}
        self._budget = Budget()
        self.keys = Keys(config.keys())

    async def aclose(self) -> None:
        await self._transport.aclose()

    async def send(self, outgoing: Outgoing, timeouts: Timeouts) -> Answer:
        """Raises `Unreachable` or `UpstreamTimeout`; any status is an answer."""
        self._budget.earn()
        key = self.keys.take()
        tried: list[str | None] = [key]
        attempt = 0
        while True:
            outcome = await self._once(outgoing, key, timeouts)
            other = self._other_key(outcome, key, tried)
            if other is not None:
                key = other
                tried.append(key)
            else:
                wait = self._wait(outcome, attempt)
                if wait is None:
                    return _settled(outcome, attempt)
                attempt += 1
                await asyncio.sleep(wait)
            if isinstance(outcome, Answer):
                await outcome.aclose()

    async def _once(
        self, outgoing: Outgoing, key: str | None, timeouts: Timeouts
    ) -> Answer | Unreachable:
        headers = request_headers(outgoing.api, outgoing.headers, outgoing.stream)
        headers |= credentials(self._config.auth, outgoing.api, key) | self._fixed
        address = url(self._config.base_url, outgoing.path)
        try:
            return await self._transport.send(
                outgoing.method, address, headers, outgoing.body, timeouts
            )
        except Unreachable as error:
            return error

    def _other_key(
        self, outcome: Answer | Unreachable, key: str | None, tried: Sequence[str | None]
    ) -> str | None:
        """The next key, where this one is at fault."""
        if not isinstance(outcome, Answer) or outcome.status not in (401, 403, 429):
            return None
        if outcome.status == 429:
            self.keys.limit(key, retry_after(outcome))
        else:
            self.keys.refuse(key)
        return self.keys.take(tried)

    def _wait(self, outcome: Answer | Unreachable, attempt: int) -> float | None:
        """Seconds until the next try, or None where this outcome stands."""
        if isinstance(outcome, Answer) and outcome.status not in AGAIN:
            return None
        if attempt >= self._config.retries:
            return None
        named = retry_after(outcome) if isinstance(outcome, Answer) else None
        wait = pause(attempt, named)
        return wait if wait is not None and self._budget.spend() else None


def _settled(outcome: Answer | Unreachable, attempt: int) -> Answer:
    """What was tried again here to no avail, the client shall not try three times more."""
    if isinstance(outcome, Unreachable):
        outcome.retried = attempt > 0
        raise outcome
    if attempt and outcome.status in AGAIN:
        outcome.headers = {**outcome.headers, "x-should-retry": "false"}
    return outcome


def retry_after(answer: Answer) -> float | None:
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(answer.headers[name]) * unit
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    return None
