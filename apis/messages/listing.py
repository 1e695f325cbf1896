"""The models on offer, in Anthropic's shape."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ...core.contract.api import Document
from ...core.contract.provider import Model


def entry(model: Model) -> Document:
    """One model; where the date of its release is not known the epoch stands, as documented."""
    created = datetime.fromtimestamp(model.created, UTC)
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.title or model.id,
        "created_at": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": "active",
        "line": None,
        "deprecated_at": None,
        "retires_at": None,
        "max_input_tokens": model.context_window,
        "max_tokens": model.max_output,
        "capabilities": None,
    }


def listing(models: Sequence[Model]) -> Document:
    """All of them on one page."""
    return {
        "data": [entry(model) for model in models],
        "has_more": False,
        "first_id": models[0].id if models else None,
        "last_id": models[-1].id if models else None,
    }
