"""A server that is not there, or is none: a 502 or 504 that says so, for every pair."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any

import anthropic
import openai
import pytest
from facing import Face
from fault_calls import ASKED
from peer import transcripts
from peer.clients import Clients, connected

DISTRIBUTION = """\
version: 1
name: absent
apis: [messages, responses, chat]
providers:
"""
PROVIDER = """\
  {name}-{protocol}:
    type: openai
    config:
      base_url: "{url}"
      native: [{protocol}]
      discover: false
      retries: 0
      timeouts: {{connect: {connect}}}
"""
WAYS = {
    "gone": (502, "refused the connection"),
    "plain": (502, "no trusted TLS connection"),
    "mute": (504, "did not accept a connection within 0.1 seconds"),
}


class _NoTls(BaseRequestHandler):
    def handle(self) -> None:
        self.request.recv(1 << 16)
        self.request.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")


@contextmanager
def no_tls() -> Iterator[int]:
    """The port of a server that knows no TLS."""
    with ThreadingTCPServer(("127.0.0.1", 0), _NoTls) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory, face: Face) -> Iterator[Clients]:
    source: Path = tmp_path_factory.mktemp("absent") / "absent.yaml"
    with socket.socket() as nobody, socket.socket() as mute, no_tls() as plain:
        for listener in (nobody, mute):
            listener.bind(("127.0.0.1", 0))
        mute.listen()  # and never accepts: the handshake of TLS waits for its answer
        urls = {
            "gone": f"http://127.0.0.1:{nobody.getsockname()[1]}",
            "plain": f"https://127.0.0.1:{plain}",
            "mute": f"https://127.0.0.1:{mute.getsockname()[1]}",
        }
        providers = [
            PROVIDER.format(
                name=name, protocol=protocol, url=url, connect=0.1 if name == "mute" else 30
            )
            for name, url in urls.items()
            for protocol in transcripts.PROTOCOLS
        ]
        source.write_text(DISTRIBUTION + "".join(providers))
        with face(source) as url, connected(url) as clients:
            yield clients


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("client", "protocol"), transcripts.PAIRS)
@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_cannot_be_reached_is_an_error_that_says_so(
    way: str, client: str, protocol: str, stream: bool, clients: Clients
) -> None:
    status, words = WAYS[way]
    with pytest.raises((anthropic.APIStatusError, openai.APIStatusError)) as caught:
        clients.ask(client, ASKED[client] | {"model": f"{way}-{protocol}/any"}, stream)
    error: Any = caught.value
    assert error.status_code == status
    assert words in str(error)
    assert "127.0.0.1" not in str(error)
