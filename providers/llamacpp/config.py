"""What a distribution may say about a llama.cpp model."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import Literal

from pydantic import ByteSize, Field

from ..local.config import BUILTIN, CONTEXT, LocalConfig
from ..local.hub import reference, shards
from .batching import Shape
from .gguf import Header

SMALL = 32 << 20  # bytes of a file up to which one thread computes a step; see `workers`
ARCHIVE = ByteSize(1 << 30)
ENDS = 1 << 20  # bytes of a file's beginning and end by which it is known
MEMORY = 1 << 30  # bytes of key-value cache up to which every slot has its own share


class Config(LocalConfig):
    model: str = Field(
        description="`builtin:tiny`, the path of a GGUF file, or `hf:owner/repo:file` on the hub",
        min_length=1,
    )
    batch: int = Field(512, ge=64, le=8192, description="tokens decoded in one step, at most")
    prefill_chunk: int = Field(256, ge=1, le=8192, description="of those, tokens of prompts")
    threads: int | None = Field(
        None, ge=1, le=512, description="by default one per processor; one for a tiny model"
    )
    gpu_layers: int = Field(0, ge=-1, le=10_000, description="layers on the GPU; -1 for all")
    kv_unified: bool | None = Field(
        None, description="one memory shared by the slots, instead of a fixed share for each"
    )
    kv_type: Literal["f32", "f16", "q8_0", "q4_0", "q4_1", "iq4_nl"] = Field(
        "f16", description="how the key-value cache is stored; the smaller ones cost some quality"
    )
    draft_tokens: int = Field(
        0,
        ge=0,
        le=64,
        description="tokens to guess ahead by what followed earlier in a conversation; 0 for none",
    )
    cache_memory: ByteSize = Field(
        ARCHIVE,
        description="RAM for conversations that lost their slot, such as `2GiB`",
    )
    cache_dir: Path | None = Field(
        None, description="folder where idle conversations are kept when the stack stops"
    )

    @property
    def builtin(self) -> bool:
        return self.model in BUILTIN

    @property
    def path(self) -> Path:
        return BUILTIN.get(self.model) or Path(self.model).expanduser()

    @property
    def name(self) -> str:
        if self.id is not None:
            return self.id
        if self.builtin:
            return self.model.partition(":")[2]
        wanted = reference(self.model)
        return Path(wanted.file or wanted.repo).stem if wanted else self.path.stem

    @property
    def workers(self) -> int:
        """The engine's threads meet many times in a step and spin until all have come. A small
        model has little to share between the meetings, and where something else wants a processor
        too they wait for it: a hundredth of the speed, where one thread keeps nearly all of it.
        """
        if self.threads is not None:
            return self.threads
        return 1 if self.path.stat().st_size <= SMALL else os.cpu_count() or 1

    def window(self, header: Header) -> int:
        """The context of one conversation; the engine may round it up."""
        return self.context or min(header.context_length or CONTEXT, CONTEXT)

    def footprint(self, header: Header) -> int:
        """The files, and a 16-bit cache of this shape; what a step computes with comes on top."""
        files = [self.path.with_name(name) for name in shards(self.path.name)]
        weights = sum(file.stat().st_size for file in files if file.is_file())
        return weights + self.shape(header).cells * (header.cache_bytes_per_token or 0)

    def shape(self, header: Header) -> Shape:
        context = self.window(header)
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
            kv_type=self.kv_type,
            draft=self.draft_tokens,
            archive=self.cache_memory,
            folder=self.cache_dir and self.cache_dir.expanduser(),
            fingerprint=self.fingerprint if self.cache_dir else "",
        )

    @property
    def fingerprint(self) -> str:
        """Tells whether a kept state is of this model; its file is not read in full."""
        found = sha256(f"{self.path.stat().st_size} {self.kv_type}".encode())
        with self.path.open("rb") as file:
            found.update(file.read(ENDS))
            file.seek(max(0, self.path.stat().st_size - ENDS))
            found.update(file.read(ENDS))
        return found.hexdigest()
