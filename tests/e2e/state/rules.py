"""The rules of what is kept for one tenant, as plainly as they can be said.

An item is a text: who said it, and what. A response knows what it was told itself, what it answered
and what it goes on from; a conversation is a list of batches, each of what was added at once.
Nothing here is shared with the code that is tested.
"""

from __future__ import annotations

from dataclasses import dataclass, field

NO_PREVIOUS = (400, "previous_response_not_found")
BOTH = (400, "mutually_exclusive_parameters")
REFUSED = (400, None)
MISSING = (404, None)

RUNS = "runs"
TERMINALS = {"completed": "completed", "failed": "failed", "cancelled": "incomplete"}


class Refused(Exception):
    """What is asked for is answered with this status and code."""

    def __init__(self, answer: tuple[int, str | None]) -> None:
        super().__init__(*answer)
        self.answer = answer


@dataclass
class Response:
    told: list[str]
    said: list[str] = field(default_factory=list)
    status: str = RUNS
    previous: str | None = None
    talk: str | None = None
    place: int = 0  # of its conversation's batches, how many there were when it began
    background: bool = False
    streamed: bool = False
    named: str | None = None  # an item that another one was told, or said, first


@dataclass
class Rules:
    responses: dict[str, Response] = field(default_factory=dict)
    talks: dict[str, list[list[str]]] = field(default_factory=dict)

    # What a new response goes on from

    def history(self, previous: str | None, talk: str | None) -> list[str]:
        if previous is not None and talk is not None:
            raise Refused(BOTH)
        if previous is not None:
            return self.chain(previous)
        return [] if talk is None else self.items(talk)

    def chain(self, id: str) -> list[str]:
        """All that was said up to a response, and in it."""
        response = self.responses.get(id)
        if response is None:
            raise Refused(NO_PREVIOUS)
        if response.status == RUNS:
            raise Refused(REFUSED)
        return self.before(response) + response.told + response.said

    def before(self, response: Response) -> list[str]:
        if response.previous is not None:
            return self.chain(response.previous)
        if response.talk is None:
            return []
        if response.talk not in self.talks:
            raise Refused(NO_PREVIOUS)
        return _flat(self.talks[response.talk][: response.place])

    def named(self, item: str, history: list[str]) -> str:
        """An item that is named instead of repeated: a kept response was the first to have it."""
        kept = {
            item for each in self.responses.values() for item in _own(each) if item != each.named
        }
        if item in history or item not in kept:
            raise Refused(REFUSED)
        return item

    def paired(self, items: list[str]) -> None:
        """Every result has its call before it."""
        for place, item in enumerate(items):
            kind, _, call = item.partition(": ")
            if kind == "result" and f"call: {call}" not in items[:place]:
                raise Refused(REFUSED)

    # Responses

    def keep(self, id: str, response: Response) -> None:
        if response.talk is not None:
            response.place = len(self.talks[response.talk])
        self.responses[id] = response

    def end(self, id: str, status: str, said: list[str]) -> None:
        response = self.responses[id]
        response.status, response.said = status, said
        if status == "completed" and response.talk in self.talks:
            self.talks[response.talk].append(_own(response))

    def find(self, id: str) -> Response:
        if id not in self.responses:
            raise Refused(MISSING)
        return self.responses[id]

    def delete(self, id: str) -> None:
        self.find(id)
        del self.responses[id]

    def cancellable(self, id: str) -> Response:
        response = self.find(id)
        if not response.background:
            raise Refused(REFUSED)
        return response

    def followed(self, id: str) -> Response:
        response = self.find(id)
        if not response.streamed:
            raise Refused(REFUSED)
        return response

    def input_items(self, id: str) -> list[str]:
        response = self.find(id)
        return self.before(response) + response.told

    # Conversations

    def items(self, talk: str) -> list[str]:
        if talk not in self.talks:
            raise Refused(MISSING)
        return _flat(self.talks[talk])

    def add(self, talk: str, items: list[str]) -> None:
        self.items(talk)
        self.talks[talk].append(items)

    def has(self, talk: str, item: str) -> str:
        if item not in self.items(talk):
            raise Refused(MISSING)
        return item

    def remove(self, talk: str, item: str) -> None:
        self.has(talk, item)
        for batch in self.talks[talk]:
            if item in batch:
                batch.remove(item)

    def forget(self, talk: str) -> None:
        self.items(talk)
        del self.talks[talk]


def _own(response: Response) -> list[str]:
    return response.told + response.said


def _flat(batches: list[list[str]]) -> list[str]:
    return [item for batch in batches for item in batch]
