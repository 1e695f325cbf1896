"""Which operation of which API a method and a path ask for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..contract.api import Api, Operation


@dataclass(frozen=True, slots=True)
class Match:
    """`operation` is None where the path, or its method, belongs to nobody; `api` then answers."""

    api: Api
    operation: Operation | None
    items: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()


class Routes:
    """The operations of the served APIs; of several that share a path, the one that claims it."""

    def __init__(self, apis: Sequence[Api], *, connections: bool = False) -> None:
        """Those that open `connections`, or else all others."""
        self._apis = apis
        self._exact: dict[str, list[tuple[Api, Operation]]] = {}
        patterns: dict[str, list[tuple[Api, Operation]]] = {}
        for api in apis:
            for operation in api.operations:
                if (operation.action == "connect") is not connections:
                    continue
                table = patterns if "{" in operation.path else self._exact
                table.setdefault(operation.path, []).append((api, operation))
        # The longer path goes first: what another one would take for the end of an id is its own.
        longest = sorted(patterns, key=lambda path: (-path.count("/"), path))
        self._patterns = [(_pattern(path), patterns[path]) for path in longest]

    def match(self, method: str, path: str, headers: Mapping[str, str]) -> Match:
        found, items = self._find(method, path)
        candidates = [(api, op) for api, op in found if op.method == method]
        if candidates:
            claimed = [(api, op) for api, op in candidates if api.claims(headers)]
            api, operation = (claimed or candidates)[0]
            return Match(api, operation, items)
        allowed = tuple(dict.fromkeys(operation.method for _, operation in found))
        owners = [api for api, _ in found] or self._neighbours(path)
        return Match(self._speaker(owners, headers), None, allowed=allowed)

    def _find(self, method: str, path: str) -> tuple[list[tuple[Api, Operation]], tuple[str, ...]]:
        """What stands at a path; a method that is not there may be at a pattern that is wider."""
        if path in self._exact:
            return self._exact[path], ()
        first: tuple[list[tuple[Api, Operation]], tuple[str, ...]] = [], ()
        for pattern, operations in self._patterns:
            if (found := pattern.fullmatch(path)) is not None:
                if any(operation.method == method for _, operation in operations):
                    return operations, found.groups()
                first = first if first[0] else (operations, found.groups())
        return first

    def _neighbours(self, path: str) -> list[Api]:
        """The APIs whose own paths begin like this one."""
        return [
            api
            for api in self._apis
            if any(_first(operation.path) == _first(path) for operation in api.operations)
        ]

    def _speaker(self, owners: list[Api], headers: Mapping[str, str]) -> Api:
        """Whose envelope an error has: the path's owner, else whoever the client looks like."""
        if len(owners) == 1:
            return owners[0]
        claimed = [api for api in owners or self._apis if api.claims(headers)]
        return (claimed or owners or list(self._apis))[0]


def _pattern(path: str) -> re.Pattern[str]:
    pieces = re.split(r"\{\w+\}", path)
    *middle, end = (re.escape(piece) for piece in pieces)
    # At the end of a path, a parameter takes slashes too: models' names have them.
    last = "(.+)" if not end else "([^/]+)" + end
    return re.compile("([^/]+)".join(middle) + last)


def _first(path: str) -> str:
    return path.split("/", 2)[1]
