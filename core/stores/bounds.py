"""What no store can keep, since it is larger than all that a tenant may have."""

from __future__ import annotations

from collections.abc import Sequence

from ..canon.errors import TooLarge
from ..contract.store import Write


def fitting(writes: Sequence[Write], max_bytes: int) -> Sequence[Write]:
    """The writes, or `TooLarge` where one of them could not be kept if it were the only one."""
    for write in writes:
        if (size := len(write.record)) > max_bytes:
            raise TooLarge(
                f"a record of {size} bytes is too large to be kept; the store's max_bytes is "
                f"{int(max_bytes)}"
            )
    return writes
