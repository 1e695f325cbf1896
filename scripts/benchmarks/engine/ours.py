"""This project without HTTP: as a library, and its engine's bare worker."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from typing import Any

from polystack.core import Stack, ir

from .sample import Answer, Refused, Sample
from .setup import Setup

MODEL = "bench"


def config(setup: Setup) -> dict[str, Any]:
    common = {
        "model": setup.model,
        "id": MODEL,
        "context": setup.context,
        "slots": setup.slots,
        "sampling": {"temperature": 0},
    }
    if setup.mlx:
        return common
    flags = {"kv_unified": False, "flash_attention": setup.flash}
    return {**common, "threads": setup.threads, **flags}


def distribution(setup: Setup, port: int | None = None) -> dict[str, Any]:
    return {
        "version": 1,
        "name": "bench",
        "apis": ["messages", "responses", "chat"],
        **({"server": {"port": port}} if port else {}),
        "providers": {
            "local": {"type": "mlx" if setup.mlx else "llamacpp", "config": config(setup)}
        },
    }


class Together(ABC):
    """Prompts that are answered at the same time, on one event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.Runner()

    def run(self, prompts: list[str], tokens: int) -> Sample:
        return self._loop.run(self._all(prompts, tokens))

    async def _all(self, prompts: list[str], tokens: int) -> Sample:
        began = time.perf_counter()
        answers = await asyncio.gather(*(self._one(text, tokens) for text in prompts))
        return Sample.of(answers, time.perf_counter() - began)

    @abstractmethod
    async def _one(self, text: str, tokens: int) -> Answer: ...


class Library(Together):
    """`Stack.generate`: canonical requests in, canonical events out."""

    def __init__(self, setup: Setup) -> None:
        super().__init__()
        self._stack = Stack.load(distribution(setup))
        self._loop.run(self._stack.start())

    async def _one(self, text: str, tokens: int) -> Answer:
        turn = ir.Turn("user", (ir.Text(text),), at="messages.0")
        request = ir.Request(MODEL, (turn,), sampling=ir.Sampling(max_tokens=tokens))
        began, first = time.perf_counter(), 0.0
        async for event in self._stack.generate(request):
            if isinstance(event, ir.Delta):
                first = first or time.perf_counter()
            elif isinstance(event, ir.Finished) and event.usage is not None:
                ended = time.perf_counter()
                return Answer(event.usage.output, (first or ended) - began, ended - began)
        raise Refused("the answer has no end")


class Bare(Together):
    """The worker's thread and its engine only: tokens in, tokens out."""

    def __init__(self, setup: Setup) -> None:
        from polystack.providers.llamacpp import Config, LlamaCpp
        from polystack.providers.local.worker import Worker

        super().__init__()
        provider = LlamaCpp(MODEL, Config.model_validate(config(setup)))
        self._loop.run(provider.known())
        self._engine = provider.engine()
        self._worker = Worker(MODEL, self._engine, setup.slots)
        self._loop.run(self._worker.start())

    async def _one(self, text: str, tokens: int) -> Answer:
        from polystack.providers.local.job import Broken, Ended, Job, Token
        from polystack.providers.local.sampling import Sampler

        prompt = f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"
        greedy = Sampler(temperature=0, top_p=1, top_k=0, min_p=0, seed=0)
        job = Job(self._engine.vocabulary.tokenize(prompt), tokens, greedy)
        began, first = time.perf_counter(), 0.0
        self._worker.submit(job)
        while True:
            for output in await job.take():
                if isinstance(output, Token):
                    first = first or time.perf_counter()
                elif isinstance(output, Ended):
                    return Answer(job.sampled, first - began, time.perf_counter() - began)
                elif isinstance(output, Broken):
                    raise Refused(str(output.error))
