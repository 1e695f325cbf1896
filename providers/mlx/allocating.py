"""Arrays that MLX keeps on the CPU come from malloc: what is let go of goes back to the system.

glibc takes a large array from the system by itself and returns it, but raises its idea of "large"
to up to 32 MiB with every one that is returned. From then on arrays lie among everything else, and
the holes that they leave stay the process's: half as much again, and growing, under steady work.
"""

from __future__ import annotations

import ctypes
import sys

LARGE = 128 << 10  # bytes; glibc's own idea when a process begins
_M_MMAP_THRESHOLD = -3


def return_large() -> bool:
    """Whether this process now does; other systems' malloc knows nothing of it."""
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not in every libc
    return mallopt is not None and bool(mallopt(_M_MMAP_THRESHOLD, LARGE))
