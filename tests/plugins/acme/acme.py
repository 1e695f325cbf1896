"""Repeats what it is told, a word at a time."""

from collections.abc import AsyncIterator, Callable, Sequence

from pydantic import BaseModel

from polystack.core import Model, Provider, hookimpl, ir


class Acme(Provider):
    type = "acme"

    class Config(BaseModel, extra="forbid"):
        first: str = "So"

    async def models(self) -> Sequence[Model]:
        return [Model("acme-echo", context_window=4096)]

    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        told = [ir.text_of(turn.parts) for turn in request.turns[-1:]]
        said = [f"{self.config.first},", *" ".join(told).split()]
        kept = said[: request.sampling.max_tokens]
        yield ir.Started("acme-1", "acme-echo")
        yield ir.PartStarted(0, ir.Text(""))
        for number, word in enumerate(kept):
            yield ir.Delta(0, f" {word}" if number else word)
        yield ir.PartEnded(0)
        count = await self.count_tokens(request)
        stop = ir.Stop("end" if kept == said else "length")
        yield ir.Finished(stop, ir.Usage(count.input, len(kept), estimated=True))


@hookimpl
def register_providers(register: Callable[[type[Provider]], None]) -> None:
    register(Acme)
