"""Bodies that a server compresses although it was asked not to.

They are unpacked in small pieces, as they are taken: a body that would fill the memory is held up
by whoever limits what is read. One that ends before its compression does was cut.
"""

from __future__ import annotations

import zlib
from abc import abstractmethod
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from ....core.canon.errors import UpstreamError
from . import Answer
from .limits import PIECE

PACKINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
_CLEAR = {"", "identity"}


class Unpacking(Answer):
    """An answer whose body is taken piece by piece, and unpacked where it is packed."""

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        self.status = status
        self.headers = headers
        packing = headers.get("content-encoding", "").strip().lower()
        self._unpacker = None if packing in _CLEAR else Unpacker(packing)
        if self._unpacker is not None:
            del headers["content-encoding"]
            headers.pop("content-length", None)  # that of the packed body

    @abstractmethod
    async def take(self) -> bytes:
        """What has arrived of the body and was not taken; `b""` at its end."""

    async def chunks(self) -> AsyncGenerator[bytes]:
        while taken := await self.take():
            if self._unpacker is None:
                yield taken
            else:
                for piece in self._unpacker.feed(taken):
                    yield piece
        if self._unpacker is not None:
            self._unpacker.close()

    async def read(self, limit: int) -> bytes:
        chunks, size = [], 0
        async with aclosing(self.chunks()) as arriving:
            async for chunk in arriving:
                chunks.append(chunk)
                size += len(chunk)
                if size > limit:
                    raise UpstreamError(f"the upstream's answer is longer than {limit} bytes")
        return b"".join(chunks)


class Unpacker:
    """Gzip of any number of members, and deflate with zlib's frame or without."""

    def __init__(self, packing: str) -> None:
        self._stream_of = _deflate if packing == "deflate" else _gzip
        self._stream: zlib._Decompress | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What these bytes unpack to, at most `PIECE` at a time."""
        while True:
            stream = self._stream = self._stream or self._stream_of(data[0])
            try:
                piece = stream.decompress(data, PIECE)
            except zlib.error:
                message = "the upstream's answer is not compressed as it says"
                raise UpstreamError(message) from None
            if piece:
                yield piece
            if stream.eof:
                self._stream = None
            data = stream.unused_data if stream.eof else stream.unconsumed_tail
            # A full piece may have left some of its input's output inside.
            if not data and (stream.eof or len(piece) < PIECE):
                return

    def close(self) -> None:
        if self._stream is not None:
            raise UpstreamError("the upstream's compressed answer ends in its middle")


def _gzip(first: int) -> zlib._Decompress:
    return zlib.decompressobj(zlib.MAX_WBITS | 16)


def _deflate(first: int) -> zlib._Decompress:
    """By the first byte, since servers disagree on whether zlib's frame belongs to it."""
    framed = first & 0x0F == zlib.DEFLATED
    return zlib.decompressobj(zlib.MAX_WBITS if framed else -zlib.MAX_WBITS)
