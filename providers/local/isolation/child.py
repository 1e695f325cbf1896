"""The child: `python -m polystack.providers.local.isolation.child FD`, which only its parent runs.

What to serve, secrets included, comes over the socket. The child ends when the socket does, so it
cannot outlive its parent; where the system can see to that, not even if it hangs.
"""

from __future__ import annotations

import asyncio
import ctypes
import faulthandler
import os
import signal
import socket
import sys

from .serving import Serving

PR_SET_PDEATHSIG = 1


def main() -> None:
    faulthandler.enable()  # where a crash comes from, in the parent's log
    # Whoever stops the server stops all of its processes; the parent still needs this one then.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # llama.cpp's asserts would start a debugger.
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    # Whatever the parent could still write this process can read, too.
    sys.setrecursionlimit(3 * sys.getrecursionlimit())
    asyncio.run(_serve(socket.socket(fileno=int(sys.argv[1]))))


async def _serve(end: socket.socket) -> None:
    end.setblocking(False)
    end.set_inheritable(False)
    serving = Serving()
    await asyncio.get_running_loop().create_unix_connection(lambda: serving.link, sock=end)
    await serving.until_alone()


if __name__ == "__main__":
    main()
