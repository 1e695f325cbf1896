"""Messages over a socket: what one turn of the loop says is one frame, however it arrives."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

from polystack.providers.local.isolation.link import Link, Message


class End:
    """A link, and what came through it."""

    def __init__(self) -> None:
        self.came: list[Message] = []
        self.lost = asyncio.Event()
        self.link = Link(self.came.append, self.lost.set)

    async def joined(self, end: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: self.link, sock=end)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(30):
            while len(self.came) < count:
                await asyncio.sleep(0)


async def test_all_that_is_said_in_one_turn_is_one_frame() -> None:
    ours, theirs = socket.socketpair()
    end = End()
    await end.joined(ours)
    end.link.mention("last", 0)
    for number in range(100):
        end.link.send("event", number)
    await asyncio.sleep(0)
    with theirs:
        data = theirs.recv(1 << 16)
    assert struct.unpack_from(">I", data)[0] == len(data) - 4
    end.link.close()
    await end.lost.wait()


async def test_frames_arrive_whole_however_they_are_cut_up() -> None:
    ours, theirs = socket.socketpair()
    end = End()
    await end.joined(ours)
    sent: list[Message] = [("a", "é" * 10), ("b", (1, None))]
    bodies = [b'[["t","a","' + b"\\u00e9" * 10 + b'"]]', b'[["t","b",["t",1,null]]]']
    data = b"".join(struct.pack(">I", len(body)) + body for body in bodies)
    with theirs:
        for byte in data:
            theirs.send(bytes([byte]))
            await asyncio.sleep(0)
        await end.until(2)
    assert end.came == sent
    await end.lost.wait()


async def test_a_large_message_and_those_behind_it_arrive_in_their_order() -> None:
    ours, theirs = socket.socketpair()
    one, other = End(), End()
    await one.joined(ours)
    await other.joined(theirs)
    large: Any = "x" * (8 << 20)
    one.link.send("large", large)
    one.link.send("small")
    await other.until(2)
    assert other.came == [("large", large), ("small",)]
    one.link.close()
    await other.lost.wait()
    assert not other.link.open
    other.link.send("nobody")  # which is no error: who waits is told by other means


async def test_a_frame_that_makes_no_sense_ends_the_link() -> None:
    ours, theirs = socket.socketpair()
    end = End()
    await end.joined(ours)
    with theirs:
        theirs.send(struct.pack(">I", 3) + b"[{]")
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        async with asyncio.timeout(30):
            await end.lost.wait()
