"""A provider in the program itself: what it yields comes out in every protocol."""

from collections.abc import AsyncIterator, Callable, Sequence
from importlib.metadata import EntryPoint, entry_points

from pydantic import BaseModel

from polystack.core import Model, Provider, Stack, hookimpl, ir
from polystack.core.runtime.plugins import Plugins


class Parrot(Provider):
    type = "parrot"

    class Config(BaseModel):
        word: str = "Hello"

    async def models(self) -> Sequence[Model]:
        return [Model("parrot", context_window=1000)]

    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        yield ir.Started("parrot-1", "parrot")
        yield ir.PartStarted(0, ir.Text(""))
        yield ir.Delta(0, f"{self.config.word}, {ir.text_of(request.turns[-1].parts)}!")
        yield ir.PartEnded(0)
        yield ir.Finished(ir.Stop("end"))


@hookimpl
def register_providers(register: Callable[[type[Provider]], None]) -> None:
    register(Parrot)


BIRDS = {
    "version": 1,
    "name": "birds",
    "apis": ["messages", "responses", "chat"],
    "providers": {"bird": {"type": "parrot", "config": {"word": "Hi"}}},
}
# A package would have this entry point in its pyproject.toml.
ours = EntryPoint("provider.parrot", __name__, "polystack")
plugins = Plugins([*entry_points(group="polystack"), ours])

with Stack.load(BIRDS, plugins=plugins) as stack:
    print(stack.openai().responses.create(model="parrot", input="Ann").output_text)

# prints: Hi, Ann!
