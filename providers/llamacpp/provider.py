"""The provider: a GGUF model in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from ...core.canon import ir
from ...core.canon.errors import ConfigError
from ...core.contract.provider import ConfigModel
from ..local.embedding import Reads
from ..local.hub import fetch_file, reference
from ..local.known import Known
from ..local.provider import Local
from ..local.reading import read
from .adapters import check, load
from .config import Config as Settings
from .engine import Engine
from .gguf import BadGGUF, Header, read_header
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
        if (wanted := reference(self.config.model)) is not None:
            self.config = self.config.at(await asyncio.to_thread(fetch_file, wanted))
        header = self._header = await asyncio.to_thread(header_of, self.config)
        await asyncio.to_thread(self._check_adapters, header)
        config = self.config
        talks, self._reading = not config.only_reads(header), config.reading(header)
        self._shape = config.shape(header) if talks else None
        reads = None
        if (reading := self._reading) is not None:
            reads = Reads(reading.limit, reading.pooling == "rank")
        context = config.window(header) if talks or reads is None else reads.limit
        footprint = config.footprint(header)
        template = header.chat_template
        return Known(context, template, footprint, talks, reads, header.family)

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
    path = config.path
    try:
        return read_header(path)
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: there is no such file; set `model` to a GGUF file, or to builtin:tiny"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except BadGGUF as error:
        raise ConfigError(f"{path}: {error}; download or convert the model again") from None
