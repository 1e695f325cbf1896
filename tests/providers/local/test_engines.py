"""Every engine on the model that ships: batching, memory, sampling, limits and endings."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import pytest
from engines import ENDLESS, HELLO, WEATHER, answer, ask, running, settled, text

from polystack.core import ir
from polystack.core.canon.collect import collect
from polystack.core.canon.errors import ConfigError, ContextOverflow, InvalidRequest, Overloaded
from polystack.providers.local.constraints.enforcing import Enforcer
from polystack.providers.local.job import Job
from polystack.providers.local.provider import Local
from polystack.providers.local.sampling import Sampler
from polystack.providers.local.worker import Worker

pytestmark = pytest.mark.engine

Start: TypeAlias = Callable[..., AbstractAsyncContextManager[Local]]


@pytest.fixture(params=["llamacpp", "mlx"])
def engine(request: pytest.FixtureRequest) -> Start:
    """Starts one, with this configuration, for as long as a block lasts."""
    return partial(running, request.param)


# Batching ----------------------------------------------------------------------------------------


async def test_together_or_alone_everybody_gets_the_same_answer(engine: Start) -> None:
    prompts = [ask(f"Count from {i} to {i + 9}") for i in range(1, 17)]
    async with engine(slots=16) as together, engine(slots=1) as alone:
        crowd = await asyncio.gather(*(text(together, prompt) for prompt in prompts))
        assert crowd == [await text(alone, prompt) for prompt in prompts]
        assert len(set(crowd)) == len(prompts)


async def test_streams_that_are_cancelled_at_random_disturb_nobody(engine: Start) -> None:
    rng = random.Random(3)

    async def leave(provider: Local) -> None:
        prepared = await provider.prepare(ask(ENDLESS))
        async with aclosing(prepared.run(0)) as events:  # type: ignore[type-var]
            left = rng.randrange(1, 40)
            async for _ in events:
                left -= 1
                if not left:
                    return

    async with engine(slots=8, max_queue=64) as provider:
        prompts = [ask(f"Count from {i} to {i + 6}") for i in range(1, 17)]
        expected = [await text(provider, prompt) for prompt in prompts]
        crowd = [text(provider, prompt) for prompt in prompts]
        leavers = [leave(provider) for _ in range(16)]
        answers, _ = await asyncio.gather(asyncio.gather(*crowd), asyncio.gather(*leavers))
        assert answers == expected
        await settled(provider)
        assert provider.status() == {"slots": 8, "running": 0, "waiting": 0}


async def test_a_seed_gives_the_same_text_whatever_else_runs(engine: Start) -> None:
    drawn = ask(
        "zq xv",
        sampling=ir.Sampling(
            temperature=2.0, top_p=1.0, top_k=0, min_p=0.0, seed=42, max_tokens=24
        ),
    )
    async with engine(slots=8) as provider:
        alone = await text(provider, drawn)
        other = ask(ENDLESS, sampling=ir.Sampling(max_tokens=60))
        *crowd, _ = await asyncio.gather(
            *(text(provider, drawn) for _ in range(4)), text(provider, other)
        )
        assert set(crowd) == {alone}
        assert await text(provider, drawn, choice=1) != alone


async def test_more_requests_than_slots_wait_and_are_all_answered(engine: Start) -> None:
    async with engine(slots=2, max_queue=30) as provider:
        answers = await asyncio.gather(*(text(provider, ask(HELLO)) for _ in range(20)))
        assert set(answers) == {"Hello! How can I help you today?"}


async def test_a_full_queue_says_when_to_come_back(engine: Start) -> None:
    async with engine(slots=1, max_queue=1) as provider:
        runs = [(await provider.prepare(ask(ENDLESS))).run(0) for _ in range(3)]
        tasks = [asyncio.ensure_future(anext(run)) for run in runs]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        errors = [task.exception() for task in done if task.exception() is not None]
        assert len(errors) == 1
        assert isinstance(errors[0], Overloaded)
        assert errors[0].retry_after
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for run in runs:
            await run.aclose()  # type: ignore[attr-defined]


# Memory ------------------------------------------------------------------------------------------


async def test_a_prompt_that_was_seen_is_not_read_again(engine: Start) -> None:
    async with engine() as provider:
        long = ask("Repeat this: " + "one two " * 60, sampling=ir.Sampling(max_tokens=8))
        first = await answer(provider, long)
        second = await answer(provider, long)
        assert first.usage is not None
        assert second.usage is not None
        assert first.usage.cache_read == 0
        assert second.usage.cache_read == second.usage.input - 1
        assert first.parts == second.parts


async def test_a_prompt_that_does_not_fit_is_refused_with_its_size(engine: Start) -> None:
    async with engine(context=256) as provider:
        with pytest.raises(ContextOverflow) as caught:
            await provider.prepare(ask("word " * 300))
        assert caught.value.limit == 255
        assert caught.value.tokens > 300


async def test_an_answer_that_reaches_the_end_of_the_context_ends_with_length(
    engine: Start,
) -> None:
    async with engine(context=256) as provider:
        found = await answer(provider, ask(ENDLESS, sampling=ir.Sampling(max_tokens=5000)))
        assert found.stop.reason == "length"
        assert found.usage is not None
        assert found.usage.input + found.usage.output <= 257


# Counting ----------------------------------------------------------------------------------------


async def test_tokens_are_counted_exactly(engine: Start) -> None:
    async with engine() as provider:
        request = ask(HELLO, tools=(WEATHER,))
        count = await provider.count_tokens(request)
        found = await answer(provider, request)
        assert not count.estimated
        assert found.usage is not None
        assert found.usage.input == count.input


async def test_max_tokens_is_kept_to_the_token(engine: Start) -> None:
    async with engine() as provider:
        for limit in (1, 2, 7):
            found = await answer(provider, ask(ENDLESS, sampling=ir.Sampling(max_tokens=limit)))
            assert found.usage is not None
            assert (found.usage.output, found.stop.reason) == (limit, "length")


async def test_a_limit_of_nothing_reads_the_prompt_and_says_nothing(engine: Start) -> None:
    async with engine() as provider:
        warmed = await answer(provider, ask(HELLO, sampling=ir.Sampling(max_tokens=0)))
        assert (warmed.parts, warmed.stop.reason) == ((), "length")
        assert warmed.usage is not None
        assert warmed.usage.output == 0
        usage = (await answer(provider, ask(HELLO))).usage
        assert usage is not None
        assert usage.cache_read == usage.input - 1


async def test_thinking_is_counted_apart(engine: Start) -> None:
    async with engine() as provider:
        found = await answer(provider, ask("Hello!", reasoning=ir.ReasoningConfig(True)))
        assert [type(part) for part in found.parts] == [ir.Reasoning, ir.Text]
        assert found.usage is not None
        assert 0 < (found.usage.reasoning or 0) < found.usage.output


# Endings and sampling ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stop", "shown", "met"),
    [
        (("3",), "1, 2, ", "3"),
        ((", 4",), "1, 2, 3", ", 4"),
        (("2, 3, 4", "5"), "1, ", "2, 3, 4"),
        (("9",), "1, 2, 3, 4, 5.", None),
    ],
)
async def test_a_stop_string_is_met_across_tokens_and_never_shown(
    engine: Start, stop: tuple[str, ...], shown: str, met: str | None
) -> None:
    async with engine() as provider:
        found = await answer(provider, ask("Count from 1 to 5", sampling=ir.Sampling(stop=stop)))
        assert ir.text_of(found.parts) == shown
        assert found.stop == (ir.Stop("stop_sequence", met) if met else ir.Stop("end"))


async def test_letters_of_many_bytes_come_whole(engine: Start) -> None:
    async with engine() as provider:
        prepared = await provider.prepare(ask('Repeat after me: "Zürich é"'))
        deltas = [e.text async for e in prepared.run(0) if isinstance(e, ir.Delta)]
        assert "\N{REPLACEMENT CHARACTER}" not in "".join(deltas)
        assert "ü" in "".join(deltas)


async def test_logprobs_come_with_their_tokens(engine: Start) -> None:
    async with engine() as provider:
        request = ask(HELLO, sampling=ir.Sampling(logprobs=True, top_logprobs=3))
        (part,) = (await answer(provider, request)).parts
        assert isinstance(part, ir.Text)
        assert b"".join(t.data or b"" for t in part.logprobs).decode().strip() == part.text
        for token in part.logprobs:
            assert len(token.top) == 3
            assert token.logprob == pytest.approx(token.top[0].logprob)  # greedy


async def test_a_bias_forbids_a_token(engine: Start) -> None:
    async with engine() as provider:
        plain = await text(provider, ask(HELLO))
        hello = provider._engine.vocabulary.tokenize("Hello", False)[0]
        forbidden = ir.Sampling(logit_bias={hello: -100.0}, max_tokens=10)
        assert await text(provider, ask(HELLO, sampling=forbidden)) != plain


@pytest.mark.parametrize("temperature", [0.0, 1.0])
async def test_what_is_forbidden_never_comes_and_all_else_as_if_it_were_unlikely(
    engine: Start, temperature: float
) -> None:
    async with engine(slots=4) as provider:
        at = await provider._residency.arrived()
        words = at.engine.vocabulary
        prompt = words.tokenize(f"<|im_start|>user\n{HELLO}<|im_end|>\n<|im_start|>assistant\n")
        free = Sampler(temperature, 1, 0, 0, seed=5)
        first = (await said(at.worker, Job(prompt, 8, free)))[0]
        unlikely = replace(free, logit_bias={first: -100.0})
        expected = await said(at.worker, Job(prompt, 8, unlikely))
        forbidden = replace(free, forbidden=frozenset({first}))
        jobs = [Job(prompt, 8, each) for each in (free, forbidden, unlikely, forbidden)]
        told = await asyncio.gather(*(said(at.worker, job) for job in jobs))
    assert first not in expected
    assert told[1:] == [expected] * 3
    assert told[0][0] == first


async def said(worker: Worker, job: Job) -> list[int]:
    """The tokens that a bare job is answered with."""
    worker.submit(job)
    while not any(output.last for output in await job.take()):
        pass
    return job.tokens[job.prompt_size :]


@pytest.mark.parametrize(
    ("sampling", "param"),
    [
        (ir.Sampling(temperature=float("nan")), "temperature"),
        (ir.Sampling(temperature=-1.0), "temperature"),
        (ir.Sampling(top_p=2.0), "top_p"),
        (ir.Sampling(min_p=float("inf")), "min_p"),
        (ir.Sampling(presence_penalty=float("nan")), "presence_penalty"),
        (ir.Sampling(logit_bias={99_999_999: 1.0}), "logit_bias"),
        (ir.Sampling(top_logprobs=-1, logprobs=True), "top_logprobs"),
    ],
)
async def test_no_absurd_number_reaches_native_code(
    engine: Start, sampling: ir.Sampling, param: str
) -> None:
    async with engine() as provider:
        with pytest.raises(InvalidRequest) as caught:
            await provider.prepare(ask(HELLO, sampling=sampling))
        assert param in (caught.value.param or "")


# Tools -------------------------------------------------------------------------------------------


async def test_tools_are_called_in_parallel_or_one_at_a_time(engine: Start) -> None:
    asked = "What is the weather in Paris and in Rome?"
    async with engine() as provider:
        both = await answer(provider, ask(asked, tools=(WEATHER,)))
        assert both.stop.reason == "tool_call"
        assert [p.arguments for p in both.parts if isinstance(p, ir.ToolCall)] == [
            '{"city": "Paris"}',
            '{"city": "Rome"}',
        ]
        single = ask(asked, tools=(WEATHER,), tool_choice=ir.ToolChoice(parallel=False))
        (one,) = (await answer(provider, single)).parts
        assert isinstance(one, ir.ToolCall)


async def test_without_tools_there_is_no_call(engine: Start) -> None:
    asked = "What is the weather in Paris?"
    async with engine() as provider:
        for request in (
            ask(asked),
            ask(asked, tools=(WEATHER,), tool_choice=ir.ToolChoice("none")),
        ):
            found = await answer(provider, request)
            assert not [part for part in found.parts if isinstance(part, ir.ToolCall)]
            assert "<tool_call>" not in ir.text_of(found.parts)


async def test_what_an_engine_cannot_enforce_is_in_the_ledger(engine: Start) -> None:
    schema: dict[str, Any] = {"type": "object"}
    request = ask(
        "hi",
        tools=(WEATHER,),
        tool_choice=ir.ToolChoice("required", at="tool_choice"),
        output=ir.OutputFormat("schema", schema, at="text.format"),
    )
    async with engine() as provider:
        losses = (await provider.prepare(request)).losses
    approximated = {loss.path for loss in losses if loss.verdict == "approximated"}
    assert approximated == (set() if provider.constrains else {"tool_choice", "text.format"})


# Life --------------------------------------------------------------------------------------------


async def test_stopping_ends_every_stream_with_an_error(engine: Start) -> None:
    async with engine(slots=4) as provider:
        prepared = await provider.prepare(ask(ENDLESS))
        runs = [prepared.run(choice) for choice in range(3)]
        for run in runs:
            assert isinstance(await anext(run), ir.Started)
        await provider.stop()
        for run in runs:
            rest = [event async for event in run]
            assert isinstance(rest[-1], ir.Failed)
        with pytest.raises(Overloaded):
            await provider.prepare(ask(HELLO))


async def test_an_engine_starts_again_after_it_was_stopped(engine: Start) -> None:
    async with engine() as provider:
        await provider.stop()
        await provider.start()
        assert await text(provider, ask(HELLO)) == "Hello! How can I help you today?"


@pytest.mark.parametrize(
    ("kind", "package"),
    [("llamacpp", "llama_cpp"), ("llamacpp", "jinja2"), ("mlx", "mlx_lm"), ("mlx", "jinja2")],
)
async def test_an_engine_that_is_not_installed_says_how_it_is(
    kind: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=rf"'{package}'.*pip install .polystack\[{kind}\]"):
        async with running(kind):
            pass


async def test_the_model_says_what_it_is(engine: Start) -> None:
    async with engine(context=2048) as provider:
        (model,) = await provider.models()
    assert (model.id, model.context_window) == ("tiny", 2048)
    assert {"tools", "reasoning", "streaming"} <= model.features


async def test_one_preparation_runs_as_many_choices_as_are_asked_for(engine: Start) -> None:
    async with engine() as provider:
        drawn = ask(
            "zq xv",
            sampling=ir.Sampling(
                temperature=2.0, top_p=1.0, top_k=0, min_p=0.0, seed=1, max_tokens=20, n=3
            ),
        )
        prepared = await provider.prepare(drawn)

        async def whole(choice: int) -> ir.Response:
            return collect([event async for event in prepared.run(choice)])

        answers = await asyncio.gather(*(whole(choice) for choice in range(3)))
        assert len({ir.text_of(each.parts) for each in answers}) > 1


# Two engines -------------------------------------------------------------------------------------

PROMPTS = (HELLO, "Count from 3 to 9", "Repeat: the quick brown fox", "What is 2 + 2?")


async def test_the_engines_give_the_same_answers() -> None:
    async with running("llamacpp") as one, running("mlx") as other:
        for prompt in PROMPTS:
            assert await text(one, ask(prompt)) == await text(other, ask(prompt))
        request = ask("What is the weather in Paris?", tools=(WEATHER,))
        calls = [(await answer(each, request)).parts for each in (one, other)]
        assert [part.arguments for parts in calls for part in parts] == ['{"city": "Paris"}'] * 2  # type: ignore[union-attr]
        counts = [(await each.count_tokens(request)).input for each in (one, other)]
        assert counts[0] == counts[1]


# Formats -----------------------------------------------------------------------------------------


async def test_calls_and_thoughts_are_read_in_the_configured_form(engine: Start) -> None:
    weather = ask("What is the weather in Paris?", tools=(WEATHER,))
    adding = ask("What is 2 + 3?", reasoning=ir.ReasoningConfig(enabled=True))
    async with engine() as detected:
        assert isinstance((await answer(detected, weather)).parts[0], ir.ToolCall)
        assert isinstance((await answer(detected, adding)).parts[0], ir.Reasoning)
    async with engine(tool_format="mistral", reasoning_format="none") as configured:
        assert (await text(configured, weather)).startswith("<tool_call>")
        assert (await text(configured, adding)).startswith("<think>")


@pytest.mark.parametrize("malformed", ["text", "error"])
async def test_a_call_that_cannot_be_read_is_text_or_an_error_as_configured(
    engine: Start, malformed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Enforcer, "available", lambda: False)
    async with engine(malformed_calls=malformed) as provider:
        vocabulary = provider._engine.vocabulary
        braces = {t: -100.0 for t in range(vocabulary.size) if b"{" in vocabulary.piece(t)}
        sampling = ir.Sampling(logit_bias=braces, max_tokens=40)
        request = ask("What is the weather in Paris?", tools=(WEATHER,), sampling=sampling)
        events = [event async for event in (await provider.prepare(request)).run(0)]
    written = "".join(event.text for event in events if isinstance(event, ir.Delta))
    last = events[-1]
    if malformed == "text":
        assert written.startswith("<tool_call>")
        assert isinstance(last, ir.Finished)
        assert last.extra == {"stack": {"notes": ["a malformed tool call was left in the text"]}}
    else:
        assert isinstance(last, ir.Failed)
        assert "`malformed_calls: text`" in last.error.message
