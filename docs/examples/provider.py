"""A provider in the program itself: what it yields comes out in every protocol."""

from collections.abc import AsyncIterator, Sequence

from pydantic import BaseModel

from polystack.core import Model, Provider, Stack, ir


class Parrot(Provider):
    type = "parrot"

    class Config(BaseModel):
        word: str = "Hello"

    async def models(self) -> Sequence[Model]:
        return [Model("parrot", context_window=1000)]

    async def generate(self, request: ir.Request) -> AsyncIterator[ir.Event]:
        said = ir.text_of(request.turns[-1].parts) if request.turns else "nobody"
        yield ir.Started("parrot-1", "parrot")
        yield ir.PartStarted(0, ir.Text(""))
        yield ir.Delta(0, f"{self.config.word}, {said}!")
        yield ir.PartEnded(0)
        yield ir.Finished(ir.Stop("end"))


BIRDS = {
    "version": 1,
    "name": "birds",
    "apis": ["messages", "responses", "chat"],
    "providers": {"bird": {"type": "parrot", "config": {"word": "Hi"}}},
}
with Stack.load(BIRDS, providers=[Parrot]) as stack:
    print(stack.openai().responses.create(model="parrot", input="Ann").output_text)

# prints: Hi, Ann!
