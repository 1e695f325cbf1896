"""One generation on its way through an engine, and the channel that its tokens come back by.

The engine's thread writes, one event loop reads. What waits is read at once, so a slow reader
gets more at a time and never holds the engine up; one that stops reading is cut off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

from ...core.canon.errors import StackError
from ...core.canon.ir import TokenLogprob
from .constraints.constraint import Constraint, Unmet
from .images import Placed
from .sampling import Sampler

BACKLOG = 32_768  # tokens that a reader may leave unread


@dataclass(frozen=True, slots=True)
class Admitted:
    """The engine has begun; `cached` tokens of the prompt were in its memory already.

    A second one corrects the first.
    """

    cached: int
    last: ClassVar[bool] = False


@dataclass(slots=True)  # not frozen: that takes three times as long to make
class Token:
    """One sampled token; a token that ends the answer has no bytes."""

    data: bytes
    logprob: TokenLogprob | None = None
    last: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Ended:
    reason: Literal["end", "length"]
    last: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Broken:
    error: StackError
    last: ClassVar[bool] = True


def unheld(why: Unmet) -> Broken:
    """The end of an answer that cannot go on as it has to."""
    return Broken(StackError(f"the answer could not be held to its format: {why}"))


Output: TypeAlias = Admitted | Token | Ended | Broken
"""`last` tells whether it ends the job: the engine's thread asks that for every token."""


class Job:
    """`tokens` is the prompt and then what was sampled; `state` belongs to the engine.

    An engine that has grammars asks `constraint` what may come, and tells it what came.
    `images` stand in the prompt, in their order.
    """

    slotless: ClassVar[bool] = False
    """Whether it need not wait for those that wait for a slot."""

    def __init__(
        self,
        prompt: list[int],
        max_tokens: int,
        sampler: Sampler,
        constraint: Constraint | None = None,
        images: Sequence[Placed] = (),
    ) -> None:
        self.tokens = list(prompt)
        self.images = images
        self.prompt_size = len(prompt)
        self.limit = len(prompt) + max_tokens
        self.sampler = sampler
        self.constraint = constraint
        self.loop = asyncio.get_running_loop()
        self.serial = 0
        self.cancelled = False
        self.admitted = False
        self.flowing = False  # whether the last output was a token
        self.state: Any = None
        self._written = 0
        self._read = 0
        self._outputs: list[Output] = []
        self._arrived = asyncio.Event()

    def image_at(self, position: int) -> Placed | None:
        """The image that covers a position of the prompt."""
        return next((each for each in self.images if each.start <= position < each.end), None)

    def up_to_image(self, position: int) -> int:
        """How many tokens come before the next image, or the end; none inside of one."""
        ahead = (max(0, each.start - position) for each in self.images if position < each.end)
        return next(ahead, len(self.tokens) - position)

    @property
    def sampled(self) -> int:
        return len(self.tokens) - self.prompt_size

    # On the engine's thread

    def written(self, outputs: int) -> bool:
        """Count outputs; False if the reader is too far behind."""
        self._written += outputs
        return self._written - self._read <= BACKLOG

    # On the reader's loop

    def put(self, outputs: list[Output]) -> None:
        self._outputs += outputs
        self._arrived.set()

    async def take(self) -> list[Output]:
        """All that has come since the last time; waits until there is something."""
        await self._arrived.wait()
        self._arrived.clear()
        outputs, self._outputs = self._outputs, []
        self._read += len(outputs)
        return outputs
