"""The stream of an answer in the background, from any event on, by whoever is at work on it.

It is read from the journal and the record alone: so it is the same on every server that shares the
store, whether the answer is being made, has ended, or was left by its owner.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from ..canon.errors import StackError
from ..contract import lease
from ..contract.api import Api, Document
from ..contract.state import Asking, State, Watched
from .background import Pace
from .call import Reply
from .journal import Reader

SILENCE = b": still at work\n\n"
LONGEST = 1.0  # seconds between two looks


async def following(
    api: Api, state: State, asking: Asking, watched: Watched, pace: Pace, keep_alive: float
) -> Reply:
    """The answer to a call that wants events; raises where some of them are gone."""
    reader = Reader(asking.records, watched.id, watched.after)
    first = await reader.read()
    stream = _events(state, asking, watched, reader, first, pace, keep_alive)
    headers = {"content-type": f"{api.stream_type}; charset=utf-8", "cache-control": "no-cache"}
    return Reply(200, headers, stream=stream)


async def _events(
    state: State,
    asking: Asking,
    watched: Watched,
    reader: Reader,
    chunk: bytes,
    pace: Pace,
    keep_alive: float,
) -> AsyncIterator[bytes]:
    last = watched.document
    wait, silent = pace.batch, 0.0
    try:
        while True:
            if chunk:
                wait, silent = pace.batch, 0.0
                yield chunk
            else:
                found = await state.current(replace(asking, now=int(pace.now())), watched.id)
                if found is None:
                    raise StackError("the answer was deleted")
                last = found
                if not lease.is_held(found):
                    # All of it was written before that.
                    yield await reader.read() + _ending(state, found, reader, watched)
                    return
            if silent >= keep_alive:
                silent = 0.0
                yield SILENCE
            await pace.sleep(wait)
            silent += wait
            wait = min(wait * 1.5, LONGEST)
            chunk = await reader.read()
    except StackError as error:
        yield _ending(state, state.broken(last, error), reader, watched)


def _ending(state: State, found: Document, reader: Reader, watched: Watched) -> bytes:
    return b"".join(state.ending(found, reader.next)[max(watched.after + 1 - reader.next, 0) :])
