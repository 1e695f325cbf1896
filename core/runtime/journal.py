"""The events of an answer as they were sent, so that a stream can be gone on with.

They are numbered from 0 and kept in segments, each a record under the number of its first event.
The last segment grows in place, by as much as came in a while: nothing is written per event. The
terminal is not among them. It is made from the answer's record when that has ended, so that it is
the same for everybody, and comes even where nobody was left to write it.
"""

from __future__ import annotations

from ..canon.errors import InvalidRequest
from ..contract.state import JOURNAL, Record, Records

SEGMENT = 32 << 10  # bytes
PAGE = 16  # segments


def key(id: str, number: int) -> str:
    return f"{id}.{number:010d}"


class Journal:
    """Writes the events of one answer."""

    def __init__(self, records: Records, id: str) -> None:
        self._records = records
        self._id = id
        self._first = 0
        self._frames: list[str] = []
        self._size = 0
        self._written = 0  # of these frames

    def feed(self, chunk: bytes, ends: bool = False) -> None:
        """Take whole events; where the stream `ends` with them, the last one is its terminal."""
        frames = [frame + "\n\n" for frame in chunk.decode().split("\n\n") if frame]
        frames = [frame for frame in frames if not frame.startswith(":")]  # comments have no number
        for frame in frames[:-1] if ends else frames:
            self._frames.append(frame)
            self._size += len(frame)

    async def flush(self) -> None:
        """Write what is new; what fails, or is cut short, is written the next time."""
        if (count := len(self._frames)) == self._written:
            return
        size, document = self._size, {"frames": self._frames[:]}
        await self._records.put(Record(JOURNAL, key(self._id, self._first), document))
        self._written = count
        if size >= SEGMENT:
            self._first += count
            self._frames = self._frames[count:]
            self._size -= size
            self._written = 0


class Reader:
    """Reads the events behind the one numbered `after`, as far as they are written."""

    def __init__(self, records: Records, id: str, after: int) -> None:
        self.next = 0  # the number behind the last event that is written
        self._records = records
        self._id = id
        self._wanted = after + 1
        self._segment = -1  # where reading begins; unknown

    async def read(self) -> bytes:
        """What is new; raises `InvalidRequest` where some of it was forgotten."""
        if self._segment < 0 and not await self._find():
            return b""
        found, more = [], True
        while more:
            # The last one is read again, since it may have grown.
            after = key(self._id, self._segment - 1) if self._segment else f"{self._id}."
            page, more = await self._records.list(JOURNAL, f"{self._id}.", after, PAGE)
            if not page:
                break
            found += [frame for record in page for frame in self._new(record)]
            more = more and int(page[-1].id.rpartition(".")[2]) > self._segment
            self._segment = int(page[-1].id.rpartition(".")[2])
        return "".join(found).encode()

    async def _find(self) -> bool:
        """The segment that has the first wanted event, or else the last one."""
        beyond = key(self._id, self._wanted + 1)
        page, _ = await self._records.list(JOURNAL, f"{self._id}.", beyond, 1, backwards=True)
        if not page:
            page, _ = await self._records.list(JOURNAL, f"{self._id}.", "", 1)
        if not page:
            return False
        self._segment = int(page[0].id.rpartition(".")[2])
        return True

    def _new(self, record: Record) -> list[str]:
        first = int(record.id.rpartition(".")[2])
        frames: list[str] = record.document["frames"]
        if first > max(self.next, self._wanted):
            raise InvalidRequest(
                f"starting_after: the events from {self._wanted} to {first - 1} are kept no more; "
                "retrieve the response without stream",
                param="starting_after",
            )
        new = frames[max(self._wanted - first, 0) :]
        self.next = first + len(frames)
        self._wanted = max(self._wanted, self.next)
        return new
