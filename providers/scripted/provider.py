"""The provider: a script's answers, played as a model would give them.

It honours what a client can see a model honour: stop sequences cut the text, and `max_tokens` is
the number of deltas that an answer may have.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from itertools import count, zip_longest
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from ...core.canon import ir
from ...core.canon.errors import ConfigError, InvalidRequest
from ...core.contract.provider import ConfigModel, Model, Prepared, Provider
from .cutting import Cut
from .matching import holds
from .playing import Planned, planned
from .script import AnswerEntry, ModelEntry, Script, StopEntry

DEMO = Path(__file__).with_name("demo.yaml")


class Settings(BaseModel):
    """A script in a file, or its answers right here; by default the demo that ships."""

    model_config = ConfigDict(extra="forbid")

    script: Path | None = None
    answers: list[AnswerEntry] | None = None
    models: list[ModelEntry] | None = None

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

    async def start(self) -> None:
        if self._script is None:
            self._script = await asyncio.to_thread(_read, self.config.script or DEMO)

    async def models(self) -> Sequence[Model]:
        assert self._script is not None, "a provider is started before it is asked"
        entries = self.config.models or self._script.models
        return [Model(each.id, each.context_window, each.max_output) for each in entries]

    async def prepare(self, request: ir.Request) -> Prepared:
        assert self._script is not None, "a provider is started before it is asked"
        answer = next((a for a in self._script.answers if holds(a.when, request)), None)
        if answer is None:
            raise InvalidRequest("the script has no answer to this; add one without conditions")
        parts = [
            planned(entry, index, request, self._call_id)
            for index, entry in enumerate(answer.parts)
        ]
        estimate = (await self.count_tokens(request)).input
        return Prepared(lambda choice: self._play(request, answer, parts, estimate))

    def _call_id(self) -> str:
        return f"call_scripted_{next(self._calls)}"

    async def _play(
        self, request: ir.Request, answer: AnswerEntry, parts: list[Planned], estimate: int
    ) -> AsyncIterator[ir.Event]:
        await asyncio.sleep(answer.delay)
        if answer.error is not None:
            raise answer.error.error()
        usage = _usage(answer, estimate)
        started = f"scripted-{next(self._answers)}"
        yield ir.Started(started, request.model or "", replace(usage, output=0, reasoning=None))
        cut = Cut(request.sampling.stop, request.sampling.max_tokens)
        for event in cut.through(_together(parts) if answer.overlap else _in_turn(parts)):
            if answer.pace and isinstance(event, ir.Delta):
                await asyncio.sleep(answer.pace)
            yield event
        if answer.hang:
            await asyncio.Event().wait()
        if answer.fail is not None:
            yield ir.Failed(answer.fail.error())
            return
        counted = usage if answer.usage else replace(usage, output=cut.deltas)
        yield ir.Finished(cut.stop or _stop(answer, parts), counted)


def _usage(answer: AnswerEntry, estimate: int) -> ir.Usage:
    if answer.usage is None:
        return ir.Usage(input=estimate)
    return ir.Usage(**answer.usage.model_dump())


def _stop(answer: AnswerEntry, parts: list[Planned]) -> ir.Stop:
    match answer.stop:
        case StopEntry(reason=reason, sequence=sequence):
            return ir.Stop(reason, sequence)
        case None:
            called = any(isinstance(part.start, ir.ToolCall) for part in parts)
            return ir.Stop("tool_call" if called else "end")
        case reason:
            return ir.Stop(reason)


def _in_turn(parts: list[Planned]) -> Iterator[ir.Event]:
    for index, part in enumerate(parts):
        if isinstance(part.start, ir.Opaque):
            yield part.start
            continue
        yield ir.PartStarted(index, part.start)
        yield from part.deltas
        yield from (ir.PartAnnotated(index, note) for note in part.notes)
        yield ir.PartEnded(index)


def _together(parts: list[Planned]) -> Iterator[ir.Event]:
    """All parts open, their deltas in turns, and the last one closed first."""
    shown = {index: p for index, p in enumerate(parts) if not isinstance(p.start, ir.Opaque)}
    for index, part in shown.items():
        yield ir.PartStarted(index, part.start)
    for row in zip_longest(*(part.deltas for part in shown.values())):
        yield from (delta for delta in row if delta is not None)
    for index, part in reversed(shown.items()):
        yield from (ir.PartAnnotated(index, note) for note in part.notes)
        yield ir.PartEnded(index)


def _read(path: Path) -> Script:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        document: Any = YAML(typ="safe", pure=True).load(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (YAMLError, UnicodeDecodeError) as error:
        place = str(getattr(error, "problem_mark", "") or "").strip()
        problem = getattr(error, "problem", None) or "not YAML"
        raise ConfigError(f"{path}: {problem} {place}".rstrip()) from None
    try:
        return Script.model_validate(document)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(str(piece) for piece in fault["loc"])
        raise ConfigError(f"{path}: {where}: {fault['msg'].lower()}") from None
