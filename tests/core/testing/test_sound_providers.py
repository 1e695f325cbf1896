"""What the kit says of providers that keep the contract: nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
from pydantic import BaseModel

from polystack.core import Model, Provider, ir
from polystack.core.testing import CHECKS, Check, ProviderCheck, check_provider


class Settings(BaseModel):
    pass


class Parrot(Provider):
    """All that a provider needs: its models, and answers as events."""

    type = "parrot"
    Config = Settings

    async def models(self) -> Sequence[Model]:
        return [Model("parrot")]

    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        yield ir.Started("1", "parrot")
        yield ir.PartStarted(0, ir.Text(""))
        for turn in request.turns:
            yield ir.Delta(0, ir.text_of(turn.parts))
        yield ir.PartEnded(0)
        yield ir.Finished(ir.Stop("end"))


def parrot() -> Parrot:
    return Parrot("parrot", Settings())


def test_a_small_provider_passes_every_check(provider_check: ProviderCheck) -> None:
    provider_check(parrot())


async def test_one_instance_is_started_and_stopped_for_each_check() -> None:
    await check_provider(parrot())


async def test_a_function_makes_an_instance_for_each_check() -> None:
    made: list[Parrot] = []

    def make() -> Parrot:
        made.append(parrot())
        return made[-1]

    await check_provider(make)
    assert len(made) == len(CHECKS)


async def test_a_check_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match=r"there is no check 'gramar'; there are .*'grammar'"):
        await check_provider(parrot(), only=["gramar"])


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_check_says_in_a_sentence_what_holds(check: Check) -> None:
    assert check.doc.endswith(".")
