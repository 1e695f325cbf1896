"""Images in a request: what is taken for one, and what stands for it in a prompt."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from projector_files import png

from polystack.core import ir
from polystack.core.canon.errors import InvalidRequest, NotSupported
from polystack.providers.local.images import BYTES, COUNT, Images, checked, size, tokens_of
from polystack.providers.local.job import Job
from polystack.providers.local.prompting import tokenized_prompt
from polystack.providers.local.sampling import Sampler

FRAME = struct.pack(">HBHHB", 17, 8, 30, 40, 3)
JPEG = b"\xff\xd8\xff\xe0" + struct.pack(">H", 6) + b"JFIF\xff\xff\xc2" + FRAME
GIF = b"GIF89a" + struct.pack("<HH", 7, 5)


def image(data: bytes | str, at: str = "messages.0.content.1") -> ir.Media:
    text = data if isinstance(data, str) else base64.b64encode(data).decode()
    return ir.Media("image", "image/png", text, at=at)


@pytest.mark.parametrize(
    ("data", "expected"), [(png(1, 2, 3, 9, 4), (9, 4)), (GIF, (7, 5)), (JPEG, (40, 30))]
)
def test_an_images_size_is_read_from_its_header(data: bytes, expected: tuple[int, int]) -> None:
    assert size(data) == expected
    assert checked(image(data)) == data


def webp(kind: bytes, header: bytes) -> bytes:
    return b"RIFF\0\0\0\0WEBP" + kind + b"\0\0\0\0" + header


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 300, 0x4000 | 20)), (300, 20)),
        (webp(b"VP8L", b"\x2f" + struct.pack("<I", 299 | 19 << 14)), (300, 20)),
        (webp(b"VP8X", b"\0\0\0\0" + struct.pack("<HBHB", 299, 0, 0, 1)), (300, 65537)),
    ],
    ids=["lossy", "lossless", "extended"],
)
def test_the_size_of_a_webp_is_read_where_an_engine_reads_them(
    data: bytes, expected: tuple[int, int]
) -> None:
    assert size(data, webp=True) == expected
    with pytest.raises(InvalidRequest, match="a WebP; send a PNG"):
        checked(image(data))
    for cut in (14, 22, 29 if data[12:16] == b"VP8X" else 23):
        with pytest.raises(InvalidRequest, match=r"no frame|no whole image"):
            checked(image(data[:cut]), webp=True)


def test_base64_may_be_broken_into_lines() -> None:
    data = png(1, 2, 3)
    assert checked(image(base64.encodebytes(data).decode())) == data


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (image("not base64!"), "no whole image in base64"),
        (image(b""), "no image of a known format"),
        (image(b"<svg/>"), "no image of a known format; send a PNG"),
        (image(b"RIFF....WEBPVP8 "), "a WebP; send a PNG"),
        (image(png(1, 2, 3)[:20]), "no whole image"),
        (image(GIF[:8]), "no whole image"),
        (image(JPEG[:14]), "the JPEG has no frame"),
        (image(b"\xff\xd8\xff\xda\0\0" * 9), "the JPEG has no frame"),
        (image(b"GIF89a" + struct.pack("<HH", 65535, 65535)), "65535 x 65535 pixels"),
        (image(b"GIF89a" + struct.pack("<HH", 17000, 1)), "16,384 of a side"),
        (image(b"GIF89a" + struct.pack("<HH", 0, 9)), "0 x 9 pixels"),
        (image("A" * (BYTES * 4 // 3 + 8)), "more than 20 MiB"),
        (ir.Media("image", file_id="f", at="messages.0.content.1"), "base64 data only"),
    ],
)
def test_what_is_no_image_is_refused_by_its_place(part: ir.Media, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why) as caught:
        checked(part)
    assert caught.value.param == "messages.0.content.1"


def test_a_request_has_so_many_images_at_most() -> None:
    images = Images()
    for _ in range(COUNT):
        images.mark(image(GIF))
    with pytest.raises(InvalidRequest, match=f"more than {COUNT} images"):
        images.mark(image(GIF))


# In a prompt -------------------------------------------------------------------------------------


@dataclass
class Picture:
    positions: int


class Eyes:
    """Sees an image as a token, so many positions as it is wide, and another token."""

    webp = False

    def look(self, data: bytes) -> Sequence[list[int] | Any]:
        if data == JPEG:
            raise ValueError("it is too bright")
        return [[1], Picture(size(data)[0]), [2]]


def prompt(*parts: str | bytes) -> tuple[list[int], list[tuple[int, int]]]:
    images = Images()
    text = "".join(part if isinstance(part, str) else images.mark(image(part)) for part in parts)
    tokens, placed = tokenized_prompt([text], Vocabulary(), images, Eyes())
    return tokens, [(each.start, each.end) for each in placed]


class Vocabulary:
    """A token is a byte."""

    size = 256
    marks: Mapping[str, int] = {}
    special_texts: Mapping[str, str] = {"bos_token": ""}

    def specials(self) -> list[str]:
        return []

    def tokenize(self, text: str, beginning: bool = True) -> list[int]:
        return list(text.encode())

    def piece(self, token: int) -> bytes:
        return bytes([token])

    def ends(self, token: int) -> bool:
        return False


def test_an_image_is_as_many_negative_tokens_as_it_takes_positions() -> None:
    tokens, placed = prompt("ab", GIF, "c")
    start, end = placed[0]
    assert (tokens[start - 1], tokens[end]) == (1, 2)
    assert end - start == 7
    assert all(-(2**31) <= token < 0 for token in tokens[start:end])
    assert tokens[end + 1 :] == Vocabulary().tokenize("c")


def test_equal_images_are_equal_tokens_and_others_are_not() -> None:
    other = GIF + b"x"
    assert tokens_of(GIF, 7) == tokens_of(GIF, 7)
    assert not set(tokens_of(GIF, 7)) & set(tokens_of(other, 7))
    assert prompt("a", GIF, "b") == prompt("a", GIF, "b")


def test_what_only_looks_like_a_mark_is_text() -> None:
    tokens, placed = prompt("(image 0 0)", GIF, "(image 0 0)")
    assert len(placed) == 1
    assert tokens[: placed[0][0] - 1] == Vocabulary().tokenize("(image 0 0)")


def test_an_image_that_cannot_be_read_is_named() -> None:
    with pytest.raises(InvalidRequest, match=r"messages\.0\.content\.1: it is too bright"):
        prompt("a", JPEG)


def test_an_image_that_the_prompt_has_lost_is_named() -> None:
    images = Images()
    images.mark(image(GIF))
    with pytest.raises(NotSupported, match="template does not show it"):
        tokenized_prompt(["hello"], Vocabulary(), images, Eyes())


async def test_a_job_knows_where_its_next_image_begins() -> None:
    images = Images()
    text = "ab" + images.mark(image(GIF)) + "c"
    tokens, placed = tokenized_prompt([text], Vocabulary(), images, Eyes())
    job = Job(tokens, 5, Sampler(0, 1, 0, 0, 0), images=placed)
    start, end = placed[0].start, placed[0].end
    assert job.image_at(start - 1) is None
    assert job.image_at(start) is job.image_at(end - 1) is placed[0]
    assert [job.up_to_image(at) for at in (0, start, end - 1)] == [start, 0, 0]
    assert job.up_to_image(end) == len(tokens) - end
