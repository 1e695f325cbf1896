"""A server with scripted answers and a store, and one connection to it."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

STACK = Path(sys.executable).with_name("stack")
MODEL = "scripted"


class Client:
    """One kept connection, as SDKs have it."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)

    def send(self, method: str, path: str, body: bytes = b"") -> tuple[float, bytes]:
        """Milliseconds until the answer's last byte, and the answer."""
        start = time.perf_counter()
        self._connection.request(method, path, body, {"content-type": "application/json"})
        response = self._connection.getresponse()
        answer = response.read()
        took = (time.perf_counter() - start) * 1000
        if response.status != 200:
            raise SystemExit(f"{method} {path}: {response.status} {answer[:500]!r}")
        return took, answer


def distribution(folder: Path, lengths: Sequence[int], store: Mapping[str, object]) -> Path:
    """A file for `stack run`; who says `words N` gets an answer of so many deltas."""
    answers = [
        {
            "when": {"text": f"/words {words}$/"},
            "parts": [{"text": [f"word{number} " for number in range(words)]}],
        }
        for words in lengths
    ]
    script = folder / "script.yaml"
    script.write_text(json.dumps({"answers": answers}))
    document = {
        "version": 1,
        "name": "bench",
        "apis": ["responses"],
        "providers": {MODEL: {"type": "scripted", "config": {"script": str(script)}}},
        "models": {MODEL: {"provider": MODEL}},
        "store": store,
    }
    path = folder / "bench.yaml"
    path.write_text(json.dumps(document))
    return path


@contextmanager
def served(path: Path) -> Iterator[int]:
    """The port that a distribution is served at."""
    command = [str(STACK), "run", str(path), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = (re.search(r"http://[\w.]+:(\d+)", line) for line in process.stdout)
            yield int(next(match for match in found if match)[1])
        finally:
            process.terminate()
