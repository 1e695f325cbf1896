"""The loss ledger: translation says what it could not carry over, one line per place.

A request's losses are known before the model runs. They show in the header `x-stack-fidelity`,
and a route with `fidelity: strict` turns the first drop into a 400. An answer's losses are known
at its end: the log has them, and a comment beside a stream's terminal event or the header of a
whole answer. Where an answer has no headers of its own, all of them are its field
`x_stack_fidelity`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args, get_type_hints

from ..canon import ir

Verdict = Literal["mapped", "approximated", "dropped", "refused"]

DROPS: frozenset[Verdict] = frozenset({"dropped", "refused"})  # what a strict route refuses

HEADER = "x-stack-fidelity"
FIELD = "x_stack_fidelity"
HEADER_LIMIT = 1024  # bytes


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing that did not arrive as it was sent.

    `path` is its place in the client's document (`messages.2.cache_control`), or in the answer;
    `mapped` arrived in another shape with the same meaning, `approximated` with nearly the same,
    `dropped` did not arrive, `refused` is what the client was told it cannot have.
    """

    path: str
    verdict: Verdict
    why: str


@dataclass(slots=True)
class Ledger:
    """Collects losses; the same path and verdict count once."""

    _entries: dict[tuple[str, Verdict], Loss] = field(default_factory=dict)

    def mapped(self, path: str, why: str) -> None:
        self.add(Loss(path, "mapped", why))

    def approximated(self, path: str, why: str) -> None:
        self.add(Loss(path, "approximated", why))

    def dropped(self, path: str, why: str) -> None:
        self.add(Loss(path, "dropped", why))

    def add(self, *losses: Loss) -> None:
        for loss in losses:
            self._entries.setdefault((loss.path, loss.verdict), loss)

    def __iter__(self) -> Iterator[Loss]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)


@dataclass(frozen=True, slots=True)
class Foreign:
    """A field that only the API `owner` has a name for, and the node that it was found on."""

    path: str
    owner: str
    name: str
    node: ir.Node


def foreign(value: object, api: str | None = None, at: str = "") -> list[Foreign]:
    """The fields of all nodes inside a value that no API but their owner's can write.

    Those of `api` itself are left out. Nulls ask for nothing, and keys that begin with an
    underscore only remember a spelling. The fields of a server tool are lost with the tool.
    """
    found: list[Foreign] = []
    _collect(value, api, at, found)
    return found


def _collect(value: object, api: str | None, at: str, found: list[Foreign]) -> None:
    if isinstance(value, tuple):
        for item in value:
            _collect(item, api, at, found)
    if not isinstance(value, ir.Node) or (isinstance(value, ir.Tool) and value.kind == "server"):
        return
    at = value.at or at
    for owner, kept in value.extra.items() if value.extra else ():
        for name, content in kept.items() if owner != api else ():
            if content is not None and not name.startswith("_"):
                found.append(Foreign(f"{at}.{name}" if at else name, owner, name, value))
    for name in _fields_of(type(value)):
        if child := getattr(value, name):
            _collect(child, api, at, found)


def _fields_of(cls: type[ir.Node]) -> tuple[str, ...]:
    """The fields of a node that can hold other nodes."""
    if cls not in _INNER:
        hints = get_type_hints(cls)
        _INNER[cls] = tuple(each.name for each in fields(cls) if _holds_nodes(hints[each.name]))
    return _INNER[cls]


_INNER: dict[type[ir.Node], tuple[str, ...]] = {}


def _holds_nodes(hint: Any) -> bool:
    if isinstance(hint, type) and issubclass(hint, ir.Node):
        return True
    return any(map(_holds_nodes, get_args(hint)))


def fidelity(losses: Iterable[Loss], limit: int = HEADER_LIMIT) -> str:
    """The value of `x-stack-fidelity`: `exact`, or the paths by verdict, worst first.

    Paths that differ only in their numbers share one entry with a count, `messages.*.x(3)`. What
    would not fit into `limit` bytes is counted at the end as `+N more`.
    """
    by_verdict: dict[Verdict, dict[str, list[str]]] = {}
    for loss in losses:
        if loss.verdict != "mapped":
            group = by_verdict.setdefault(loss.verdict, {})
            group.setdefault(_without_numbers(loss.path), []).append(loss.path)
    if not by_verdict:
        return "exact"
    order: tuple[Verdict, ...] = ("refused", "dropped", "approximated")
    entries = [
        f"{verdict}={paths[0] if len(paths) == 1 else f'{pattern}({len(paths)})'}"
        for verdict in order
        for pattern, paths in by_verdict.get(verdict, {}).items()
    ]
    return _fit(_join(entries), limit)


def noted(losses: Iterable[Loss]) -> dict[str, str]:
    """The field of an answer that has no headers; none where nothing was lost."""
    value = fidelity(losses)
    return {} if value == "exact" else {FIELD: value}


def _join(entries: list[str]) -> list[str]:
    """Name a verdict once for the run of paths that share it."""
    words, last = [], ""
    for entry in entries:
        verdict, _, path = entry.partition("=")
        safe = path.encode("ascii", "backslashreplace").decode()
        safe = "".join(c if c.isprintable() and c not in ",;" else "_" for c in safe)
        words.append(f",{safe}" if verdict == last else f"; {verdict}={safe}")
        last = verdict
    words[0] = words[0].removeprefix("; ")
    return words


def _fit(words: list[str], limit: int) -> str:
    for kept in range(len(words), -1, -1):
        more = len(words) - kept
        text = "".join(words[:kept]) + (f"; +{more} more" if more else "")
        if len(text) <= limit:
            return text.removeprefix("; ")
    return ""


def _without_numbers(path: str) -> str:
    return ".".join("*" if piece.isdigit() else piece for piece in path.split("."))
