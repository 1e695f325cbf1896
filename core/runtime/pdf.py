"""The text of a PDF, by pypdf, within bounds."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO

from ..canon.errors import NotSupported

PAGES = 1_000
CHARACTERS = 4_000_000


class Unreadable(Exception):
    """The message says why, as the end of a sentence that begins with the file."""


def text(data: bytes) -> str:
    """The text of its pages; raises `Unreadable`, and `NotSupported` where pypdf is missing."""
    try:
        from pypdf import PdfReader
    except ImportError:
        raise NotSupported(
            "a PDF cannot be read, since the package pypdf is not installed; "
            "run: pip install 'polystack[files]'"
        ) from None
    try:
        reader = PdfReader(BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("is a PDF behind a password; send one without")
        if (count := len(reader.pages)) > PAGES:
            raise Unreadable(f"has {count} pages, and {PAGES} are the most that are read")
        found = _joined(page.extract_text() for page in reader.pages)
    except Unreadable:
        raise
    except Exception as error:  # whatever a broken file makes of the reader
        raise Unreadable(f"cannot be read as a PDF ({type(error).__name__})") from error
    if not found:
        raise Unreadable("is a PDF without text; send its pages as images")
    return found


def _joined(pages: Iterable[str]) -> str:
    texts: list[str] = []
    size = 0
    for page in pages:
        size += len(page)
        if size > CHARACTERS:
            raise Unreadable(f"has more than {CHARACTERS} characters of text")
        texts.append(page.strip())
    return "\n\n".join(texts).strip()
