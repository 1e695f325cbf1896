"""What a canonical node carries for one protocol alone, in `extra` under the protocol's name.

Keys that begin with an underscore are no field of the wire: they remember which of several equal
spellings a client chose.
"""

from __future__ import annotations

from typing import Any, NoReturn

from pydantic import BaseModel

from ..core.canon import ir
from ..core.canon.errors import InvalidRequest


class Extras:
    """Reads and writes the entries of the protocol `name`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def extra(self, wire: BaseModel | None, **remembered: object) -> ir.Extra | None:
        """The fields that the schema does not know, and what is to be remembered, if anything."""
        fields: dict[str, Any] = dict((wire.model_extra if wire else None) or {})
        fields |= {key: value for key, value in remembered.items() if value is not None}
        return {self._name: fields} if fields else None

    def own(self, node: ir.Node) -> dict[str, Any]:
        """The node's fields that go back onto the wire."""
        found = node.extra.get(self._name, {}) if node.extra else {}
        return {key: value for key, value in found.items() if not key.startswith("_")}

    def remembered(self, node: ir.Node, key: str) -> Any:
        return node.extra.get(self._name, {}).get(key) if node.extra else None


def given(**fields: object) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def refuse(param: str, problem: str) -> NoReturn:
    raise InvalidRequest(f"{param}: {problem}", param=param)
