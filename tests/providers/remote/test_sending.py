"""Tries before the first byte: other keys, the same request again, and a budget for it all."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest

from polystack.providers.remote.budget import RESERVE
from polystack.providers.remote.config import RemoteConfig
from polystack.providers.remote.sending import Outgoing, Sending
from polystack.providers.remote.transport import Answer, Timeouts, Transport, Unreachable

OUTGOING = Outgoing("POST", "/v1/chat/completions", "chat", {}, b"{}", False)


class Told(Answer):
    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        self.headers = headers
        self.closed = False

    async def chunks(self) -> AsyncGenerator[bytes]:
        yield b""

    async def read(self, limit: int) -> bytes:
        return b""

    async def aclose(self) -> None:
        self.closed = True


class Wire(Transport):
    """Answers in turn: a status, a status with headers, or nobody there."""

    def __init__(self, *answers: int | tuple[int, dict[str, str]] | None) -> None:
        self.answers = list(answers)
        self.keys: list[str | None] = []
        self.given: list[Told] = []

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeouts: Timeouts
    ) -> Answer:
        shown = headers.get("authorization")
        self.keys.append(shown and shown.removeprefix("Bearer "))
        match self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]:
            case None:
                raise Unreachable("nobody there")
            case (status, given):
                answer = Told(status, given)
            case status:
                answer = Told(status, {})
        self.given.append(answer)
        return answer

    async def aclose(self) -> None:
        pass


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, in no time."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("polystack.providers.remote.sending.asyncio.sleep", sleep)
    return waited


def sender(wire: Wire, **fields: Any) -> Sending:
    given = {"base_url": "http://127.0.0.1:1/v1", "native": ["chat"]} | fields
    return Sending(RemoteConfig.model_validate(given), wire)


async def status(made: Sending) -> int:
    return (await made.send(OUTGOING, Timeouts())).status


async def test_an_answer_is_asked_for_once() -> None:
    wire = Wire(200)
    assert await status(sender(wire, api_key="a")) == 200
    assert wire.keys == ["a"]


@pytest.mark.parametrize("refusal", [401, 403, 429])
async def test_the_next_key_is_tried_where_one_is_at_fault(refusal: int) -> None:
    wire = Wire(refusal, refusal, 200)
    made = sender(wire, api_keys=["a", "b", "c"], retries=0)
    assert await status(made) == 200
    assert wire.keys == ["a", "b", "c"]
    assert [answer.closed for answer in wire.given] == [True, True, False]
    assert await status(made) == 200
    assert wire.keys[-1] == "c", "the others rest"


async def test_when_no_key_is_left_the_servers_own_answer_stands() -> None:
    wire = Wire((429, {"retry-after": "9"}))
    made = sender(wire, api_keys=["a", "b"])
    answer = await made.send(OUTGOING, Timeouts())
    assert (answer.status, answer.headers["retry-after"]) == (429, "9")
    assert wire.keys == ["a", "b"]
    assert made.keys.resting == 2


@pytest.mark.parametrize("failure", [None, 500, 502, 503, 504, 529])
async def test_what_may_pass_is_tried_again_before_the_first_byte(
    failure: int | None, waits: list[float]
) -> None:
    wire = Wire(failure, 200)
    assert await status(sender(wire)) == 200
    assert len(waits) == 1


@pytest.mark.parametrize("refusal", [400, 404, 408, 413, 422])
async def test_what_will_not_pass_is_not(refusal: int) -> None:
    wire = Wire(refusal)
    assert await status(sender(wire, retries=5)) == refusal
    assert len(wire.keys) == 1


async def test_a_server_that_says_when_is_believed_up_to_a_point(waits: list[float]) -> None:
    assert await status(sender(Wire((503, {"retry-after-ms": "1500"}), 200))) == 200
    assert waits == [1.5]
    wire = Wire((503, {"retry-after": "60"}), 200)
    assert await status(sender(wire)) == 503, "the client decides whether to wait for so long"


async def test_an_error_that_stands_after_tries_says_that_they_were_made() -> None:
    answer = await sender(Wire(503)).send(OUTGOING, Timeouts())
    assert answer.headers["x-should-retry"] == "false"
    with pytest.raises(Unreachable) as caught:
        await sender(Wire(None)).send(OUTGOING, Timeouts())
    assert caught.value.retried
    answer = await sender(Wire(503), retries=0).send(OUTGOING, Timeouts())
    assert "x-should-retry" not in answer.headers


async def test_tries_are_a_share_of_the_traffic() -> None:
    wire = Wire(503)
    made = sender(wire)
    for _ in range(40):
        await status(made)
    assert len(wire.keys) - 40 <= RESERVE + 4


async def test_fixed_headers_go_before_whatever_else_is_sent() -> None:
    class Seeing(Wire):
        async def send(
            self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeouts: Timeouts
        ) -> Answer:
            self.headers = headers
            return await super().send(method, url, headers, body, timeouts)

    wire = Seeing(200)
    made = sender(wire, api_key="k", headers={"Authorization": "Basic x", "X-Team": "blue"})
    await status(made)
    assert wire.headers["authorization"] == "Basic x"
    assert wire.headers["x-team"] == "blue"
