"""A server of the three upstream protocols on the loopback, that plays what it is given.

It knows no protocol: what it answers are bytes that were written by hand, and none of them come
from polystack's own encoders. What it was asked is kept as it came over the socket.
"""

from __future__ import annotations

from .answers import Answer, Drop, Hang, Piece, cut, refused, streamed, whole
from .received import Received
from .server import Peer

__all__ = [
    "Answer",
    "Drop",
    "Hang",
    "Peer",
    "Piece",
    "Received",
    "cut",
    "refused",
    "streamed",
    "whole",
]
