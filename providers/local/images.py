"""Images in a request: checked before a library reads them, and where they stand in a prompt.

While a conversation is rendered a mark stands for each image, which nobody could have written. A
part of the prompt takes the mark's place: the tokens that this model has around an image, and the
image itself. In a job's tokens an image is as many negative numbers as it takes positions; they
are made of its bytes, so equal images are equal tokens and prefixes compare as they always do.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import shake_256
from typing import Any, Protocol

from ...core.canon import ir
from ...core.canon.errors import InvalidRequest, NotSupported

BYTES = 20 << 20  # of one image
PIXELS = 40_000_000  # of one image, when it is decoded
SIDE = 16_384  # of those, in a row or a column
COUNT = 64  # of one request


class Picture(Protocol):
    """An image as an engine knows it."""

    @property
    def positions(self) -> int:
        """The room that it takes in a context."""


class Eyes(Protocol):
    """What of an engine reads images; any thread may use it."""

    @property
    def webp(self) -> bool:
        """Whether it reads WebP, too."""

    def look(self, data: bytes) -> Sequence[list[int] | Any]:
        """The tokens and the `Picture`s that stand for an image; ValueError says why not."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A picture among a job's tokens."""

    start: int
    end: int
    picture: Any


@dataclass(slots=True)
class Images:
    """Those of one request, in the order in which their marks were written."""

    webp: bool = False
    found: list[tuple[str, bytes]] = field(default_factory=list)
    _secret: str = field(default_factory=lambda: secrets.token_hex(16))

    def mark(self, part: ir.Media) -> str:
        """The text that stands for an image until the prompt is tokenised."""
        at = part.at or part.kind
        if len(self.found) == COUNT:
            raise InvalidRequest(f"{at}: more than {COUNT} images; send fewer", param=at)
        self.found.append((at, checked(part, self.webp)))
        return f"(image {self._secret} {len(self.found) - 1})"

    def split(self, text: str) -> Iterator[tuple[str, int | None]]:
        """Each piece of text with the number of the image behind it."""
        pieces = re.split(rf"\(image {self._secret} (\d+)\)", text)
        yield from zip(pieces[::2], [*map(int, pieces[1::2]), None], strict=True)

    def seen(self, number: int, eyes: Eyes) -> Sequence[list[int] | Any]:
        at, data = self.found[number]
        try:
            return eyes.look(data)
        except ValueError as error:
            raise InvalidRequest(f"{at}: {error}", param=at) from None


def tokens_of(data: bytes, positions: int) -> list[int]:
    """Negative numbers, as no token is, of 31 bits each; equal for equal images alone."""
    digest = shake_256(data).digest(4 * positions)
    return [-1 - (number & 0x7FFF_FFFF) for (number,) in struct.iter_unpack("<I", digest)]


# Checks ------------------------------------------------------------------------------------------


def checked(part: ir.Media, webp: bool = False) -> bytes:
    """The bytes of an image of a known format and a bearable size."""
    at = part.at or part.kind
    if part.data is None:
        raise NotSupported(
            f"{at}: images are taken as base64 data only and are not fetched; send the data itself",
            param=at,
        )
    if len(part.data) > BYTES * 4 // 3 + 4:
        raise InvalidRequest(f"{at}: the image has more than {BYTES >> 20} MiB", param=at)
    try:
        data = base64.b64decode("".join(part.data.split()), validate=True)
        width, height = size(data, webp)
    except (ValueError, struct.error, binascii.Error) as error:
        told = error if type(error) is ValueError else "its data is no whole image in base64"
        raise InvalidRequest(f"{at}: {told}", param=at) from None
    if not 0 < width * height <= PIXELS or max(width, height) > SIDE:
        raise InvalidRequest(
            f"{at}: the image has {width} x {height} pixels; {PIXELS:,} are the limit, and "
            f"{SIDE:,} of a side",
            param=at,
        )
    return data


def size(data: bytes, webp: bool = False) -> tuple[int, int]:
    """Width and height, as the image's header has them. Raises ValueError for what is none."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    if data[:6] in (b"GIF87a", b"GIF89a"):
        width, height = struct.unpack("<HH", data[6:10])
        return width, height
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    is_webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    if is_webp and webp:
        return _webp(data)
    found = "a WebP" if is_webp else "no image of a known format"
    raise ValueError(f"it is {found}; send a PNG, a JPEG or a GIF")


def _webp(data: bytes) -> tuple[int, int]:
    """From the first chunk, of which there are three kinds."""
    match data[12:16]:
        case b"VP8X":
            width, wide, height, high = struct.unpack("<HBHB", data[24:30])
            return (wide << 16 | width) + 1, (high << 16 | height) + 1
        case b"VP8L":
            (bits,) = struct.unpack("<I", data[21:25])
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            width, height = struct.unpack("<HH", data[26:30])
            return width & 0x3FFF, height & 0x3FFF
    raise ValueError("the WebP has no frame")


def _jpeg(data: bytes) -> tuple[int, int]:
    """From the first frame's header, past the segments before it."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        kind = data[at + 1]
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 1 if kind == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise ValueError("the JPEG has no frame")
