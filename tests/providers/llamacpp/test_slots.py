"""Who gets which slot, and what need not be read again: on a memory that only remembers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy
from hypothesis import given
from hypothesis import strategies as st

from polystack.providers.llamacpp.archive import Archive
from polystack.providers.llamacpp.slots import Slot, Slots
from polystack.providers.local.job import Admitted, Job

PROMPT = list(range(1000))


class Memory:
    """What the engine's memory holds for each sequence: the numbers that were decoded."""

    unified = False
    cells = 10**6

    def __init__(self, cuts: bool = True) -> None:
        self.cuts = cuts
        self.held: dict[int, list[int]] = {}
        self.states = 0

    def of(self, sequence: int) -> list[int]:
        return self.held.setdefault(sequence, [])

    def forget(self, sequence: int, start: int = 0) -> bool:
        whole = start > 0 and not self.cuts
        self.held[sequence] = [] if whole else self.of(sequence)[:start]
        return not whole

    def forget_all(self) -> None:
        self.held.clear()

    def copy(self, source: int, target: int) -> bool:
        assert not self.of(target)
        self.held[target] = list(self.of(source))
        return True

    def size(self, sequence: int) -> int:
        return 8 * len(self.of(sequence))

    def state(self, sequence: int, size: int) -> Any:
        self.states += 1
        return numpy.array(self.of(sequence), numpy.int64).view(numpy.uint8)

    def restore(self, sequence: int, data: Any) -> bool:
        assert not self.of(sequence)
        self.held[sequence] = numpy.asarray(data).view(numpy.int64).tolist()
        return True


class House:
    """Slots, their memory, and jobs that read their prompts."""

    def __init__(self, count: int, budget: int = 0, cuts: bool = True) -> None:
        self.memory = Memory(cuts)
        memory: Any = self.memory
        self.slots = Slots(memory, count, Archive(budget, cuts=cuts))

    def place(self, tokens: Sequence[int]) -> tuple[Slot, int]:
        job: Any = Job.__new__(Job)
        job.tokens, job.serial = list(tokens), 0
        self.slots.now += 1
        placed = self.slots.place(job)
        assert placed is not None
        return placed

    def read(self, slot: Slot, size: int | None = None) -> bool:
        """Read so many of the missing tokens; False if the slot has to wait."""
        if not self.slots.follow(slot):
            return False
        assert slot.job is not None
        more = slot.job.tokens[len(slot.tokens) :][:size]
        self.memory.of(slot.id).extend(more)
        slot.tokens += more
        return True

    def ended(self, tokens: Sequence[int]) -> Slot:
        slot, _ = self.place(tokens)
        assert self.read(slot)
        self.slots.release(slot)
        return slot

    def true(self) -> None:
        """What a slot is said to hold is what is in memory."""
        for slot in self.slots:
            assert slot.tokens == self.memory.of(slot.id)


def test_the_next_turn_comes_back_to_its_slot() -> None:
    house = House(4)
    before = house.ended(PROMPT)
    house.ended([9, 9, 9])
    slot, reused = house.place([*PROMPT, 5, 6, 7])
    assert (slot, reused) == (before, 1000)


def test_the_last_token_is_read_again() -> None:
    house = House(1)
    house.ended(PROMPT)
    _, reused = house.place(PROMPT)
    assert reused == 999


def test_a_few_equal_tokens_do_not_drive_out_a_long_conversation() -> None:
    house = House(2)
    long = house.ended(PROMPT)
    slot, reused = house.place([0, 1, 2, *range(5000, 5500)])
    assert slot is not long
    assert reused == 0


def test_another_conversation_with_the_same_system_text_gets_a_copy() -> None:
    house = House(2)
    long = house.ended(PROMPT)
    slot, reused = house.place([*PROMPT[:300], *range(5000, 5100)])
    assert slot is not long
    assert reused == 300
    assert long.tokens == PROMPT
    house.true()


def test_a_beginning_that_another_job_has_read_is_copied_from_its_slot() -> None:
    house = House(2)
    busy, _ = house.place(PROMPT)
    house.read(busy, 500)
    slot, reused = house.place([*PROMPT[:400], 7, 7, 7])
    assert slot is not busy
    assert reused == 400
    house.true()


def test_a_beginning_that_another_job_is_reading_is_waited_for() -> None:
    house = House(2)
    first, _ = house.place(PROMPT)
    second, promised = house.place(PROMPT)
    assert promised == 999
    assert not house.read(second)
    house.read(first, 998)
    assert not house.read(second)
    house.read(first)
    assert house.read(second)
    assert second.tokens == PROMPT
    assert house.slots.told() == []
    house.true()


def test_who_waits_goes_on_alone_when_the_other_leaves() -> None:
    house = House(2)
    first, _ = house.place(PROMPT)
    second, promised = house.place(PROMPT)
    house.read(first, 200)
    house.slots.release(first)
    assert house.read(second)
    assert promised == 999
    assert [told for _, told in house.slots.told()] == [Admitted(200)]
    house.true()


def test_what_is_overwritten_comes_back_from_the_archive() -> None:
    house = House(1, budget=10**6)
    house.ended(PROMPT)
    house.ended(range(2000, 2500))
    _, reused = house.place([*PROMPT, 4])
    assert reused == 1000
    house.true()


def test_what_the_archive_has_is_not_copied_out_of_memory_again() -> None:
    house = House(1, budget=10**6)
    house.ended(PROMPT)
    house.ended(range(2000, 2500))
    house.ended([*PROMPT[:300], 7])
    assert house.memory.states == 2
    house.slots.close()
    assert house.memory.states == 3
    house.true()


def test_without_a_budget_it_is_gone() -> None:
    house = House(1)
    house.ended(PROMPT)
    house.ended(range(2000, 2500))
    assert house.place([*PROMPT, 4])[1] == 0


def test_a_model_that_cannot_forget_a_part_begins_again_unless_all_of_it_serves() -> None:
    house = House(1, cuts=False)
    house.ended(PROMPT)
    assert house.place([*PROMPT, 1])[1] == 1000
    house = House(1, cuts=False)
    house.ended(PROMPT)
    assert house.place([*PROMPT[:900], 1, 2, 3])[1] == 0
    house.true()


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1000, 2000]),  # a conversation
            st.integers(1, 300),  # how much of it the prompt has
            st.lists(st.integers(0, 3), max_size=100),
            st.booleans(),  # whether it is left in the middle of its prompt
        ),
        max_size=12,
    ),
    st.booleans(),
    st.sampled_from([0, 3000, 10**6]),
)
def test_a_slot_never_lies_about_its_content(
    turns: list[tuple[int, int, list[int], bool]], cuts: bool, budget: int
) -> None:
    house = House(3, budget, cuts)
    running: list[Slot] = []
    for start, size, tail, left in turns:
        slot, reused = house.place([*range(start, start + size), *tail, 9])
        assert 0 <= reused < len(slot.job.tokens if slot.job else ())
        running.append(slot)
        for other in running:
            house.read(other, 40 if left else None)
        house.true()
        if len(running) == 3 or not left:
            house.slots.release(running.pop(0))
    house.true()
