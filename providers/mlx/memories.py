"""What a model remembers of conversations that are idle, within a budget of bytes.

A memory is mlx-lm's cache of a prompt. The next turn of a conversation takes its own memory;
another conversation that begins alike gets a copy of the beginning, and both go on.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..local.prefix import common_prefix

SIMILAR_TOKENS = 64  # that must be saved, or half of the prompt


@dataclass(slots=True, eq=False)
class Memory:
    """What a model remembers of these tokens."""

    tokens: list[int]
    cache: Any

    @property
    def size(self) -> int:
        return sum(layer.nbytes for layer in self.cache)


class Memories:
    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._kept: list[Memory] = []  # the oldest first

    def put(self, tokens: Sequence[int], cache: Any) -> None:
        memory = Memory(list(tokens), cache)
        if not tokens or memory.size > self._budget:
            return
        _settle(cache)
        if _can_forget(cache):
            self._kept = [kept for kept in self._kept if not _begins(memory, kept)]
        self._kept.append(memory)
        while sum(kept.size for kept in self._kept) > self._budget:
            self._kept.pop(0)

    def take(self, prompt: Sequence[int]) -> Memory | None:
        """The memory that saves most of a prompt, cut to what they have in common."""
        best = max(self._kept, key=lambda kept: saved(kept, prompt), default=None)
        if best is None or not worth(size := saved(best, prompt), prompt):
            return None
        self._kept.remove(best)
        if len(best.tokens) - size < SIMILAR_TOKENS:
            return cut(best, size)
        self._kept.append(best)  # its own conversation may go on
        return cut(copied(best), size)

    def clear(self) -> None:
        self._kept.clear()


def saved(memory: Memory, prompt: Sequence[int]) -> int:
    """How many tokens of a prompt need not be read; some kinds of memory serve only as a whole."""
    common = common_prefix(memory.tokens, prompt)
    whole = common == len(memory.tokens)
    return common if whole or _can_forget(memory.cache) else 0


def worth(size: int, prompt: Sequence[int]) -> bool:
    return size >= max(1, min(SIMILAR_TOKENS, len(prompt) // 2))


def copied(memory: Memory) -> Memory:
    return Memory(memory.tokens, copy.deepcopy(memory.cache))


def cut(memory: Memory, size: int) -> Memory:
    from mlx_lm.models.cache import trim_prompt_cache

    extra = len(memory.tokens) - size
    if extra:
        trim_prompt_cache(memory.cache, extra)
    return Memory(memory.tokens[:size], memory.cache)


def _settle(cache: Any) -> None:
    """Compute it: what is yet to be computed holds on to the whole batch that it is a part of."""
    import mlx.core as mx

    mx.eval([layer.state for layer in cache])


def _can_forget(cache: Any) -> bool:
    from mlx_lm.models.cache import can_trim_prompt_cache

    return bool(can_trim_prompt_cache(cache))


def _begins(memory: Memory, other: Memory) -> bool:
    return memory.tokens[: len(other.tokens)] == other.tokens
