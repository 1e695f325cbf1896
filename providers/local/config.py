"""What a distribution may say about any model in this process."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ByteSize, ConfigDict, Field, field_validator

from .formats.detection import AUTO
from .formats.reasoning import REASONING
from .formats.table import FORMATS
from .residency import Rules
from .sampling import Defaults

BUILTIN = {"builtin:tiny": Path(__file__).parent / "models" / "tiny-q8_0.gguf"}
CONTEXT = 32_768  # tokens of a conversation, unless the configuration says otherwise


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


class LocalConfig(BaseModel):
    """The part that every engine has."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(min_length=1)
    id: str | None = Field(None, description="the model's name; by default the file's")
    context: int | None = Field(
        None, ge=16, le=2**24, description="tokens that one conversation may have"
    )
    slots: int = Field(8, ge=1, le=64, description="conversations that run at the same time")
    max_queue: int | None = Field(
        None, ge=0, description="requests that may wait; by default twice the slots"
    )
    default_max_tokens: int | None = Field(
        None, ge=1, description="for requests that set no limit; by default the context's"
    )
    load: Literal["start", "use"] = Field(
        "start", description="when the model is loaded: at the start, or for its first request"
    )
    unload_after: float | None = Field(
        None, gt=0, le=10**9, description="seconds without a request after which it is let go"
    )
    pinned: bool = Field(False, description="never let go to make room for another model")
    memory_budget: ByteSize | None = Field(
        None,
        gt=0,
        description="what all local models may take together; of several the smallest holds",
    )
    cache_memory: ByteSize = Field(
        ByteSize(1 << 30), description="RAM for idle conversations, such as `2GiB`; 0 for none"
    )
    isolate: Literal["none", "process"] = Field(
        "none", description="`process` keeps the engine in a process of its own, which may crash"
    )
    max_restarts: int = Field(
        5,
        ge=0,
        description="of a process that crashes, in ten minutes; one more, and it stays down",
    )
    chat_template: str | None = Field(
        None,
        description="instead of the model's own: Jinja text, or a family (`chatml`, `llama3`, …)",
    )
    tool_format: str = Field(
        AUTO, description="how the model writes calls; by default what its template tells"
    )
    reasoning_format: str = Field(
        AUTO, description="how the model writes its thoughts; by default what its template tells"
    )
    malformed_calls: Literal["text", "error"] = Field(
        "text", description="what a call that cannot be read becomes"
    )
    sampling: Sampling = Sampling()

    @field_validator("tool_format")
    @classmethod
    def _known_tool_format(cls, name: str) -> str:
        return _known(name, FORMATS)

    @field_validator("reasoning_format")
    @classmethod
    def _known_reasoning_format(cls, name: str) -> str:
        return _known(name, REASONING)

    @property
    def builtin(self) -> bool:
        """Whether it is the model that ships."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        raise NotImplementedError

    def at(self, path: Path) -> Self:
        """The same for a model that has been fetched; its name stays what it was."""
        return self.model_copy(update={"model": str(path), "id": self.name})

    @property
    def queue(self) -> int:
        return 2 * self.slots if self.max_queue is None else self.max_queue

    @property
    def rules(self) -> Rules:
        return Rules(self.unload_after, self.pinned, self.memory_budget)

    @property
    def defaults(self) -> Defaults:
        """Greedy for the builtin model, which is small; the usual values for all others."""
        given = self.sampling.model_dump(exclude_none=True)
        return Defaults(**({"temperature": 0.0} | given if self.builtin else given))


def _known(name: str, names: Iterable[str]) -> str:
    if name != AUTO and name not in names:
        raise ValueError(f"{name!r} is no format; known are {', '.join((AUTO, *names))}")
    return name
