"""The official ollama package against a stack: scripted answers, and the tiny model."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ollama
import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML
from serving import serving

HI = {"role": "user", "content": "Say hello"}
PARTS = Path(__file__).with_name("parts.yaml")
PNG = "iVBORw0KGgo="


class Person(BaseModel):
    name: str
    city: str


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`parts.yaml`, without its key and with this API."""
    yaml: Any = YAML(typ="safe", pure=True)
    whole = copy.deepcopy(yaml.load(PARTS))
    whole |= {"apis": ["ollama", "chat"], "server": {}}
    path = tmp_path_factory.mktemp("ollama") / "parts.yaml"
    yaml.dump(whole, path)
    with serving(path) as url:
        yield url


@contextmanager
def connected(url: str) -> Iterator[ollama.Client]:
    client = ollama.Client(host=url)
    try:
        yield client
    finally:
        client.close()  # type: ignore[no-untyped-call]


@pytest.fixture
def client(scripted: str) -> Iterator[ollama.Client]:
    with connected(scripted) as client:
        yield client


@pytest.fixture(scope="module")
def engine() -> Iterator[ollama.Client]:
    strict = "models.strict={provider: tiny, fidelity: strict}"
    with serving("starter.yaml", "--set", strict) as url, connected(url) as client:
        yield client


def ask(client: ollama.Client, text: str, **more: Any) -> Any:
    messages = [{"role": "user", "content": text}]
    return client.chat(model="scripted", messages=messages, **more)


# Scripted ----------------------------------------------------------------------------------------


def test_a_chat_whole_and_streamed_say_the_same(client: ollama.Client) -> None:
    whole = ask(client, "plain")
    assert whole.message.content == "Hello é😀"
    assert (whole.done, whole.done_reason, whole.model) == (True, "stop", "scripted")
    found = list(ask(client, "plain", stream=True))
    assert "".join(piece.message.content for piece in found) == whole.message.content
    assert [piece.done for piece in found] == [False] * (len(found) - 1) + [True]
    assert found[-1].eval_count == whole.eval_count


async def test_the_asynchronous_client(scripted: str) -> None:
    client = ollama.AsyncClient(host=scripted)
    messages = [{"role": "user", "content": "plain"}]
    whole = await client.chat(model="scripted", messages=messages)
    assert whole.message.content == "Hello é😀"
    stream = await client.chat(model="scripted", messages=messages, stream=True)
    assert "".join([piece.message.content or "" async for piece in stream]) == "Hello é😀"
    await client.close()  # type: ignore[no-untyped-call]


def test_a_prompt_is_generated_from(client: ollama.Client) -> None:
    assert client.generate(model="scripted", prompt="plain").response == "Hello é😀"
    stream = client.generate(model="scripted", prompt="plain", stream=True)
    assert "".join(piece.response or "" for piece in stream) == "Hello é😀"


@pytest.mark.parametrize("stream", [False, True])
def test_thinking_is_told_beside_the_text(client: ollama.Client, stream: bool) -> None:
    answer = ask(client, "interleaved", think=True, stream=stream)
    pieces = list(answer) if stream else [answer]
    assert "".join(piece.message.thinking or "" for piece in pieces)
    calls = [call for piece in pieces for call in piece.message.tool_calls or ()]
    assert calls


def test_a_failure_before_the_start_has_its_status(client: ollama.Client) -> None:
    for kind, status in [("overloaded", 503), ("rate_limited", 429), ("upstream", 502)]:
        with pytest.raises(ollama.ResponseError) as caught:
            ask(client, f"error {kind}")
        assert (caught.value.status_code, caught.value.error) == (status, "scripted")


def test_a_failure_in_the_middle_of_a_stream_is_an_error(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="broken"):
        list(ask(client, "midway", stream=True))


def test_an_image_reaches_the_provider(client: ollama.Client) -> None:
    message = {"role": "user", "content": "what?", "images": [PNG]}
    assert client.chat(model="scripted", messages=[message]).message.content == "I see an image."


@pytest.mark.engine
def test_what_nothing_here_does_is_refused_where_the_route_is_strict(
    engine: ollama.Client,
) -> None:
    with pytest.raises(ollama.ResponseError, match=r"options\.repeat_penalty") as caught:
        engine.chat(model="strict", messages=[HI], options={"repeat_penalty": 1.1})
    assert caught.value.status_code == 400


# The tiny model ----------------------------------------------------------------------------------


@pytest.mark.engine
def test_the_model_answers_and_counts(engine: ollama.Client) -> None:
    answer = engine.chat(model="tiny", messages=[HI], options={"temperature": 0})
    assert answer.message.content == "Hello! How can I help you today?"
    assert answer.prompt_eval_count
    assert answer.eval_count


