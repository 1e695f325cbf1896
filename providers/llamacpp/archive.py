"""What idle conversations left in the engine's memory, kept beside it: in RAM, and over a restart.

A slot that another conversation needs would forget what was said in it. So its state is put here,
within a budget of bytes, the oldest going first. With a folder, the newest of it is written there
when the engine stops, and found again when it starts. A file that is damaged, or of another model,
is not read.
"""

from __future__ import annotations

import json
import logging
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..local.prefix import common_prefix

log = logging.getLogger(__name__)

VERSION = 1
SUFFIX = ".kv"
SAVED = 64  # tokens that a state must save before it is worth keeping


@dataclass(slots=True, eq=False)
class Kept:
    """The state of one sequence, in RAM (an array of bytes) or in a file."""

    tokens: list[int]
    size: int
    data: Any = None
    path: Path | None = None

    def read(self) -> Any:
        """The bytes as an array; None if the file is gone or damaged."""
        return self.data if self.path is None else _read(self.path)


class Archive:
    def __init__(
        self, budget: int, folder: Path | None = None, fingerprint: str = "", cuts: bool = True
    ) -> None:
        """`cuts` says that the engine can shorten a state; else only whole ones are of use."""
        self._budget = budget
        self._folder = folder
        self._fingerprint = fingerprint
        self._cuts = cuts
        self._kept: list[Kept] = []  # the oldest first
        if folder is not None:
            self._kept = _found(folder, fingerprint)

    @property
    def size(self) -> int:
        """Bytes in RAM."""
        return sum(kept.size for kept in self._kept if kept.path is None)

    def wants(self, size: int) -> bool:
        return 0 < size <= self._budget

    def holds(self, tokens: Sequence[int]) -> bool:
        """Whether a state of these tokens would be nothing new; the one that has them is young."""
        for kept in self._kept:
            if self._cuts and common_prefix(kept.tokens, tokens) == len(tokens):
                self._touch(kept)
                return True
        return False

    def put(self, tokens: Sequence[int], data: Any) -> None:
        """Keep a state; what it continues is forgotten, and what has been in it is not new."""
        if self.holds(tokens):
            return
        for kept in list(self._kept):
            if self._cuts and common_prefix(kept.tokens, tokens) == len(kept.tokens):
                self._drop(kept)
        self._kept.append(Kept(list(tokens), len(data), data))
        while self.size > self._budget:
            self._drop(next(kept for kept in self._kept if kept.path is None))

    def nearest(self, prompt: Sequence[int]) -> tuple[Kept | None, int]:
        """What saves most of a prompt, and how many tokens it saves."""
        best, most = None, 0
        for kept in self._kept:
            common = self.common(kept.tokens, prompt)
            if common > most:
                best, most = kept, common
        if best is not None:
            self._touch(best)
        return best, most

    def common(self, tokens: Sequence[int], prompt: Sequence[int]) -> int:
        """How many tokens of a state a prompt can begin with."""
        common = common_prefix(tokens, prompt)
        return common if self._cuts or common == len(tokens) else 0

    def forget(self, kept: Kept) -> None:
        """It could not be read."""
        self._drop(kept)

    def close(self) -> None:
        """Write the newest to the folder, and remove from it what is beyond the budget."""
        if self._folder is not None:
            try:
                self._write(self._folder)
            except OSError as error:
                log.warning("conversations could not be kept in %s: %s", self._folder, error)
        self._kept = []

    def _write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        room, names = self._budget, set()
        for kept in reversed(self._kept):
            if kept.size > room:
                continue
            room -= kept.size
            names.add(self._file(folder, kept).name)
        for path in folder.glob(f"*{SUFFIX}"):
            if path.name not in names:
                path.unlink(missing_ok=True)

    def _file(self, folder: Path, kept: Kept) -> Path:
        if kept.path is None:
            kept.path = _written(folder, self._fingerprint, kept)
        os.utime(kept.path)  # files are read back in this order
        return kept.path

    def _touch(self, kept: Kept) -> None:
        self._kept.remove(kept)
        self._kept.append(kept)

    def _drop(self, kept: Kept) -> None:
        self._kept.remove(kept)
        if kept.path is not None:
            kept.path.unlink(missing_ok=True)


# Files -------------------------------------------------------------------------------------------
# One line of JSON, then the tokens (32 bits each, little-endian), then the state.


def _written(folder: Path, fingerprint: str, kept: Kept) -> Path:
    import numpy

    tokens = numpy.array(kept.tokens, "<i4").tobytes()
    path = folder / f"{sha256(fingerprint.encode() + tokens).hexdigest()[:32]}{SUFFIX}"
    head = {
        "version": VERSION,
        "fingerprint": fingerprint,
        "tokens": len(kept.tokens),
        "size": kept.size,
        "crc": zlib.crc32(kept.data, zlib.crc32(tokens)),
    }
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(json.dumps(head).encode() + b"\n" + tokens)
        file.write(memoryview(kept.data))
    os.replace(part, path)
    return path


def _found(folder: Path, fingerprint: str) -> list[Kept]:
    paths = sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime_ns)
    return [kept for path in paths for kept in _kept(path, fingerprint)]


def _kept(path: Path, fingerprint: str) -> Iterator[Kept]:
    import numpy

    with path.open("rb") as file:
        head = _head(file.readline(4096))
        if head is None or (head["version"], head["fingerprint"]) != (VERSION, fingerprint):
            return
        tokens = numpy.frombuffer(file.read(4 * head["tokens"]), "<i4").tolist()
    if len(tokens) == head["tokens"]:
        yield Kept(tokens, head["size"], path=path)


def _read(path: Path) -> Any:
    import numpy

    try:
        line, _, rest = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    head = _head(line + b"\n")
    if head is None or len(rest) != 4 * head["tokens"] + head["size"]:
        return None
    if zlib.crc32(rest) != head["crc"]:
        return None
    return numpy.frombuffer(rest, numpy.uint8)[4 * head["tokens"] :]


def _head(line: bytes) -> dict[str, Any] | None:
    try:
        head = json.loads(line)
        return {key: head[key] for key in ("version", "fingerprint", "tokens", "size", "crc")}
    except (ValueError, KeyError, TypeError):
        return None
