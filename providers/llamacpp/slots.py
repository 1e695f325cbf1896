"""Which conversation sits in which slot of the engine's memory, and what it need not read again.

A slot is a sequence of the memory and what is known to be in it. A job's prompt may begin like what
is in a free slot, in a slot that another job uses, or in the archive: it begins with the longest of
these. Where the longest is something that another job has yet to read, the job waits for it, so
that conversations with one beginning read it once, whoever comes first. A slot keeps its tokens
when it is freed; before they are overwritten they go into the archive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..local.job import Admitted, Job
from .archive import SAVED, Archive, Kept
from .native import Context

SIMILAR_TOKENS = 64
SIMILAR_SHARE = 0.5


@dataclass(slots=True, eq=False)
class Slot:
    id: int
    tokens: list[int] = field(default_factory=list)  # what is in memory
    job: Job | None = None
    used: int = 0  # when, in steps
    lead: Lead | None = None


@dataclass(frozen=True, slots=True)
class Lead:
    """What a slot waits for: `size` tokens that a job is reading in another slot."""

    slot: Slot
    job: Job
    size: int


@dataclass(frozen=True, slots=True)
class Source:
    """Where the beginning of a prompt is, or will be."""

    size: int
    slot: Slot | None = None
    kept: Kept | None = None


class Slots:
    def __init__(self, memory: Context, count: int, archive: Archive) -> None:
        self._memory = memory
        self._archive = archive
        self._slots = [Slot(id) for id in range(count)]
        self._told: list[tuple[Job, Admitted]] = []
        self.now = 0

    def __iter__(self) -> Iterator[Slot]:
        return iter(self._slots)

    def __getitem__(self, id: int) -> Slot:
        return self._slots[id]

    @property
    def running(self) -> list[tuple[Slot, Job]]:
        return [(slot, slot.job) for slot in self._slots if slot.job is not None]

    # Taking a slot -------------------------------------------------------------------------------

    def place(self, job: Job) -> tuple[Slot, int] | None:
        """A slot for a job, and how many of its tokens need not be read; None if all are taken."""
        free = [slot for slot in self._slots if slot.job is None]
        if not free or not self._has_room(job):
            return None
        prompt = job.tokens[:-1]  # the last token is read in any case: what follows it is wanted
        source = self._nearest(prompt)
        slot = self._seat(free, source)
        own = self._archive.common(slot.tokens, prompt)
        if source.slot is slot or source.size < own + SIMILAR_TOKENS:
            source = Source(own)
        reused = self._begun(slot, own, source)
        slot.job, slot.used = job, self.now
        return slot, reused

    def _has_room(self, job: Job) -> bool:
        """In a shared memory a job waits until its tokens fit beside those that are running."""
        running = self.running
        if not self._memory.unified or not running:
            return True
        held = sum(len(other.tokens) + 1 for _, other in running)
        return held + len(job.tokens) < self._memory.cells

    def _nearest(self, prompt: Sequence[int]) -> Source:
        """A free slot before a busy one, and either before the archive, where they save the same"""
        common = self._archive.common
        found = [Source(common(slot.tokens, prompt), slot) for slot in self._slots if not slot.job]
        found += [Source(common(job.tokens, prompt), slot) for slot, job in self.running]
        best = max(found, key=lambda source: source.size)
        kept, size = self._archive.nearest(prompt)
        if size >= best.size + SIMILAR_TOKENS:
            best = Source(size, kept=kept)
        return best if best.size >= min(SIMILAR_TOKENS, SIMILAR_SHARE * len(prompt)) else Source(0)

    def _seat(self, free: Sequence[Slot], source: Source) -> Slot:
        """The slot that has the beginning, unless more would be lost in it than in another.

        Neighbours are computed together, so what is beside a running slot comes first, and a short
        beginning that is not there is rather read again.
        """
        near = {slot.id + side for slot, _ in self.running for side in (-1, 1)}
        oldest = min(free, key=lambda slot: (slot.id not in near, slot.used if slot.tokens else -1))
        found = source.slot
        if found is None or found.job is not None or not source.size:
            return oldest
        if near and found.id not in near and source.size < SIMILAR_TOKENS:
            return oldest
        rest = len(found.tokens) - source.size
        return found if rest < SIMILAR_TOKENS or rest <= len(oldest.tokens) else oldest

    def _begun(self, slot: Slot, own: int, source: Source) -> int:
        """Put the beginning into a slot, now or as soon as there is one."""
        if source.slot is None and source.kept is None:
            return self.keep(slot, own)
        if source.kept is not None:
            return self._restored(slot, source.kept, source.size)
        assert source.slot is not None
        if source.slot.job is not None and len(source.slot.tokens) < source.size:
            slot.lead = Lead(source.slot, source.slot.job, source.size)
            self.keep(slot, own)
            return source.size
        return self._copied(source.slot, slot, source.size)

    def follow(self, slot: Slot) -> bool:
        """Whether a slot may go on; one that waits for what another reads may not, yet."""
        lead, job = slot.lead, slot.job
        if lead is None or job is None:
            return True
        if lead.slot.job is lead.job and len(lead.slot.tokens) < lead.size:
            return False
        slot.lead = None
        common = self._archive.common(lead.slot.tokens[: lead.size], job.tokens[:-1])
        reused = len(slot.tokens)
        if common > reused:
            reused = self._copied(lead.slot, slot, common)
        if reused != lead.size:
            self._told.append((job, Admitted(reused)))
        return True

    def told(self) -> list[tuple[Job, Admitted]]:
        """Jobs that had to read more than they were promised."""
        told, self._told = self._told, []
        return told

    # What is in a slot ---------------------------------------------------------------------------

    def _copied(self, source: Slot, target: Slot, size: int) -> int:
        self.keep(target, 0)
        if self._memory.copy(source.id, target.id):
            target.tokens = list(source.tokens)
        return self._shortened(target, size)

    def _restored(self, slot: Slot, kept: Kept, size: int) -> int:
        self.keep(slot, 0)
        data = kept.read()
        if data is None or not self._memory.restore(slot.id, data):
            self._archive.forget(kept)
            return 0
        slot.tokens = list(kept.tokens)
        return self._shortened(slot, size)

    def keep(self, slot: Slot, size: int) -> int:
        """Cut a slot's content to a prefix; some models can only forget all of it."""
        if size + SAVED <= len(slot.tokens):
            self._archived(slot)
        return self._shortened(slot, size)

    def _shortened(self, slot: Slot, size: int) -> int:
        """The same for a copy: the rest is still where it came from."""
        if size < len(slot.tokens):
            self.cut(slot, size)
        return len(slot.tokens)

    def cut(self, slot: Slot, size: int) -> None:
        """The same where the rest is worth nothing to anybody."""
        whole = not self._memory.forget(slot.id, size)
        slot.tokens = [] if whole else slot.tokens[:size]

    def _archived(self, slot: Slot) -> None:
        if not any(_within(slot, other) for other in self._slots if other is not slot):
            self._put(slot)

    def _put(self, slot: Slot) -> None:
        size = self._memory.size(slot.id)
        if self._archive.wants(size) and not self._archive.holds(slot.tokens):
            self._archive.put(slot.tokens, self._memory.state(slot.id, size))

    def release(self, slot: Slot) -> None:
        """What is in it stays for the next turn."""
        slot.job = slot.lead = None

    def forget_all(self) -> None:
        self._memory.forget_all()
        for slot in self._slots:
            slot.tokens, slot.lead = [], None

    def close(self) -> None:
        """Leave what is in memory to the archive, the newest last."""
        for slot in sorted(self._slots, key=lambda slot: slot.used):
            if len(slot.tokens) >= SAVED:
                self._put(slot)
        self._archive.close()


def _within(slot: Slot, other: Slot) -> bool:
    return other.tokens[: len(slot.tokens)] == slot.tokens
