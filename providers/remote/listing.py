"""A server's list of models, in any of the dialects that servers speak."""

from __future__ import annotations

from typing import Any

from ...core.canon.errors import UpstreamError
from ...core.contract.provider import Model

# Where servers say how long a conversation may be, the most telling first.
WINDOWS = ("context_window", "max_model_len", "context_length", "max_input_tokens")
OUTPUTS = ("max_output_tokens", "max_tokens", "max_completion_tokens")


def models_of(document: object, owner: str) -> list[Model]:
    """The entries of `data` (OpenAI, Anthropic) or `models` (Ollama); those without id are none."""
    fields = document if isinstance(document, dict) else {}
    entries = fields.get("data", fields.get("models"))
    if not isinstance(entries, list):
        raise UpstreamError("the upstream's list of models makes no sense")
    found = (_model(entry, owner) for entry in entries if isinstance(entry, dict))
    return list({model.id: model for model in found if model is not None}.values())


def _model(entry: dict[str, Any], owner: str) -> Model | None:
    id = entry.get("id") or entry.get("name")
    if not isinstance(id, str):
        return None
    title, created = entry.get("display_name"), entry.get("created")
    return Model(
        id,
        _first(entry, WINDOWS),
        _first(entry, OUTPUTS),
        created=created if isinstance(created, int) else 0,
        owner=str(entry.get("owned_by") or owner),
        title=title if isinstance(title, str) else None,
    )


def _first(entry: dict[str, Any], names: tuple[str, ...]) -> int | None:
    sizes = (entry.get(name) for name in names)
    return next((size for size in sizes if isinstance(size, int) and size > 0), None)
