"""The stream of an upstream that speaks Chat Completions, as it passes through.

Servers end it with `[DONE]`, but not all of them: a stream in which every choice has its finish
reason has ended as well.
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


class ChatRelay(Watcher):
    marks: ClassVar[tuple[bytes, ...]] = (b"[DONE]", b'"error"')

    def __init__(self) -> None:
        super().__init__()
        self._over = False
        self._complaint: StackError | None = None
        self._finished: set[int] = set()
        self._unfinished: set[int] = set()  # choices that went on after another one's end

    def ping(self) -> bytes:
        return comment("ping")  # an event would be a chunk without choices to the SDKs

    def _marked(self, whole: bytes) -> bool:
        return bool(self._finished) or super()._marked(whole) or bool(_FINISH.search(whole))

    def _look(self, event: SSEvent) -> None:
        chunk = document(event)
        done = event.data.startswith(b"[DONE]")
        if done or chunk.get("error"):
            self._over = True
        elif chunk.get("object") == "error":
            # vLLM's dialect, which no SDK takes for an error: it is said again at the end.
            self._complaint = decode_failure(chunk)
        for choice in chunk.get("choices") or ():
            self._count(choice if isinstance(choice, dict) else {})
        self.ended = self._over or bool(self._finished and not self._unfinished)

    def _count(self, choice: Document) -> None:
        index = choice.get("index")
        index = index if isinstance(index, int) else 0
        if choice.get("finish_reason"):
            self._finished.add(index)
            self._unfinished.discard(index)
        elif self._finished and index not in self._finished:
            self._unfinished.add(index)

    def failure(self, error: StackError, request_id: str) -> bytes:
        return errors.failure(self._complaint or error)
