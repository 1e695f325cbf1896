"""Seals on the way of a call: opened in the request, made in the answer.

A client that is translated for echoes a seal instead of what the upstream signed or encrypted. The
key outlives the process, since conversations do.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from ..canon import ir
from ..canon.collect import annotate
from ..contract.losses import Ledger
from ..contract.seal import KEY_SIZE, REQUEST_LIMIT, Sealer, is_seal

logger = logging.getLogger("polystack")

COMPACTED = "compacted"  # the maker of a conversation in brief
RECALLED = "What was said before, in brief:\n\n"
UNKNOWN = "unknown"  # the maker of a thought whose seal cannot be opened: nobody gets it back

Opaque = Literal["signature", "sealed"]


class Seals:
    """The sealer of a stack; its key is looked for when the first seal is made or met."""

    def __init__(self, key: str | None, env: Mapping[str, str] = os.environ) -> None:
        self._key = key
        self._env = env

    @cached_property
    def sealer(self) -> Sealer:
        if self._key is not None:
            return Sealer(hashlib.sha256(self._key.encode()).digest())
        home = Path(self._env.get("POLYSTACK_HOME") or "~/.polystack").expanduser()
        return Sealer(_kept_key(home / "seal.key"))


def _kept_key(path: Path) -> bytes:
    """The key in a file, made there on first need; where that fails, one for this process."""
    try:
        if not path.exists():
            _write_once(path, secrets.token_bytes(KEY_SIZE))
        key = path.read_bytes()
        if len(key) >= KEY_SIZE:
            return key
        reason = f"{path} is too short for a key"
    except OSError as error:
        reason = f"{path}: {(error.strerror or str(error)).lower()}"
    logger.warning(
        "seals of this process cannot be opened by the next one (%s); set seals.key", reason
    )
    return secrets.token_bytes(KEY_SIZE)


def _write_once(path: Path, key: bytes) -> None:
    """A whole file or none, readable by its owner; of two processes at once the first wins."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent) as draft:
        draft.write(key)
        draft.flush()
        with suppress(FileExistsError):
            os.link(draft.name, path)


# Requests ----------------------------------------------------------------------------------------


def opened(request: ir.Request, seals: Seals, losses: Ledger) -> ir.Request:
    """The request with what was sealed in place of the seals."""
    if not any(_has_seal(part) for turn in request.turns for part in turn.parts):
        return request
    opening = _Opening(seals, losses)
    turns = (
        opening.turn(turn) if any(_has_seal(part) for part in turn.parts) else turn
        for turn in request.turns
    )
    return replace(request, turns=tuple(turn for turn in turns if turn.parts))


def _has_seal(part: ir.Part) -> bool:
    if isinstance(part, ir.Opaque):
        return _seal_of(part) is not None
    return isinstance(part, ir.Reasoning) and (is_seal(part.signature) or is_seal(part.sealed))


def _seal_of(part: ir.Opaque) -> str | None:
    """The seal in a wire object of a client, which is all that a conversation in brief is."""
    values = (value for value in part.data.values() if isinstance(value, str))
    return next((value for value in values if is_seal(value)), None)


@dataclass
class _Opening:
    seals: Seals
    losses: Ledger
    size: int = 0

    def turn(self, turn: ir.Turn) -> ir.Turn:
        told = next((part for part in turn.parts if isinstance(part, ir.Opaque)), None)
        if told is not None and len(turn.parts) == 1:
            return self._recalled(turn, told)
        return replace(turn, parts=tuple(map(self.part, turn.parts)))

    def _recalled(self, turn: ir.Turn, told: ir.Opaque) -> ir.Turn:
        """A conversation in brief as the model is told it; without parts where it is not ours."""
        held = self._open(_seal_of(told) or "", told.at or told.type)
        if held is None or held.origin != COMPACTED:
            return replace(turn, parts=())
        return ir.Turn("user", (ir.Text(RECALLED + held.text, at=told.at),), at=turn.at)

    def part(self, part: ir.Part) -> ir.Part:
        if not isinstance(part, ir.Reasoning) or not _has_seal(part):
            return part
        seal = part.signature if is_seal(part.signature) else part.sealed
        assert seal is not None
        held = self._open(seal, part.at or "reasoning")
        if held is None:
            return ir.Reasoning(part.text, part.summary, origin=UNKNOWN, at=part.at)
        # What a client was shown in full and gives back is not held a second time.
        text = held.text or ("" if held.summary else part.text)
        return replace(held, text=text, at=part.at)

    def _open(self, seal: str, at: str) -> ir.Reasoning | None:
        self.size += len(seal)
        if self.size > REQUEST_LIMIT:
            self.losses.dropped(f"{at}.seal", f"more than {REQUEST_LIMIT} bytes of seals")
            return None
        held = self.seals.sealer.open(seal)
        if held is None:
            self.losses.dropped(f"{at}.seal", "this stack did not make this seal, or not so")
        return held


# Answers -----------------------------------------------------------------------------------------


@dataclass
class _Thought:
    part: ir.Reasoning
    texts: list[str] = field(default_factory=list)


class Sealing:
    """Puts a seal at the end of each thought of one answer, in the field `opaque`.

    What only its maker can use is held back until then, so that a client never gets it bare.
    """

    def __init__(self, opaque: Opaque, origin: str, seals: Seals, losses: Ledger) -> None:
        self._opaque = opaque
        self._origin = origin
        self._seals = seals
        self._losses = losses
        self._thoughts: dict[int, _Thought] = {}

    def feed(self, event: ir.Event) -> Iterable[ir.Event]:
        if isinstance(event, ir.PartStarted) and isinstance(event.part, ir.Reasoning):
            self._thoughts[event.index] = _Thought(event.part)
            bare = replace(event.part, signature=None, sealed=None, id=None)
            return (replace(event, part=bare),)
        if not self._thoughts:
            return (event,)
        match event:
            case ir.Delta(index=index, text=text) if index in self._thoughts:
                self._thoughts[index].texts.append(text)
            case ir.PartAnnotated(index=index, value=ir.Reasoning() as value) if (
                index in self._thoughts
            ):
                return self._annotated(index, value)
            case ir.PartEnded(index=index) if index in self._thoughts:
                return (*self._seal(index), event)
            case _:
                pass
        return (event,)

    def _annotated(self, index: int, value: ir.Reasoning) -> Iterator[ir.Event]:
        thought = self._thoughts[index]
        whole = annotate(thought.part, value)
        assert isinstance(whole, ir.Reasoning)
        thought.part = whole
        if value.summary:
            yield ir.PartAnnotated(index, ir.Reasoning(summary=value.summary))

    def _seal(self, index: int) -> Iterator[ir.Event]:
        thought = self._thoughts.pop(index)
        text = thought.part.text + "".join(thought.texts)
        part = replace(thought.part, text=text, origin=self._origin, extra=None)
        if part == ir.Reasoning(origin=self._origin):
            return
        shown_in_full = self._opaque == "signature" and not part.summary
        seal = None if shown_in_full else self._seals.sealer.seal(part)
        seal = seal or self._seals.sealer.seal(replace(part, text=""))
        if seal is None:
            self._losses.dropped("reasoning.seal", "more than the client's field can hold")
            return
        if self._opaque == "signature" and (text or part.summary):
            yield ir.PartAnnotated(index, ir.Reasoning(signature=seal))
        else:
            yield ir.PartAnnotated(index, ir.Reasoning(sealed=seal))