@pytest.mark.engine
@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_round_trip(engine: ollama.Client, stream: bool) -> None:
    def get_weather(city: str) -> str:
        """Get the weather.

        Args:
          city: The city to tell the weather of.
        """
        return f"sunny in {city}"

    asked: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    options: Any = {"model": "tiny", "tools": [get_weather], "options": {"temperature": 0}}
    if stream:
        pieces = list(engine.chat(messages=asked, stream=True, **options))
        message = next(piece.message for piece in pieces if piece.message.tool_calls)
    else:
        message = engine.chat(messages=asked, **options).message
    (call,) = message.tool_calls or ()
    assert (call.function.name, call.function.arguments) == ("get_weather", {"city": "Paris"})
    asked += [message, {"role": "tool", "tool_name": "get_weather", "content": "sunny"}]
    assert "sunny" in (engine.chat(messages=asked, **options).message.content or "")


@pytest.mark.engine
def test_thinking_is_asked_for_and_told(engine: ollama.Client) -> None:
    question = [{"role": "user", "content": "Think, then say hello."}]
    options = {"temperature": 0, "num_predict": 60}
    answer = engine.chat(model="tiny", messages=question, think=True, options=options)
    assert answer.message.thinking


@pytest.mark.engine
def test_an_answer_in_json(engine: ollama.Client) -> None:
    prompt = "Give me JSON with name Ann and city Paris."
    answer = engine.chat(
        model="tiny",
        messages=[{"role": "user", "content": prompt}],
        format=Person.model_json_schema(),
        options={"temperature": 0},
    )
    assert Person.model_validate_json(answer.message.content or "") == Person(
        name="Ann", city="Paris"
    )


@pytest.mark.engine
def test_a_limit_ends_an_answer(engine: ollama.Client) -> None:
    answer = engine.generate(model="tiny", prompt="Count to 100.", options={"num_predict": 3})
    assert (answer.done_reason, answer.eval_count) == ("length", 3)


@pytest.mark.engine
def test_models_are_listed_and_shown(engine: ollama.Client) -> None:
    listed = {model.model: model for model in engine.list().models}
    assert "tiny" in listed
    assert len(listed["tiny"].digest or "") == 64
    shown = engine.show("tiny")
    assert {"completion", "tools", "thinking"} <= set(shown.capabilities or ())
    (window,) = [v for k, v in (shown.modelinfo or {}).items() if k.endswith(".context_length")]
    assert window == next(m.context_length for m in engine.ps().models if m.model == "tiny")


@pytest.mark.engine
def test_texts_are_embedded_and_long_ones_cut(engine: ollama.Client) -> None:
    found = engine.embed("tiny", ["one", "x " * 3000], dimensions=4)
    assert [len(vector) for vector in found.embeddings] == [4, 4]
    assert (found.prompt_eval_count or 0) > 2048
    assert engine.embed("tiny", "one", dimensions=4).embeddings[0] == pytest.approx(
        found.embeddings[0], abs=0.05
    )
    assert len(engine.embeddings("tiny", "one").embedding) == 192


@pytest.mark.engine
def test_a_model_is_let_go_and_loaded_by_asking_nothing(engine: ollama.Client) -> None:
    gone = engine.generate(model="tiny", keep_alive=0)
    assert (gone.response, gone.done_reason) == ("", "unload")
    assert "tiny" not in {model.name for model in engine.ps().models}
    back = engine.chat(model="tiny")
    assert (back.message.content, back.done_reason) == ("", "load")
    assert "tiny" in {model.name for model in engine.ps().models}
    (streamed,) = engine.generate(model="tiny", stream=True)
    assert streamed.done


@pytest.mark.engine
@pytest.mark.parametrize(
    ("ask", "status", "problem"),
    [
        (lambda c: c.chat(model="nope", messages=[HI]), 404, "'nope' is not served here"),
        (lambda c: c.show("nope"), 404, "'nope' is not served here"),
        (lambda c: c.embed("tiny", ""), 400, "input.0: it is empty"),
        (lambda c: c.embed("tiny", "x " * 3000, truncate=False), 400, "reads 2048 at most"),
        (lambda c: c.generate(model="tiny", prompt="x", suffix="y"), 400, "suffix: "),
        (lambda c: c.pull("x"), 404, "POST /api/pull is not served here"),
        (lambda c: c.delete("x"), 404, "DELETE /api/delete is not served here"),
        (
            lambda c: c.chat(model="tiny", messages=[HI | {"images": [PNG]}]),
            400,
            "image",
        ),
    ],
)
def test_what_cannot_be_done_is_an_error_that_says_so(
    engine: ollama.Client, ask: Any, status: int, problem: str
) -> None:
    with pytest.raises(ollama.ResponseError) as caught:
        ask(engine)
    assert problem in caught.value.error
    assert caught.value.status_code == status
