"""curl: one question in each protocol that is served, whoever wrote the protocol."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator

from ..core.canon import ir
from ..core.contract.api import Api
from ..core.contract.client import Address, Client, Recipe
from ..core.contract.hookspecs import hookimpl

QUESTION = (ir.Turn("user", (ir.Text("Say hello"),)),)
LIMIT = 200  # tokens of the answer


class Curl(Client):
    name = "curl"
    title = "curl, in every protocol served"
    apis = ()

    def recipe(self, at: Address) -> Recipe:
        return Recipe(script="\n\n".join(_commands(at)))


def _commands(at: Address) -> Iterator[str]:
    for api in at.apis.values():
        for operation in api.operations:
            if operation.action == "generate" and "{" not in operation.path:
                yield f"# {api.title}\n{_command(at, api, operation.path)}"
                break


def _command(at: Address, api: Api, path: str) -> str:
    key = [f'-H "Authorization: Bearer ${at.key}"'] if at.key else []
    lines = [
        f"curl -sw '\\n' {shlex.quote(at.url + path)}",
        "-H 'content-type: application/json'",
        *key,
        f"-d {shlex.quote(_body(api, at.model.id))}",
    ]
    return " \\\n  ".join(lines)


def _body(api: Api, model: str) -> str:
    request = ir.Request(model, QUESTION, sampling=ir.Sampling(max_tokens=LIMIT))
    document, _ = api.encode(request, model)
    return json.dumps(document, ensure_ascii=False)


@hookimpl
def register_clients(register: Callable[[Client], None]) -> None:
    register(Curl())
