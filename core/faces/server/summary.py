"""What `stack run` says once it serves: where, what, and how each protocol reaches each model."""

from __future__ import annotations

from ...contract.provider import Model
from ...runtime.stack import Stack


def summary(stack: Stack, url: str) -> str:
    """A few lines for a person at a terminal."""
    lines = [f"polystack serves {stack.distribution.name!r} at {url}", ""]
    if stack.loaded.notes:
        lines += [*(f"  {note}" for note in stack.loaded.notes), ""]
    lines += ["  protocols", *_rows(_protocols(stack, url)), "", "  models", *_rows(_models(stack))]
    if stack.distribution.aliases:
        lines += ["", "  aliases", *_rows([[k, "->", v] for k, v in _aliases(stack)])]
    if stack.store is not None:
        lines += ["", "  store", *_rows([[stack.store.type, stack.store.place]])]
    lines += ["", "  Ctrl-C stops it."]
    return "\n".join(lines)


def _protocols(stack: Stack, url: str) -> list[list[str]]:
    return [
        [api.name, f"{operation.method} {url}{operation.path}"]
        for api in stack.apis.values()
        for operation in api.operations
        if operation.action == "generate"
    ]


def _models(stack: Stack) -> list[list[str]]:
    assert stack.registry is not None, "the summary is of a running stack"
    rows = []
    for target in stack.registry.targets():
        window = target.model.context_window
        size = f"{window:,} tokens" if window else "window unknown"
        provider = f"{target.provider.name} ({target.provider.type})"
        rows.append([target.name, provider, size, _reach(stack, target.model)])
    for name, remote in stack.providers.items():
        if remote.lazy and (any_model := remote.offer("…")) is not None:
            kind = f"{name} ({remote.type})"
            rows.append([f"{name}/…", kind, "listed later", _reach(stack, any_model)])
    return rows


def _reach(stack: Stack, model: Model) -> str:
    kinds = {name: "native" if name in model.native else "translated" for name in stack.apis}
    return ", ".join(f"{name} {kind}" for name, kind in kinds.items())


def _aliases(stack: Stack) -> list[tuple[str, str]]:
    return list(stack.distribution.aliases.items())


def _rows(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
    return [
        "    "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
