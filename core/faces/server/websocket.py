"""The WebSocket protocol as uvicorn has it, ended as an answer over HTTP is: when it is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import CloseCode, Frame

from . import sockets

FRAGMENTS = 16_384  # frames of one message; empty ones would count for nothing in its size
NO_GET = b"""\
HTTP/1.1 426 Upgrade Required\r
connection: close\r
content-type: text/plain; charset=utf-8\r
content-length: 45\r
\r
a WebSocket is opened by GET; use plain HTTP
"""


class Protocol(WebSocketsSansIOProtocol):
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # uvicorn passes on what is no GET, and waits when the parser has refused it.
        if not self.handshake_initiated and self.conn.handshake_exc is not None:
            self.transport.write(NO_GET)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        # The parser is a generator that holds its own connection, compression and all, and the
        # garbage collector comes by too rarely to wait for it.
        self.conn.parser.close()
        self.conn.extensions.clear()

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) < FRAGMENTS:
            super().handle_cont(event)
        elif not self.close_sent:
            self.conn.send_close(CloseCode.MESSAGE_TOO_BIG, "a message in too many frames")
            self.handle_parser_exception()

    def send_receive_event_to_app(self) -> None:
        # uvicorn does the same, and logs a traceback for what is no fault of ours.
        if self.curr_msg_data_type == "text" and not _is_text(b"".join(self.frames)):
            self.conn.send_close(CloseCode.INVALID_DATA)
            self.handle_parser_exception()
        else:
            super().send_receive_event_to_app()

    def shutdown(self) -> None:
        """uvicorn would close at once; whoever serves the connection does so when it is idle."""
        if self.transport.is_closing():
            return
        if self.handshake_complete and not self.close_sent and not self.disconnected:
            leave: Any = {"type": sockets.LEAVE}
            self.queue.put_nowait(leave)
        else:
            super().shutdown()

    async def send(self, message: Any) -> None:
        match message["type"]:
            case sockets.SEND:
                await self._send(message["texts"])
            case sockets.ABORT:
                self.transport.abort()
            case _:
                await super().send(message)

    async def _send(self, messages: Sequence[bytes]) -> None:
        await self.writable.wait()
        if self.disconnected:
            raise ClientDisconnected
        if self.close_sent:
            return
        try:
            for message in messages:
                self.conn.send_text(message)
        except InvalidState:  # the client is closing
            raise ClientDisconnected from None
        self.transport.write(b"".join(self.conn.data_to_send()))


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
