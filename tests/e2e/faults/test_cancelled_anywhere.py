"""A call that is cancelled at its n-th await, for every n: nothing of it is left anywhere.

The awaits of all tasks are counted, since the upstream is read in one of its own; it is always
the caller that is cancelled, as it is when a client goes away.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from fault_calls import ASKED, distribution
from peer import Answer, Peer, Received, streamed, transcripts

from polystack.core.runtime.stack import Call, Stack
from polystack.providers.remote.transport import Tls, Transport
from polystack.providers.remote.transport.direct import Direct
from polystack.providers.remote.transport.pooled import Pooled

MOST = 400  # awaits; no call needs nearly as many


class Awaits:
    """Counts the awaits of every task that begins, and cancels the caller at one of them."""

    def __init__(self, fatal: int) -> None:
        self.seen = 0
        self.fatal = fatal
        self.caller: asyncio.Task[Any] | None = None

    def factory(
        self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **rest: Any
    ) -> asyncio.Task[Any]:
        return asyncio.Task(self._watched(work), loop=loop, **rest)

    async def _watched(self, work: Coroutine[Any, Any, Any]) -> Any:
        return await _Steps(self, work)

    def tick(self) -> None:
        self.seen += 1
        if self.seen == self.fatal and self.caller is not None:
            self.caller.cancel()


class _Steps:
    def __init__(self, awaits: Awaits, work: Coroutine[Any, Any, Any]) -> None:
        self._awaits = awaits
        self._work = work

    def __await__(self) -> Generator[Any, Any, Any]:
        error: BaseException | None = None
        while True:
            try:
                waited = self._work.send(None) if error is None else self._work.throw(error)
            except StopIteration as end:
                return end.value
            self._awaits.tick()
            error = None
            try:
                yield waited
            except BaseException as raised:
                error = raised


def told(request: Received) -> Answer:
    """The transcript `text`, with the model's name in it, in a few writes."""
    asked = request.document
    protocol = {path: name for name, path in transcripts.PATHS.items()}[request.path]
    mark, stream = asked["model"], bool(asked.get("stream"))
    read = transcripts.stream if stream else transcripts.document
    sent = read(protocol, "text").replace(b"Done.", mark.encode())
    cuts = (len(sent) // 3, len(sent) - 20)
    kind = {} if stream else {"content-type": "application/json"}
    return Answer(streamed(sent, cuts, kind).pieces, close=mark.startswith("last"))


@pytest.fixture(scope="module")
def upstream() -> Iterator[Peer]:
    with Peer() as peer:
        peer.script = told
        yield peer


@pytest.fixture(params=[Direct, Pooled])
async def stack(
    request: pytest.FixtureRequest,
    upstream: Peer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> AsyncIterator[Stack]:
    def transport(tls: Tls, proxy: str | None) -> Transport:
        made: Transport = request.param(tls)
        return made

    monkeypatch.setattr("polystack.providers.remote.provider.transport", transport)
    source = tmp_path / "cancelled.yaml"
    source.write_text(distribution(upstream.url))
    async with Stack.load(source) as stack:
        yield stack
    await settled(upstream, 0)


async def settled(upstream: Peer, most: int) -> None:
    """The peer learns of a closed connection a little later."""
    for _ in range(2000):
        if upstream.connections <= most:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"{upstream.connections} connections are open")


async def ask(stack: Stack, client: str, model: str, stream: bool) -> bytes:
    """What the server does with a call, and the bytes that its client gets."""
    body = json.dumps(ASKED[client] | {"model": model, "stream": stream}).encode()
    reply = await stack.handle(client, "create", Call(body))
    if reply.stream is None:
        return reply.body or json.dumps(reply.document).encode()
    try:
        return b"".join([chunk async for chunk in reply.stream])
    finally:
        await reply.stream.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("client", "protocol"), transcripts.PAIRS)
async def test_nothing_is_left_of_a_call_that_is_cancelled_at_any_await(
    client: str, protocol: str, stream: bool, kept: bool, stack: Stack, upstream: Peer
) -> None:
    between = "next" if kept else "last"  # whether there is a connection to go on with
    await ask(stack, client, f"{protocol}/{between}-0", stream)
    before = asyncio.all_tasks()
    for n in range(1, MOST):
        outcome = await cancelled(n, ask(stack, client, f"{protocol}/cut-{n}", stream))
        assert asyncio.all_tasks() == before, f"tasks are left at await {n}"
        assert stack.providers[protocol].status()["running"] == 0
        answer = await ask(stack, client, f"{protocol}/{between}-{n}", stream)
        assert f"{between}-{n}".encode() in answer, f"not its own answer at await {n}"
        await settled(upstream, 1 if kept else 0)
        if outcome is not None:
            assert f"cut-{n}".encode() in outcome
            assert n > 4, "it was cancelled at a few awaits"
            return
    raise AssertionError(f"a call has more than {MOST} awaits")


async def cancelled(n: int, work: Coroutine[Any, Any, bytes]) -> bytes | None:
    """Cancel this work at its n-th await; its outcome, where it has fewer."""
    loop, awaits = asyncio.get_running_loop(), Awaits(n)
    loop.set_task_factory(awaits.factory)  # type: ignore[arg-type]
    try:
        awaits.caller = caller = asyncio.create_task(work)
        return await caller
    except asyncio.CancelledError:
        return None
    finally:
        loop.set_task_factory(None)


@pytest.mark.parametrize(("client", "protocol"), transcripts.PAIRS)
async def test_nothing_is_left_of_a_stream_that_is_closed_after_any_chunk(
    client: str, protocol: str, stack: Stack, upstream: Peer
) -> None:
    before = asyncio.all_tasks()
    body = json.dumps(ASKED[client] | {"model": f"{protocol}/m", "stream": True}).encode()
    for chunks in range(MOST):
        reply = await stack.handle(client, "create", Call(body))
        stream: Any = reply.stream
        read = [await anext(stream, None) for _ in range(chunks)]
        await stream.aclose()
        assert asyncio.all_tasks() == before, f"tasks are left after {chunks} chunks"
        assert stack.providers[protocol].status()["running"] == 0
        await settled(upstream, 1)
        if read and read[-1] is None:
            return
