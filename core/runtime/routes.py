"""Which operation of which API a method and a path ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..contract.api import Api, Operation


@dataclass(frozen=True, slots=True)
class Match:
    """`operation` is None where the path, or its method, belongs to nobody; `api` then answers."""

    api: Api
    operation: Operation | None
    item: str = ""
    allowed: tuple[str, ...] = ()


class Routes:
    """The operations of the served APIs; of several that share a path, the one that claims it."""

    def __init__(self, apis: Sequence[Api]) -> None:
        self._apis = apis
        self._exact: dict[str, list[tuple[Api, Operation]]] = {}
        self._prefixes: dict[str, list[tuple[Api, Operation]]] = {}
        for api in apis:
            for operation in api.operations:
                prefix, parameter, _ = operation.path.partition("{id}")
                table = self._prefixes if parameter else self._exact
                table.setdefault(prefix, []).append((api, operation))

    def match(self, method: str, path: str, headers: Mapping[str, str]) -> Match:
        found, item = self._find(path)
        candidates = [(api, op) for api, op in found if op.method == method]
        if candidates:
            claimed = [(api, op) for api, op in candidates if api.claims(headers)]
            api, operation = (claimed or candidates)[0]
            return Match(api, operation, item)
        allowed = tuple(dict.fromkeys(operation.method for _, operation in found))
        owners = [api for api, _ in found] or self._neighbours(path)
        return Match(self._speaker(owners, headers), None, allowed=allowed)

    def _find(self, path: str) -> tuple[list[tuple[Api, Operation]], str]:
        if path in self._exact:
            return self._exact[path], ""
        for prefix, operations in self._prefixes.items():
            item = path.removeprefix(prefix)
            if item != path and item:
                return operations, item
        return [], ""

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


def _first(path: str) -> str:
    return path.split("/", 2)[1]
