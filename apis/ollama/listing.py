"""What is on offer, and what may be known of it, in the shapes of `/api/tags`, `ps` and `show`.

Most of what Ollama tells of a model is about a file of its own. What nobody here knows is empty; a
digest, by which clients tell models apart, is one of the model's name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from ...core.canon.errors import InvalidRequest
from ...core.contract.api import Document
from ...core.contract.provider import Model
from ..validation import validate
from . import schema
from .vocabulary import written

# Whose API this follows, since clients look here for what a server can do.
OLLAMA_VERSION = "0.13.5"
FOREVER = "9999-12-31T23:59:59Z"  # when a model is let go is not told here


def models(found: Sequence[Model]) -> Document:
    """One shape for what is there and for what runs: whatever is on offer can be asked at once."""
    return {"models": [_entry(model) for model in found]}


def _entry(model: Model) -> Document:
    return {
        "name": model.id,
        "model": model.id,
        "modified_at": written(model.created),
        "size": 0,
        "digest": hashlib.sha256(model.id.encode()).hexdigest(),
        "details": _details(model),
        "expires_at": FOREVER,
        "size_vram": 0,
        "context_length": model.context_window or 0,
    }


def _details(model: Model) -> Document:
    return {
        "parent_model": "",
        "format": "",
        "family": model.owner,
        "families": [model.owner],
        "parameter_size": "",
        "quantization_level": "",
    }


def named(document: object) -> str:
    """The model that `/api/show` asks about."""
    wire = validate(schema.Show, document)
    name = wire.model or wire.name
    if not name:
        raise InvalidRequest("model: field required", param="model")
    return name


def shown(model: Model) -> Document:
    info: dict[str, Any] = {
        "general.architecture": model.owner,
        "general.basename": model.title or model.id,
    }
    if model.context_window is not None:
        info[f"{model.owner}.context_length"] = model.context_window
    return {
        "modelfile": "",
        "parameters": "",
        "template": "",
        "license": "",
        "details": _details(model),
        "model_info": info,
        "capabilities": _capabilities(model),
        "modified_at": written(model.created),
    }


def _capabilities(model: Model) -> list[str]:
    """Tools are offered to every model, in words where it knows none."""
    reads = {"embeddings", "rerank"} & model.features
    found = [] if reads and "streaming" not in model.features else ["completion", "tools"]
    found += ["vision"] if "image" in model.modalities else []
    found += ["embedding"] if "embeddings" in model.features else []
    found += ["thinking"] if "reasoning" in model.features else []
    return found


def about(version: str) -> Document:
    return {"version": OLLAMA_VERSION, "polystack": version}
