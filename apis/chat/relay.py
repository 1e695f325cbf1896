"""The stream of an upstream that speaks Chat Completions, as it passes through.

Servers end it with `[DONE]`, but not all of them: a stream in which every choice has its finish
reason has ended as well. Many send `[DONE]` behind an error too, which some clients then take for
a success: it is the one thing that is not passed on.
"""

from __future__ import annotations

import re
from typing import ClassVar

from ...core.canon.errors import StackError
from ...core.contract.api import Document
from ..openai import decode_failure
from ..relay import Watcher, document
from ..sse import SSEvent, comment
from . import errors

_FINISH = re.compile(rb'"finish_reason"\s*:\s*"')
_DONE = re.compile(rb"(?:^|(?<=[\r\n]))data: ?\[DONE\][^\r\n]*(?>\r\n|\r|\n){2}")


class ChatRelay(Watcher):
    marks: ClassVar[tuple[bytes, ...]] = (b"[DONE]", b'"error"')

    def __init__(self) -> None:
        super().__init__()
        self._over = False
        self._failed = False
        self._complaint: StackError | None = None  # what no SDK takes for an error: said again
        self._finished: set[int] = set()
        self._unfinished: set[int] = set()  # choices that went on after another one's end

    def ping(self) -> bytes:
        return comment("ping")  # an event would be a chunk without choices to the SDKs

    def feed(self, chunk: bytes) -> bytes:
        whole = super().feed(chunk)
        return _DONE.sub(b"", whole) if self._failed else whole

    def _marked(self, whole: bytes) -> bool:
        return bool(self._finished) or super()._marked(whole) or bool(_FINISH.search(whole))

    def _look(self, event: SSEvent) -> None:
        chunk = document(event)
        if chunk.get("error"):
            self._over = self._failed = True
        elif chunk.get("object") == "error":  # vLLM's dialect
            self._complain(chunk)
        elif event.data.startswith(b"[DONE]"):
            self._over = self._over or not self._failed
        for choice in chunk.get("choices") or ():
            self._count(choice if isinstance(choice, dict) else {})
        finished = bool(self._finished and not self._unfinished)
        self.ended = self._over or (finished and not self._failed)

    def _count(self, choice: Document) -> None:
        index = choice.get("index")
        index = index if isinstance(index, int) else 0
        if choice.get("finish_reason") == "error":
            self._complain(choice)
        elif choice.get("finish_reason"):
            self._finished.add(index)
            self._unfinished.discard(index)
        elif self._finished and index not in self._finished:
            self._unfinished.add(index)

    def _complain(self, fault: object) -> None:
        self._failed = True
        self._complaint = decode_failure(fault)

    def failure(self, error: StackError, request_id: str) -> bytes:
        return errors.failure(self._complaint or error)
