"""What a distribution may say about a llama.cpp model."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from ...core.canon.errors import ConfigError
from ..local.config import BUILTIN, CONTEXT, LocalConfig
from ..local.hub import reference, shards
from .adapters import Adapter
from .batching import Shape
from .embedding import ReadingShape
from .gguf import Header
from .native_images import Sight

SMALL = 32 << 20  # bytes of a file up to which one thread computes a step; see `workers`
ENDS = 1 << 20  # bytes of a file's beginning and end by which it is known
READ = 2048  # tokens of a text that a model for conversations reads, unless it is configured
READ_ALONE = 8192  # the same of a model that does nothing else
KV_BYTES = {"f32": 128, "f16": 64, "q8_0": 34, "q4_1": 20, "q4_0": 18, "iq4_nl": 18}  # of 32 values
WHOLE = ("f32", "f16")  # types of a cache that need no flash attention
MEMORY = 1 << 30  # bytes of key-value cache up to which every slot has its own share
SCORES = 2 << 30  # bytes of attention scores of a step up to which a processor computes them whole


class Config(LocalConfig):
    model: str = Field(
        description="`builtin:tiny`, the path of a GGUF file, or `hf:owner/repo:file` on the hub",
        min_length=1,
    )
    projector: str | None = Field(
        None,
        min_length=1,
        description="the model's reader of images (often `mmproj-….gguf`): a path, or "
        "`hf:owner/repo:file`",
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
    flash_attention: bool | None = Field(
        None,
        description="by default on a GPU and for very large contexts only; without it an answer is "
        "the same, digit for digit, whatever else runs",
    )
    draft_tokens: int = Field(
        0,
        ge=0,
        le=64,
        description="tokens to guess ahead by what followed earlier in a conversation; 0 for none",
    )
    cache_dir: Path | None = Field(
        None, description="folder where idle conversations are kept when the stack stops"
    )

    adapters: list[Adapter] = Field(
        [], description="LoRA adapters of this model, as `{path: FILE, scale: 1.0}` each"
    )
    mode: Literal["auto", "chat", "embeddings", "both"] = Field(
        "auto",
        description="what the model is for; by default embeddings only if its file says that it "
        "was made for them, and both otherwise",
    )
    pooling: Literal["mean", "cls", "last"] | None = Field(
        None, description="how the rows of a text become one; by default as the model's file says"
    )
    embedding_context: int | None = Field(
        None, ge=16, le=2**20, description="tokens that one text to be embedded may have"
    )

    @model_validator(mode="after")
    def _quantised_needs_flash(self) -> Self:
        if self.flash_attention is False and self.kv_type not in WHOLE:
            raise ValueError(
                f"kv_type {self.kv_type} needs flash attention; leave out `flash_attention: false`"
            )
        return self

    @property
    def builtin(self) -> bool:
        return self.model in BUILTIN

    @property
    def path(self) -> Path:
        return BUILTIN.get(self.model) or Path(self.model).expanduser()

    @property
    def projector_path(self) -> Path | None:
        """Where the projector is; one of the hub has been fetched by then."""
        return None if self.projector is None else Path(self.projector).expanduser()

    def sight(self, header: Header) -> Sight | None:
        """Raises `ConfigError` for a projector that the engine would choke on."""
        path = self.projector_path
        if path is None:
            return None
        if header.architecture != "clip" or not header.metadata.get("clip.has_vision_encoder"):
            raise ConfigError(f"projector: {path}: it is no reader of images; give an mmproj file")
        return Sight(path, self.workers, self.batch, self.gpu_layers != 0)

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
        """The files, and a cache of this shape; what a step computes with comes on top."""
        files = [self.path.with_name(name) for name in shards(self.path.name)]
        files += [adapter.file for adapter in self.adapters]
        files += filter(None, [self.projector_path])
        weights = sum(file.stat().st_size for file in files if file.is_file())
        reading = self.reading(header)
        if not self.only_reads(header):
            cells = self.shape(header).cells
        else:
            cells = reading.limit if reading is not None and header.causal else 0
        cell = (header.cache_bytes_per_token or 0) * KV_BYTES[self.kv_type] // KV_BYTES["f16"]
        return weights + cells * cell

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
            flash=self._flash(header, cells if unified else context),
            draft=self.draft_tokens,
            archive=self.cache_memory,
            folder=self.cache_dir and self.cache_dir.expanduser(),
            fingerprint=self.fingerprint if self.cache_dir else "",
        )

    def _flash(self, header: Header, cells: int) -> bool | None:
        """Whether attention is computed in one go; None leaves it to the engine.

        On a processor that takes longer for everything but short conversations and whole prompts,
        and its digits depend on how many rows are computed together. What it saves are the scores,
        a number for each row, head and cell.
        """
        if self.flash_attention is not None or self.gpu_layers or self.kv_type not in WHOLE:
            return self.flash_attention
        heads = header.number("attention.head_count")
        return False if heads and self.batch * heads * cells * 4 <= SCORES else None

    @property
    def fingerprint(self) -> str:
        """Tells whether a kept state is of this model; its files are not read in full."""
        scales = [adapter.scale for adapter in self.adapters]
        found = sha256(f"{self.kv_type} {self.flash_attention} {scales}".encode())
        others = [adapter.file for adapter in self.adapters]
        others += filter(None, [self.projector_path])
        for path in (self.path, *others):
            size = path.stat().st_size
            found.update(f" {size} ".encode())
            with path.open("rb") as file:
                found.update(file.read(ENDS))
                file.seek(max(0, size - ENDS))
                found.update(file.read(ENDS))
        return found.hexdigest()

    def only_reads(self, header: Header) -> bool:
        if self.mode == "auto":
            return header.pooling is not None or not header.causal
        return self.mode == "embeddings"

    def reading(self, header: Header) -> ReadingShape | None:
        """How it reads texts for their embeddings or scores; None if it is not to."""
        if self.mode == "chat":
            return None
        pooling = self.pooling or header.pooling or "mean"
        whole = not header.causal or pooling == "rank" or "dense_2.weight" in header.entries
        limit = self._text_limit(header)
        return ReadingShape(
            limit=limit,
            batch=limit if whole else min(self.prefill_chunk, self.batch, limit),
            whole=whole,
            pooling=pooling,
            threads=self.workers,
        )

    def _text_limit(self, header: Header) -> int:
        only, made = self.only_reads(header), header.context_length
        asked = self.embedding_context or (self.context if only else None)
        if asked is None:
            return min(READ_ALONE if only else READ, made or READ)
        if made is not None and asked > made:
            field = "embedding_context" if self.embedding_context else "context"
            raise ConfigError(f"{field}: {asked} tokens, and the model was made for {made} at most")
        return asked
