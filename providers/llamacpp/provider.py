"""The provider: a GGUF model in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from ...core.canon import ir
from ...core.canon.errors import ConfigError
from ...core.contract.provider import ConfigModel
from ..local.embedding import Reads
from ..local.hub import fetch_file, reference
from ..local.known import TEXT_ONLY, Known
from ..local.provider import Local
from ..local.reading import read
from . import native_images
from .adapters import check, load
from .config import Config as Settings
from .engine import Engine
from .gguf import HALVES, BadGGUF, Header, read_header
from .native import check_installed
from .native_embedding import PairVocabulary
from .ranking import pairs, ranking


class LlamaCpp(Local):
    type: ClassVar[str] = "llamacpp"
    Config: ClassVar[ConfigModel] = Settings
    features: ClassVar[frozenset[str]] = frozenset(
        {"streaming", "logprobs", "seed", "prefix_cache"}
    )
    constrains: ClassVar[bool] = True
    config: Settings

    @classmethod
    def probe(cls) -> Sequence[str]:
        return ["polystack.providers.llamacpp.doctor"]

    async def known(self) -> Known:
        check_installed()
        if (wanted := reference(self.config.model)) is not None:
            self.config = self.config.at(await asyncio.to_thread(fetch_file, wanted))
        header = self._header = await asyncio.to_thread(header_of, self.config)
        await asyncio.to_thread(self._check_adapters, header)
        self._sight = await self._sighted()
        config = self.config
        talks, self._reading = not config.only_reads(header), config.reading(header)
        self._shape = config.shape(header) if talks else None
        reads = None
        if (reading := self._reading) is not None:
            reads = Reads(reading.limit, reading.pooling == "rank")
        context = config.window(header) if talks or reads is None else reads.limit
        footprint = config.footprint(header)
        sees = talks and self._sight is not None
        template = header.chat_template
        limits = "this model reads text and images only" if sees else TEXT_ONLY
        return Known(context, template, footprint, talks, reads, header.family, sees, limits)

    async def _sighted(self) -> native_images.Sight | None:
        """What reads images for the model, if it is configured and the build has it."""
        projector = self.config.projector
        if projector is None:
            return None
        await asyncio.to_thread(native_images.library)
        if (wanted := reference(projector)) is not None:
            fetched = await asyncio.to_thread(fetch_file, wanted)
            self.config = self.config.model_copy(update={"projector": str(fetched)})
        path = self.config.projector_path
        assert path is not None
        return self.config.sight(await asyncio.to_thread(read_file, path, "projector"))

    def _check_adapters(self, header: Header) -> None:
        """What is on the hub is fetched first."""
        here = []
        for adapter in self.config.adapters:
            if (wanted := reference(adapter.path)) is not None:
                adapter = adapter.model_copy(update={"path": str(fetch_file(wanted))})
            check(adapter, header)
            here.append(adapter)
        self.config = self.config.model_copy(update={"adapters": here})

    def engine(self) -> Engine:
        config = self.config
        return Engine(
            lambda lib: load(lib, config.path, config.gpu_layers, config.adapters),
            self._shape,
            self._reading,
            self._header.rank_form,
            self._sight,
        )

    async def rerank(self, request: ir.RerankRequest) -> ir.Ranking:
        reads, header = self._known.reads, self._header
        if reads is None or not reads.scores:
            return await super().rerank(request)
        async with self._residency.use() as at:
            vocabulary = at.engine.vocabulary
            assert isinstance(vocabulary, PairVocabulary)
            texts = await at.aside(lambda: pairs(request, vocabulary, reads.limit))
            return ranking(await read(at.worker, texts), header, texts)


def header_of(config: Settings) -> Header:
    """The header of the model's file; raises `ConfigError` with the remedy."""
    header = read_file(config.path)
    if header.architecture in HALVES:
        raise ConfigError(
            f"{config.path}: models with an encoder of their own, such as T5, are not supported"
        )
    return header


def read_file(path: Path, field: str = "model") -> Header:
    own = ", or to builtin:tiny" if field == "model" else ""
    lead = "" if field == "model" else f"{field}: "
    try:
        return read_header(path)
    except FileNotFoundError:
        raise ConfigError(
            f"{lead}{path}: there is no such file; set `{field}` to a GGUF file{own}"
        ) from None
    except OSError as error:
        raise ConfigError(f"{lead}{path}: cannot be read: {error.strerror}") from None
    except BadGGUF as error:
        raise ConfigError(f"{lead}{path}: {error}; download or convert the {field} again") from None
