"""What an IR node carries for this API alone: `extra["responses"]`.

Its plain keys are a known object's fields that the model has no name for. Keys that begin with an
underscore are no loss in another protocol: they remember in which of several equal ways the client
wrote something. `_null` names the fields that were explicitly null, `_said` the top-level fields
whose value the model cannot tell from silence, `_empty` a text's empty lists. `_input` (the whole
input was a string), `_untyped` (a message had no type), `_list` (a lone plain text stood in a list)
and `_type` (a text's unusual type) are forms of content; `_content` is an opaque that is a content
part and no item, `_message` what the message around an answer's text said beside it; `_namespace`
and `_item` are what enclosed a tool, `_found` marks one that a search has found; `_format`,
`_tools`, `_generate_summary`, `_summary` and `_no_summary` hold what the field of that name held,
where the model holds its meaning only.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from ...core.canon import ir
from ...core.contract.losses import Ledger

NAME = "responses"


def unnamed(model: BaseModel) -> dict[str, Any]:
    """A wire object's fields that its schema does not know, and which ones were null."""
    kept = dict(model.model_extra or {})
    fields = type(model).model_fields
    names = (name for name in fields if name in model.model_fields_set)
    if null := [fields[name].alias or name for name in names if getattr(model, name) is None]:
        kept["_null"] = null
    return kept


def extra(*kept: dict[str, Any]) -> ir.Extra | None:
    """The `extra` that holds these entries; None where there is nothing to hold."""
    entries = {key: value for entry in kept for key, value in entry.items()}
    return {NAME: entries} if entries else None


def given(**fields: object) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def own(node: ir.Node) -> dict[str, Any]:
    """The node's fields that go back onto the wire."""
    return plain(_entries(node))


def plain(entries: dict[str, Any]) -> dict[str, Any]:
    """Entries as the wire has them: the nulls in their places, and nothing else remembered."""
    nulls = dict.fromkeys(entries.get("_null", ()))
    return nulls | {key: value for key, value in entries.items() if not key.startswith("_")}


def remembered(node: ir.Node, key: str) -> Any:
    return _entries(node).get(key)


def is_native(node: ir.Node) -> bool:
    """Whether the node was read from this protocol, where that must be known."""
    return bool(node.extra) and NAME in (node.extra or {})


def note_foreign(node: ir.Node, path: str, ledger: Ledger) -> None:
    """Book the fields that only another protocol has a place for; a request's path is empty."""
    path = node.at or path
    for name, entries in (node.extra or {}).items():
        if name != NAME:
            for key, value in entries.items():
                if value is not None and not key.startswith("_"):
                    place = f"{path}.{key}" if path else key
                    ledger.dropped(place, f"Responses has no such field ({name} has)")


def _entries(node: ir.Node) -> dict[str, Any]:
    return dict((node.extra or {}).get(NAME, {}))
