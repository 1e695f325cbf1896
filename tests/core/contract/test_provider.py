"""What a provider has without writing it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
from pydantic import BaseModel

from polystack.core import Model, Provider, ir


class Plain(Provider):
    type = "plain"
    Config = BaseModel

    async def models(self) -> Sequence[Model]:
        return [Model("plain")]

    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        yield ir.Started("1", "plain")
        yield ir.Finished(ir.Stop("end"))


REQUEST = ir.Request("plain", (ir.Turn("user", (ir.Text("12345678"),)),))


async def test_preparing_wraps_generate_and_loses_nothing() -> None:
    prepared = await Plain("p", None).prepare(REQUEST)
    assert prepared.losses == ()
    events = [event async for event in prepared.run(0)]
    assert events == [ir.Started("1", "plain"), ir.Finished(ir.Stop("end"))]


async def test_a_guess_at_the_tokens_is_marked_as_one() -> None:
    count = await Plain("p", None).count_tokens(REQUEST)
    assert (count.input, count.estimated) == (2, True)


async def test_a_provider_that_cannot_answer_says_what_is_missing() -> None:
    class Empty(Plain):
        generate = Provider.generate

    with pytest.raises(NotImplementedError, match="Empty must define generate"):
        (await Empty("p", None).prepare(REQUEST)).run(0)
