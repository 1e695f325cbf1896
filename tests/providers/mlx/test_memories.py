"""Idle conversations: whose memory a prompt gets, and what is forgotten first."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from engines import answer, ask, running

from polystack.core import ir
from polystack.providers.mlx.memories import Memories

pytestmark = pytest.mark.engine


@dataclass
class Layer:
    """What mlx-lm asks of a layer of a cache."""

    nbytes: int
    offset: int = 0
    trimmable: bool = True

    @property
    def state(self) -> tuple[int]:
        return (self.offset,)

    def is_trimmable(self) -> bool:
        return self.trimmable

    def trim(self, size: int) -> int:
        self.offset -= size
        return size


def put(memories: Memories, tokens: list[int], size: int = 10, trimmable: bool = True) -> Layer:
    layer = Layer(size, len(tokens), trimmable)
    memories.put(tokens, [layer])
    return layer


LONG = list(range(1000))


def test_the_next_turn_takes_its_memory() -> None:
    memories = Memories(100)
    layer = put(memories, LONG)
    memory = memories.take([*LONG, 5])
    assert memory is not None
    assert memory.tokens == LONG
    assert memory.cache == [layer]
    assert memories.take([*LONG, 5]) is None


def test_another_conversation_gets_a_copy_of_the_beginning() -> None:
    memories = Memories(100)
    layer = put(memories, LONG)
    memory = memories.take([*LONG[:300], 7, 7])
    assert memory is not None
    assert (len(memory.tokens), memory.cache[0].offset) == (300, 300)
    assert layer.offset == 1000
    assert memories.take([*LONG, 5]) is not None


def test_a_few_equal_tokens_take_nobodys_memory() -> None:
    memories = Memories(100)
    put(memories, LONG)
    assert memories.take([0, 1, 2, 3, *range(5000, 5100)]) is None


def test_a_budget_of_bytes_keeps_the_newest() -> None:
    memories = Memories(25)
    for start in (0, 2000, 4000):
        put(memories, list(range(start, start + 100)))
    assert memories.take(list(range(100))) is None
    assert memories.take(list(range(4000, 4100))) is not None


def test_a_conversation_replaces_its_own_beginning() -> None:
    memories = Memories(25)
    put(memories, [9, 9])
    put(memories, LONG[:100])
    put(memories, LONG)
    assert memories.take([9, 9]) is not None


def test_a_memory_that_cannot_be_cut_serves_as_a_whole_or_not_at_all() -> None:
    memories = Memories(100)
    put(memories, LONG, trimmable=False)
    assert memories.take([*LONG[:900], 5]) is None
    assert memories.take([*LONG, 5]) is not None


STORY = " ".join(f"The {n} houses of the street are green." for n in range(30))


def about(question: str) -> ir.Request:
    sampling = ir.Sampling(temperature=0, max_tokens=24)
    return ask(question, instructions=(ir.Text(STORY),), sampling=sampling)


async def test_a_beginning_that_a_running_conversation_has_read_is_copied() -> None:
    questions = ("Count to 100.", "Say hello", "Count from 1 to 5.")
    async with running("mlx", cache_memory=0) as provider:
        cold = [await answer(provider, about(question)) for question in questions]
    async with running("mlx", slots=3) as provider:
        first = asyncio.create_task(answer(provider, about(questions[0])))
        prepared = await provider.prepare(about(questions[0]))
        async for event in prepared.run(0):
            if isinstance(event, ir.Delta):  # its prompt is read
                break
        rest = await asyncio.gather(*(answer(provider, about(each)) for each in questions[1:]))
        answers = [await first, *rest]
    assert [ir.text_of(each.parts) for each in answers] == [ir.text_of(e.parts) for e in cold]
    for each in rest:
        assert each.usage is not None
        assert (each.usage.cache_read or 0) > 200
