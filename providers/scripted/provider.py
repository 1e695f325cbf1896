"""The provider: a script's answers, played as a model would give them.

It honours what a client can see a model honour: stop sequences cut the text, and `max_tokens` is
the number of deltas that an answer may have. An answer that was cut so neither hangs nor fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, model_validator

from ...core.canon import ir
from ...core.canon.errors import InvalidRequest
from ...core.contract.provider import ConfigModel, Model, Prepared, Provider
from .cutting import Cut
from .matching import Scene, holds
from .ordering import ordered
from .reading import read
from .script import AnswerEntry, Answers, Models, Script, StopEntry

DEMO = Path(__file__).with_name("demo.yaml")


class Settings(BaseModel):
    """A script in a file, or its answers right here; by default the demo that ships."""

    model_config = ConfigDict(extra="forbid")

    script: Path | None = None
    """A YAML file with `answers` and `models`."""
    answers: Answers | None = None
    """The answers themselves, instead of `script`; the first whose `when` fits is given."""
    models: Models | None = None
    """The models to offer, each with an `id`, instead of those of the script."""

    @model_validator(mode="after")
    def _one_source(self) -> Settings:
        if self.script is not None and self.answers is not None:
            raise ValueError("give either script or answers, not both")
        return self


class Scripted(Provider):
    type: ClassVar[str] = "scripted"
    Config: ClassVar[ConfigModel] = Settings
    config: Settings

    def __init__(self, name: str, config: Settings) -> None:
        super().__init__(name, config)
        self._script = Script(answers=config.answers) if config.answers else None
        self._calls = count(1)
        self._answers = count(1)
        self._running = 0

    async def start(self) -> None:
        if self._script is None:
            path = self.config.script.expanduser() if self.config.script else DEMO
            self._script = await asyncio.to_thread(read, path)

    async def models(self) -> Sequence[Model]:
        assert self._script is not None, "a provider is started before it is asked"
        entries = self.config.models or self._script.models
        return [Model(each.id, each.context_window, each.max_output) for each in entries]

    async def prepare(self, request: ir.Request) -> Prepared:
        assert self._script is not None, "a provider is started before it is asked"
        answer = next((a for a in self._script.answers if holds(a.when, request)), None)
        if answer is None:
            raise InvalidRequest("the script has no answer to this; add one without conditions")
        estimate = (await self.count_tokens(request)).input
        return Prepared(lambda choice: self._play(request, answer, estimate))

    def status(self) -> Mapping[str, int]:
        return {"running": self._running}

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    def _call_id(self) -> str:
        return f"call_scripted_{next(self._calls)}"

    async def _play(
        self, request: ir.Request, answer: AnswerEntry, estimate: int
    ) -> AsyncIterator[ir.Event]:
        with self._counted():
            number = next(self._answers)
            events = ordered(answer, Scene(request, number, self._call_id))
            await _pause(answer.delay)
            if answer.error is not None:
                raise answer.error.error()
            usage = _usage(answer, estimate)
            known = replace(usage, output=0, reasoning=None)
            yield ir.Started(f"scripted-{number}", request.model or "", known)
            cut = Cut(request.sampling.stop, request.sampling.max_tokens)
            for event in cut.through(events):
                if isinstance(event, ir.Delta):
                    await _pause(answer.pace)
                yield event
            if cut.stop is None and answer.hang:
                await asyncio.Event().wait()
            if cut.stop is None and answer.fail is not None:
                yield ir.Failed(answer.fail.error())
                return
            counted = usage if answer.usage else replace(usage, output=cut.deltas)
            yield ir.Finished(cut.stop or _stop(answer, events), counted)


async def _pause(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)


def _usage(answer: AnswerEntry, estimate: int) -> ir.Usage:
    if answer.usage is None:
        return ir.Usage(input=estimate, estimated=True)
    return ir.Usage(**answer.usage.model_dump())


def _stop(answer: AnswerEntry, events: list[ir.Event]) -> ir.Stop:
    match answer.stop:
        case StopEntry() as stop:
            return ir.Stop(stop.reason, stop.sequence, stop.raw)
        case None:
            called = any(_is_call(event) for event in events)
            return ir.Stop("tool_call" if called else "end")
        case reason:
            return ir.Stop(reason)


def _is_call(event: ir.Event) -> bool:
    """A server tool's call was answered already, so it does not end the turn."""
    return (
        isinstance(event, ir.PartStarted)
        and isinstance(event.part, ir.ToolCall)
        and event.part.kind != "server"
    )
