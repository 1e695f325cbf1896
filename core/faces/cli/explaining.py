"""`stack explain`: the route of a request and its losses, without asking a model."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from ...canon.errors import ConfigError, StackError
from ...contract.losses import DROPS, fidelity
from ...runtime.call import Call
from ...runtime.registry import Target
from ...runtime.spelling import choices
from ...runtime.stack import Explanation, Stack

Explained = dict[str, Any]


def explain(
    source: str, overrides: Sequence[str], model: str, api: str, body: str | None
) -> Explained:
    """Raises `ConfigError` for what is wrong with the question or with the request."""
    document = _document(body) if body is not None else None
    return asyncio.run(_explain(source, overrides, model, api, document))


def _document(path: str) -> dict[str, Any]:
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        document = orjson.loads(data)
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    except ValueError:
        raise ConfigError(f"{path}: not valid JSON") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: a request is a JSON object")
    return document


async def _explain(
    source: str, overrides: Sequence[str], model: str, api: str, document: dict[str, Any] | None
) -> Explained:
    stack = Stack.load(source, overrides=overrides)
    try:
        async with stack:
            if api not in stack.apis:
                raise ConfigError(f"--api: {choices(api, stack.apis, 'protocols')}")
            if document is None:
                target = await stack.target(model)
                native = api in target.model.native
                return _shown(target) | {
                    "route": "native" if native else "translated",
                    "reasons": [],
                    "asked_in": api if native else None,
                }
            call = Call({**document, "model": model})
            return _explained(await stack.explain(api, "create", call))
    except ConfigError:
        raise
    except StackError as error:
        raise ConfigError(error.message) from None


def _shown(target: Target) -> Explained:
    return {
        "name": target.name,
        "provider": target.provider.name,
        "type": target.provider.type,
        "model": target.model.id,
        "fallbacks": list(target.fallbacks),
    }


def _explained(explanation: Explanation) -> Explained:
    target, route = explanation.target, explanation.route
    losses = list(explanation.losses)
    return _shown(target) | {
        "route": route.kind,
        "reasons": list(route.reasons),
        "asked_in": explanation.api or None,
        "fidelity": fidelity(losses),
        "refused": target.fidelity == "strict" and any(x.verdict in DROPS for x in losses),
        "losses": [{"path": x.path, "verdict": x.verdict, "why": x.why} for x in losses],
    }


_ROUTES = {
    "native": "native: the bytes pass through",
    "rewritten": "rewritten: the same protocol, decoded and repaired",
    "translated": "translated: through the canonical model",
}


def report(explained: Explained) -> str:
    """The explanation for people."""
    provider = f"{explained['provider']} ({explained['type']})"
    lines = [f"model     {explained['name']} is {explained['model']} of provider {provider}"]
    if explained["fallbacks"]:
        lines.append(f"else      {', '.join(explained['fallbacks'])}, where that fails")
    lines.append(f"route     {_ROUTES[explained['route']]}")
    if explained["reasons"]:
        lines.append(f"because   {', '.join(explained['reasons'])}")
    if explained["asked_in"]:
        lines.append(f"upstream  is asked in {explained['asked_in']}")
    if "fidelity" in explained:
        lines.append(f"fidelity  {explained['fidelity']}")
        if explained["refused"]:
            lines.append("refused   with status 400, since the route is strict")
        losses = explained["losses"]
        width = max((len(loss["path"]) for loss in losses), default=0)
        lines += [f"  {x['verdict']:<12} {x['path']:<{width}}  {x['why']}" for x in losses]
    return "\n".join(lines)
