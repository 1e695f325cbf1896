"""Plain words for what goes wrong, the same from both transports, without addresses."""

from __future__ import annotations

import socket
import ssl

from ....core.canon.errors import UpstreamError, UpstreamTimeout
from . import Unreachable

HEAD = "the head of its answer"
MORE = "more of its answer"

# The first that fits; a name that cannot be written is one that cannot be resolved.
_WHY: tuple[tuple[type[Exception], str], ...] = (
    (socket.gaierror, "the upstream's name cannot be resolved; correct base_url"),
    (UnicodeError, "the upstream's name cannot be resolved; correct base_url"),
    (ssl.SSLError, "no trusted TLS connection to the upstream can be made"),
    (ConnectionRefusedError, "the upstream refused the connection"),
    (ConnectionError, "the upstream closed the connection without an answer"),
    (OSError, "the upstream cannot be reached"),
)


def unreachable(error: Exception) -> Unreachable:
    return Unreachable(next(words for kind, words in _WHY if isinstance(error, kind)))


def cut() -> UpstreamError:
    return UpstreamError("the upstream closed the connection in the middle of its answer")


def not_http() -> UpstreamError:
    return UpstreamError("the upstream's answer is not HTTP")


def stopped() -> Unreachable:
    return Unreachable("the provider was stopped before the upstream was reached")


def late_connection(seconds: float | None) -> UpstreamTimeout:
    return UpstreamTimeout(f"the upstream did not accept a connection within {_limit(seconds)}")


def late(what: str, seconds: float | None) -> UpstreamTimeout:
    return UpstreamTimeout(f"the upstream did not send {what} within {_limit(seconds)}")


def _limit(seconds: float | None) -> str:
    """Of a phase; None is the limit of the call as a whole."""
    return "the time set for a call" if seconds is None else f"{seconds:g} seconds"
