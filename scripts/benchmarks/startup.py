"""How light the start is: `stack --help`, and `stack run` until its first answer, with memory.

`scripts/bench startup [DISTRIBUTION ...]`. Each figure is the best of a few runs, next to the same
interpreter doing nothing, since machines differ.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

STACK = Path(sys.executable).with_name("stack")
RUNS = 5


def main() -> None:
    nothing = best([sys.executable, "-c", "pass"])
    print(f"python -c pass           {nothing:6.3f} s")
    seconds = best([str(STACK), "--help"])
    print(f"stack --help             {seconds:6.3f} s  ({seconds / nothing:.1f} x python)")
    for name in sys.argv[1:] or ["scripted", "starter"]:
        with tempfile.TemporaryDirectory() as home:  # a stack may keep things
            runs = [serve(name, home) for _ in range(3)]
        seconds, memory = min(run[0] for run in runs), max(run[1] for run in runs)
        ratio = seconds / nothing
        print(f"stack run {name:14} {seconds:6.3f} s  ({ratio:.1f} x python)  {memory:.0f} MB")


def best(command: list[str]) -> float:
    """Seconds of wall time of a command, the best of some runs."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return min(times)


def serve(name: str, home: str) -> tuple[float, float]:
    """Seconds until a stack answers its first request, and its resident megabytes then."""
    start = time.perf_counter()
    command = [str(STACK), "run", name, "--port", "0"]
    settings = os.environ | {"POLYSTACK_HOME": home}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=settings) as process:
        try:
            assert process.stdout is not None
            url = next(m[0] for line in process.stdout if (m := re.search(r"http://\S+", line)))
            with urllib.request.urlopen(f"{url}/v1/models") as answer:
                answer.read()
            seconds = time.perf_counter() - start
            status = Path(f"/proc/{process.pid}/status").read_text()
            memory = int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]
        finally:
            process.terminate()
    return seconds, memory


if __name__ == "__main__":
    main()
