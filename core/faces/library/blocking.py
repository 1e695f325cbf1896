"""A Stack for programs without an event loop: it runs on a thread of its own, and calls wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...canon import ir
from ...contract.api import Document
from ...runtime.call import Call
from ...runtime.front import Front
from .thread import Items, LoopThread

if TYPE_CHECKING:
    import httpx2
    from anthropic import Anthropic
    from openai import OpenAI

    from ...runtime.distribution import Distribution
    from .stack import Stack


@dataclass(frozen=True, slots=True)
class BlockingReply:
    """A whole answer as `document` or as `body`, or a `stream` of bytes, which must be closed."""

    status: int
    headers: Mapping[str, str]
    document: Document | None = None
    body: bytes | None = None
    stream: Items[bytes] | None = None


class Blocking:
    """What `with Stack.load(...) as stack` gives. Any number of threads may use it at once."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._thread = LoopThread(f"stack {stack.distribution.name}")
        try:
            self._thread.run(stack.start())
        except BaseException:  # nobody else could stop the thread
            self._thread.stop()
            raise

    @property
    def distribution(self) -> Distribution:
        return self._stack.distribution

    def stop(self) -> None:
        """Stop the providers, then the thread, and cancel what still runs; harmless again."""
        if self._thread.stopped:
            return
        try:
            self._thread.run(self._stack.stop())
        finally:
            self._thread.stop()

    def openai(self, **options: Any) -> OpenAI:
        """The openai package's client of this stack; options go to its constructor."""
        from .clients import blocking_openai

        return blocking_openai(Front(self._stack), self._thread, options)

    def anthropic(self, **options: Any) -> Anthropic:
        """The anthropic package's client of this stack; options go to its constructor."""
        from .clients import blocking_anthropic

        return blocking_anthropic(Front(self._stack), self._thread, options)

    def transport(self) -> httpx2.BaseTransport:
        """For an httpx2 client of one's own, whatever host its URLs name."""
        from .clients import needed

        with needed():
            from .transport import BlockingTransport
        return BlockingTransport(Front(self._stack), self._thread)

    def handle(self, api: str, operation: str, call: Call | Document) -> BlockingReply:
        """Answer one call; raises `StackError` for what fails before the first byte."""
        reply = self._thread.run(self._stack.handle(api, operation, call))
        stream = None if reply.stream is None else self._thread.iterate(reply.stream)
        return BlockingReply(reply.status, reply.headers, reply.document, reply.body, stream)

    def generate(self, request: ir.Request) -> Items[ir.Event]:
        """The events of one answer, with no protocol in between; close it to cancel the work."""
        return self._thread.iterate(self._stack.generate(request))

    def health(self) -> Document:
        """That it runs, and what each provider says of itself in numbers."""
        return self._stack.health()

    def models(self) -> Document:
        """Every model by its names; of those that are kept in this process, how they are."""
        return self._stack.models()

    def load_model(self, name: str) -> Document:
        """Bring a model into memory, and tell how it is then; raises what keeps it from coming."""
        return self._thread.run(self._stack.load_model(name))

    def unload_model(self, name: str) -> Document:
        """Let a model go, until it is asked for again; raises `Conflict` for one that is busy."""
        return self._thread.run(self._stack.unload_model(name))
