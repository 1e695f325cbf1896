"""The one path that every call takes, without any HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel

from polystack.core import Model, Provider, Stack, hookimpl, ir
from polystack.core.canon.errors import (
    ConfigError,
    InvalidRequest,
    NotSupported,
    UnknownModel,
)
from polystack.core.contract.losses import Loss
from polystack.core.contract.provider import Prepared
from polystack.core.runtime.plugins import Plugins

STARTED: list[str] = []


class Lossy(Provider):
    """Loses what it is told to lose, and minds its life."""

    type = "lossy"

    class Config(BaseModel):
        losses: list[tuple[str, str]] = []
        broken: bool = False

    async def start(self) -> None:
        if self.config.broken:
            raise RuntimeError("no fuel")
        STARTED.append(self.name)

    async def stop(self) -> None:
        STARTED.remove(self.name)

    async def models(self) -> Sequence[Model]:
        return [Model("m", context_window=10)]

    async def prepare(self, request: ir.Request) -> Prepared:
        losses = [Loss(p, v, "it cannot do that") for p, v in self.config.losses]
        return Prepared(lambda choice: self._play(choice), losses)

    async def _play(self, choice: int) -> Any:
        yield ir.Started("1", "m")
        yield ir.PartStarted(0, ir.Text(""))
        yield ir.Delta(0, f"choice {choice}")
        yield ir.PartEnded(0)
        yield ir.Finished(ir.Stop("end"), ir.Usage(3, 2))


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Plugins:
    @hookimpl
    def register_providers(register: Any) -> None:
        register(Lossy)

    module = ModuleType("lossy")
    module.register_providers = register_providers  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "lossy", module)
    ours = entry_points(group="polystack")
    return Plugins([*ours, EntryPoint("provider.lossy", "lossy", "polystack")])


def stack(plugins: Plugins, losses: Sequence[tuple[str, str]] = (), **fields: Any) -> Stack:
    config: Mapping[str, Any] = {"losses": [list(loss) for loss in losses]}
    return Stack.load(
        {
            "version": 1,
            "name": "test",
            "apis": ["messages", "responses", "chat"],
            "providers": {"a": {"type": "lossy", "config": config}},
            **fields,
        },
        plugins=plugins,
    )


CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


async def test_losses_are_in_the_header_but_for_what_the_api_handles_itself(
    plugins: Plugins,
) -> None:
    losses = [
        ("new_field", "dropped"),
        ("service_tier", "dropped"),
        ("tool_choice", "approximated"),
    ]
    async with stack(plugins, losses) as running:
        reply = await running.handle("chat", "create", CHAT)
    assert reply.headers["x-stack-fidelity"] == "dropped=new_field; approximated=tool_choice"


@pytest.mark.parametrize("stream", [True, False])
async def test_losses_are_in_the_log_with_the_reason(
    plugins: Plugins, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="polystack")
    async with stack(plugins, [("new_field", "dropped")]) as running:
        reply = await running.handle("chat", "create", CHAT | {"stream": stream})
        if reply.stream is not None:
            assert [chunk async for chunk in reply.stream]
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("req_")
    assert line.endswith(" dropped new_field: it cannot do that")


@pytest.mark.parametrize("where", ["distribution", "model"])
async def test_a_strict_route_refuses_a_drop_by_name(plugins: Plugins, where: str) -> None:
    models = {"s": {"provider": "a", "fidelity": "strict"}}
    fields: dict[str, Any] = {"models": models} if where == "model" else {"fidelity": "strict"}
    asked = CHAT | {"model": "s" if where == "model" else "m"}
    async with stack(plugins, [("messages.0.x", "dropped")], **fields) as running:
        with pytest.raises(NotSupported, match=r"^messages\.0\.x: it cannot do that") as caught:
            await running.handle("chat", "create", asked)
        assert caught.value.status == 400
        assert caught.value.param == "messages.0.x"


async def test_a_strict_route_takes_what_is_only_approximated(plugins: Plugins) -> None:
    async with stack(plugins, [("x", "approximated")], fidelity="strict") as running:
        assert (await running.handle("chat", "create", CHAT)).status == 200


async def test_every_choice_is_run_and_shown(plugins: Plugins) -> None:
    async with stack(plugins) as running:
        reply = await running.handle("chat", "create", CHAT | {"n": 3})
        assert reply.document is not None
        texts = [choice["message"]["content"] for choice in reply.document["choices"]]
        assert texts == ["choice 0", "choice 1", "choice 2"]
        # They share the prompt, and each has its own output.
        assert reply.document["usage"]["prompt_tokens"] == 3
        assert reply.document["usage"]["completion_tokens"] == 6


async def test_an_answer_shows_the_name_that_was_asked_for(plugins: Plugins) -> None:
    async with stack(plugins, aliases={"claude-*": "a/m"}) as running:
        for api, body in (("chat", CHAT), ("messages", CHAT | {"max_tokens": 5})):
            reply = await running.handle(api, "create", body | {"model": "claude-x"})
            assert reply.document is not None
            assert reply.document["model"] == "claude-x"


async def test_bytes_and_documents_are_taken_alike(plugins: Plugins) -> None:
    from polystack.core.runtime.stack import Call

    async with stack(plugins) as running:
        body = b'{"model": "m", "messages": [{"role": "user", "content": "hi"}]}'
        assert (await running.handle("chat", "create", Call(body))).status == 200
        with pytest.raises(InvalidRequest, match="not valid JSON"):
            await running.handle("chat", "create", Call(b"{"))


async def test_a_large_body_is_read_like_a_small_one(plugins: Plugins) -> None:
    from polystack.core.runtime.stack import OFF_LOOP, Call

    text = b"x" * OFF_LOOP
    body = b'{"model": "m", "messages": [{"role": "user", "content": "' + text + b'"}]}'
    async with stack(plugins) as running:
        assert (await running.handle("chat", "create", Call(body))).status == 200
        with pytest.raises(InvalidRequest, match="not valid JSON"):
            await running.handle("chat", "create", Call(body[:-1]))


async def test_a_file_id_is_refused_even_within_a_tools_answer(plugins: Plugins) -> None:
    image = {"type": "image", "source": {"type": "file", "file_id": "file_9"}}
    result = {"type": "tool_result", "tool_use_id": "c", "content": [image]}
    body = {
        "model": "m",
        "max_tokens": 5,
        "messages": [{"role": "user", "content": [result]}],
    }
    async with stack(plugins) as running:
        with pytest.raises(InvalidRequest, match="file 'file_9' cannot be read") as caught:
            await running.handle("messages", "create", body)
        assert caught.value.param == "messages.0.content.0.content.0"


async def test_models_and_counts_need_no_generation(plugins: Plugins) -> None:
    from polystack.core.runtime.stack import Call

    async with stack(plugins) as running:
        listed = await running.handle("chat", "models", Call())
        assert listed.document is not None
        assert [model["id"] for model in listed.document["data"]] == ["m"]
        one = await running.handle("messages", "model", Call(items=("a/m",)))
        assert one.document is not None
        assert one.document["id"] == "a/m"
        body = {"model": "m", "messages": [{"role": "user", "content": "12345678"}]}
        count = await running.handle("messages", "count_tokens", body)
        assert count.document == {"input_tokens": 2}
        assert count.headers["x-stack-token-count"] == "estimated"


async def test_what_is_not_there_is_named(plugins: Plugins) -> None:
    running = stack(plugins)
    with pytest.raises(RuntimeError, match="does not run; use it inside `async with`"):
        await running.handle("chat", "create", CHAT)
    async with running:
        with pytest.raises(InvalidRequest, match="api 'nope' is not served"):
            await running.handle("nope", "create", CHAT)
        with pytest.raises(UnknownModel):
            await running.handle("chat", "create", CHAT | {"model": "zzz"})
        with pytest.raises(InvalidRequest, match="has no operation 'delete'; it has create"):
            await running.handle("chat", "delete", CHAT)
    with pytest.raises(RuntimeError, match="does not run"):
        await running.handle("chat", "models", CHAT)


async def test_a_provider_that_fails_to_start_is_named_and_the_others_are_stopped(
    plugins: Plugins,
) -> None:
    providers = {
        "good": {"type": "lossy"},
        "bad": {"type": "lossy", "config": {"broken": True}},
    }
    running = stack(plugins, providers=providers)
    with pytest.raises(ConfigError, match="provider 'bad' failed to start: RuntimeError: no fuel"):
        await running.start()
    assert STARTED == []
    assert running.registry is None


async def test_a_stream_that_is_closed_before_its_first_chunk_lets_go(plugins: Plugins) -> None:
    async with stack(plugins) as running:
        reply = await running.handle("chat", "create", CHAT | {"stream": True})
        assert reply.stream is not None
        await reply.stream.aclose()  # type: ignore[attr-defined]
        reply = await running.handle("chat", "create", CHAT | {"stream": True})
        assert reply.stream is not None
        assert b"".join([chunk async for chunk in reply.stream]).endswith(b"[DONE]\n\n")
