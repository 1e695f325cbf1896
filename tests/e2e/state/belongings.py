"""A server that keeps things of two tenants, and what these are called."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from polystack.core.faces.library.transport import Transport
from polystack.core.runtime.front import Front

from .telling import Telling, listened, reached, telling

HI = {"role": "user", "content": "hi"}


@dataclass(frozen=True)
class Place:
    """A server with things of two tenants, and the names of these."""

    address: str
    client: httpx2.AsyncClient
    other: httpx2.AsyncClient  # of the other tenant
    names: dict[str, str]

    def filled(self, given: Any) -> Any:
        if isinstance(given, dict):
            return {name: self.filled(value) for name, value in given.items()}
        if isinstance(given, list):
            return [self.filled(value) for value in given]
        return self.names.get(given[1:-1], given) if isinstance(given, str) else given

    async def ask(self, call: str, body: Any = None) -> tuple[int, Any]:
        method, path = call.split()
        for name, id in self.names.items():
            path = path.replace(f"{{{name}}}", id)
        content = None if body is None else json.dumps(self.filled(body))
        answer = await self.client.request(method, path, content=content)
        return answer.status_code, answer.json()


async def _made(client: httpx2.AsyncClient, path: str, **body: Any) -> Any:
    answer = await client.post(path, json={"model": "telling", **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _things(client: httpx2.AsyncClient) -> dict[str, str]:
    """One of each kind, and a response that goes on from a deleted one."""
    done = await _made(client, "responses", input="a")
    deleted = (await _made(client, "responses", input="a"))["id"]
    orphan = await _made(client, "responses", input="a", previous_response_id=deleted)
    await client.delete(f"responses/{deleted}")
    running = await _made(client, "responses", input="wait", background=True)
    talk = (await _made(client, "conversations", items=[HI]))["id"]
    items = (await client.get(f"conversations/{talk}/items")).json()["data"]
    form = {"file": ("a.txt", b"mine")}
    file = await client.post("files", files=form, data={"purpose": "user_data"})
    return {
        "done": done["id"],
        "item": done["output"][0]["id"],
        "deleted": deleted,
        "orphan": orphan["id"],
        "running": running["id"],
        "streamed": await _streamed(client),
        "talk": talk,
        "said": items[0]["id"],
        "file": file.json()["id"],
    }


async def _streamed(client: httpx2.AsyncClient) -> str:
    """A response that goes on without anybody who listens."""
    body = {"input": "wait", "background": True, "stream": True}
    async with client.stream("POST", "responses", json=body) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                return str(json.loads(line[6:])["response"]["id"])
    raise AssertionError("the stream is empty")


def _client(stack: Any, address: str, key: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        base_url=f"http://{address}/v1/",
        headers={"authorization": f"Bearer {key}"},
        transport=Transport(Front(stack), lambda: None) if address == "library" else None,
        trust_env=False,
    )


@asynccontextmanager
async def place(over: str = "http") -> AsyncIterator[Place]:
    async with AsyncExitStack() as open:
        stack = await open.enter_async_context(telling(server={"api_keys": ["one", "two"]}))
        address = await open.enter_async_context(listened(stack)) if over == "http" else "library"
        made = [_client(stack, address, key) for key in ("one", "two")]
        one, two = [await open.enter_async_context(client) for client in made]
        theirs = {f"their_{name}": id for name, id in (await _things(two)).items()}
        names = await _things(one) | theirs
        await reached(10)
        yield Place(address, one, two, names)
        Telling.gate.set()
