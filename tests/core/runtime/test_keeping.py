"""What is in memory, and the paths to bring it in and let it go, which every face has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from keeping import DISTRIBUTION, Keeper

from polystack.core.canon.errors import NotSupported, UnknownModel
from polystack.core.faces.library import Stack
from polystack.core.faces.server.app import App

KEY = {"x-api-key": "open"}


def loaded(**more: Any) -> Stack:
    return Stack.load(DISTRIBUTION | more, providers=[Keeper])


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    async with loaded() as stack:
        yield stack


@pytest.fixture(params=["server", "transport"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[httpx2.AsyncClient]:
    async with loaded(server={"api_keys": ["open"]}) as stack:
        app = App(stack)
        async with app._lifespan(app._shell):
            inner = httpx2.ASGITransport(app) if request.param == "server" else stack.transport()
            async with httpx2.AsyncClient(
                transport=inner, base_url="http://stack", headers=KEY
            ) as it:
                yield it


# In a program ------------------------------------------------------------------------------------


async def test_each_model_is_listed_once_with_all_its_names(stack: Stack) -> None:
    names = {model["name"]: model["names"] for model in stack.models()["models"]}
    assert names == {
        "here/small": ["small", "main"],
        "here/busy": ["busy"],
        "here/large": ["large"],
        "there/scripted": ["scripted"],
    }


async def test_a_model_that_is_kept_here_says_how(stack: Stack) -> None:
    found = {model["name"]: model for model in stack.models()["models"]}
    assert found["here/busy"] == {
        "name": "here/busy",
        "names": ["busy"],
        "provider": "here",
        "type": "keeper",
        "context_window": 1000,
        "state": "loaded",
        "size": 3 << 30,
        "pinned": True,
        "slots": 4,
        "running": 1,
        "waiting": 0,
        "prompt_tokens": 100,
        "cached_tokens": 25,
        "output_tokens": 70,
        "tokens_per_second": 12.34,
    }
    assert "state" not in found["there/scripted"]


@pytest.mark.parametrize("name", ["small", "main", "here/small", "gpt-9"])
async def test_any_name_of_a_model_does(stack: Stack, name: str) -> None:
    assert (await stack.load_model(name))["state"] == "loaded"
    assert (await stack.unload_model(name))["state"] == "unloaded"


async def test_a_name_that_is_nearly_right_is_corrected(stack: Stack) -> None:
    with pytest.raises(UnknownModel, match="did you mean 'small'"):
        await stack.load_model("smal")


async def test_a_model_that_is_kept_elsewhere_has_nothing_to_load(stack: Stack) -> None:
    for act in (stack.load_model, stack.unload_model):
        with pytest.raises(NotSupported, match="keeps no model in this process"):
            await act("scripted")


async def test_a_client_is_told_what_need_not_be_loaded_first() -> None:
    async def told(stack: Stack, operation: str) -> set[str]:
        document = (await stack.handle("ollama", operation, {})).document
        assert document is not None
        return {model["name"] for model in document["models"]}

    async with loaded(apis=["ollama"], aliases={"gpt-x": "main"}) as stack:
        assert await told(stack, "models") == {
            "small",
            "busy",
            "large",
            "scripted",
            "main",
            "gpt-x",
        }
        assert await told(stack, "running") == {"busy", "scripted"}
        await stack.load_model("main")
        assert await told(stack, "running") == {"busy", "scripted", "small", "main", "gpt-x"}


def test_a_program_without_a_loop_does_the_same() -> None:
    with loaded() as stack:
        assert stack.load_model("small")["state"] == "loaded"
        assert [model.get("state") for model in stack.models()["models"]][:1] == ["loaded"]
        assert stack.unload_model("small")["state"] == "unloaded"


# By paths ----------------------------------------------------------------------------------------


async def test_the_paths_do_what_they_say(client: httpx2.AsyncClient) -> None:
    for verb, state in (("load", "loaded"), ("unload", "unloaded")):
        answer = await client.post(f"/stack/models/here/small/{verb}")
        assert (answer.status_code, answer.json()["state"]) == (200, state)
        listed = (await client.get("/stack/models")).json()["models"]
        assert listed[0]["state"] == state


@pytest.mark.parametrize(
    ("method", "path", "status", "kind", "said"),
    [
        ("POST", "/stack/models/smal/load", 404, "not_found", "did you mean 'small'"),
        ("POST", "/stack/models/busy/unload", 409, "conflict", "busy is busy"),
        ("POST", "/stack/models/scripted/load", 400, "invalid_request", "nothing to load"),
        ("POST", "/stack/models/large/load", 503, "overloaded", "no room for it"),
        ("GET", "/stack/models/small/load", 405, "invalid_request", "use POST"),
        ("DELETE", "/stack/models", 405, "invalid_request", "use GET"),
        ("POST", "/stack/models/small/eat", 404, "not_found", "is not served here"),
        ("GET", "/stack/else", 404, "not_found", "is not served here"),
    ],
)
async def test_an_error_is_an_answer_in_plain_words(
    client: httpx2.AsyncClient, method: str, path: str, status: int, kind: str, said: str
) -> None:
    answer = await client.request(method, path)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (status, kind)
    assert said in error["message"]
    assert answer.headers.get("retry-after") == ("5" if status == 503 else None)


async def test_a_key_is_wanted_where_keys_are(client: httpx2.AsyncClient) -> None:
    for path in ("/stack/models", "/stack/models/small/load"):
        answer = await client.request("GET", path, headers={"x-api-key": "wrong"})
        assert answer.status_code == 401
