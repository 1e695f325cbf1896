"""A tap on the way to a server: every byte passes, and how each connection begins is noted."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socket import SHUT_WR, create_connection, socket
from typing import Any
from urllib.parse import urlsplit


@contextmanager
def tapped(url: str) -> Iterator[tuple[str, list[str]]]:
    """An address that leads to the server's, and the heads with which connections began."""
    heads: list[str] = []

    class Tap(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            place = urlsplit(url)
            with create_connection((place.hostname or "", place.port or 80)) as server:
                back = threading.Thread(target=_pass, args=(server, self.request))
                back.start()
                begun = self.request.recv(65536)
                heads.append(begun.partition(b"\r\n\r\n")[0].decode("latin-1"))
                server.sendall(begun)
                _pass(self.request, server)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Tap) as tap:
        thread = threading.Thread(target=tap.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{tap.server_address[1]}", heads
        finally:
            tap.shutdown()
            thread.join()


def _pass(source: socket, target: Any) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(SHUT_WR)
