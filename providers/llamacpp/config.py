"""What a distribution may say about a llama.cpp model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ..local.sampling import Defaults
from .batching import Shape
from .gguf import Header

BUILTIN = {"builtin:tiny": Path(__file__).parent / "models" / "tiny-q8_0.gguf"}

CONTEXT = 32_768  # tokens of a slot, unless the configuration says otherwise
SMALL = 32 << 20  # bytes of a file up to which one thread computes a step; see `workers`
MEMORY = 1 << 30  # bytes of key-value cache up to which every slot has its own share


class Sampling(BaseModel):
    """What holds where a client says nothing."""

    model_config = ConfigDict(extra="forbid")

    temperature: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)] | None = None
    """How freely a token is chosen; 0 always takes the likeliest. By default 0.8, and 0
    for the model that ships."""
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    """Only the likeliest tokens that together have this share; by default 0.95."""
    top_k: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    """Only so many of the likeliest tokens; 0 takes all. By default 40."""
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    """Only tokens with this share of the likeliest one's probability; by default 0.05."""


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid")

    model: str = Field(description="`builtin:tiny`, or the path of a GGUF file", min_length=1)
    id: str | None = Field(None, description="the model's name; by default the file's")
    context: int | None = Field(
        None, ge=16, le=2**24, description="tokens that one conversation may have"
    )
    slots: int = Field(8, ge=1, le=64, description="conversations that run at the same time")
    batch: int = Field(512, ge=64, le=8192, description="tokens decoded in one step, at most")
    prefill_chunk: int = Field(256, ge=1, le=8192, description="of those, tokens of prompts")
    threads: int | None = Field(
        None, ge=1, le=512, description="by default one per processor; one for a tiny model"
    )
    gpu_layers: int = Field(0, ge=-1, le=10_000, description="layers on the GPU; -1 for all")
    kv_unified: bool | None = Field(
        None, description="one memory shared by the slots, instead of a fixed share for each"
    )
    max_queue: int | None = Field(
        None, ge=0, description="requests that may wait; by default twice the slots"
    )
    default_max_tokens: int | None = Field(
        None, ge=1, description="for requests that set no limit; by default the context's"
    )
    chat_template: str | None = Field(None, description="instead of the model's own (Jinja text)")
    sampling: Sampling = Sampling()

    @property
    def path(self) -> Path:
        return BUILTIN.get(self.model) or Path(self.model).expanduser()

    @property
    def name(self) -> str:
        if self.id is not None:
            return self.id
        return self.model.partition(":")[2] if self.model in BUILTIN else self.path.stem

    @property
    def queue(self) -> int:
        return 2 * self.slots if self.max_queue is None else self.max_queue

    @property
    def defaults(self) -> Defaults:
        """Greedy for the builtin model, which is small; the usual values for all others."""
        given = self.sampling.model_dump(exclude_none=True)
        return Defaults(**({"temperature": 0.0} | given if self.model in BUILTIN else given))

    @property
    def workers(self) -> int:
        """The engine's threads meet many times in a step and spin until all have come. A small
        model has little to share between the meetings, and where something else wants a processor
        too they wait for it: a hundredth of the speed, where one thread keeps nearly all of it.
        """
        if self.threads is not None:
            return self.threads
        return 1 if self.path.stat().st_size <= SMALL else os.cpu_count() or 1

    def shape(self, header: Header) -> Shape:
        context = self.context or min(header.context_length or CONTEXT, CONTEXT)
        cells, unified = context * self.slots, self.kv_unified
        size = header.cache_bytes_per_token or 0
        if unified is None:
            unified = cells * size > MEMORY
        if unified:
            # Slots share what memory there is, and any of them may have all of it.
            cells = max(context, min(cells, MEMORY // size if size else context))
        return Shape(
            slots=self.slots,
            cells=cells,
            batch=self.batch,
            prefill_chunk=min(self.prefill_chunk, self.batch),
            threads=self.workers,
            unified=unified,
        )
