"""What an executor must be: it runs server tools, those that a client asks for and does not run.

A server tool stands for functions. The model is offered those, and where it calls one the executor
runs the call and the model reads the result, within the same answer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from ..canon import ir

if TYPE_CHECKING:
    from pydantic import BaseModel

ConfigModel: TypeAlias = "type[BaseModel]"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call came to: what the model reads of it, and whether it failed."""

    content: tuple[ir.Text | ir.Media, ...]
    is_error: bool = False


class Executor(ABC):
    """Runs server tools, made from one entry of a distribution's `executors`.

    The life of an executor: constructed with its name and its validated configuration, `start`,
    then any number of `tools` and `call` at the same time, then `stop`. A call that nobody waits
    for any more is cancelled. Nothing that `call` raises ends an answer: the model reads of it.
    """

    type: ClassVar[str]
    Config: ClassVar[ConfigModel]

    def __init__(self, name: str, config: Any) -> None:
        self.name = name
        self.config = config

    async def start(self) -> None:  # noqa: B027 (an executor may have nothing to open)
        """Open what is needed; raises `ConfigError` with the remedy."""

    async def stop(self) -> None:  # noqa: B027
        """Let go of everything."""

    def status(self) -> Mapping[str, int]:
        """What goes on, in numbers for `GET /health`."""
        return {}

    @abstractmethod
    def serves(self, tool: ir.Tool) -> bool:
        """Whether it runs a server tool of this kind; it only looks, and does nothing."""

    @abstractmethod
    async def tools(self, request: ir.Request, tool: ir.Tool) -> Sequence[ir.Tool]:
        """The functions that the tool stands for now, under their own names.

        Raises `InvalidRequest` for a tool that may not be asked for, which refuses the request, and
        any other `StackError` where they cannot be known now: the model then does without.
        """

    @abstractmethod
    async def call(self, request: ir.Request, tool: ir.Tool, name: str, arguments: str) -> Outcome:
        """Run one of the functions; `arguments` is text as the model wrote it."""
