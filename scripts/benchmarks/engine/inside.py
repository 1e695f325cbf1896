"""Contestants without HTTP, each in a process of its own: `python -m benchmarks.engine.inside`.

Such a process listens on a port, reads a line of JSON for each run, and answers with one.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable
from typing import Any, Protocol

from .sample import Refused, Sample
from .setup import Setup


class Inside(Protocol):
    def run(self, prompts: list[str], tokens: int) -> Sample: ...


def _raw(setup: Setup) -> Inside:
    from .raw import Raw

    return Raw(setup)


def _stack(setup: Setup) -> Inside:
    from .ours import Library

    return Library(setup)


def _worker(setup: Setup) -> Inside:
    from .ours import Bare

    return Bare(setup)


def _direct(setup: Setup) -> Inside:
    from .apple import Direct

    return Direct(setup)


def _products(setup: Setup) -> Inside:
    from .apple import Products

    return Products(setup)


KINDS: dict[str, Callable[[Setup], Inside]] = {
    "raw": _raw,
    "stack": _stack,
    "worker": _worker,
    "mlx": _direct,
    "products": _products,
}


def main() -> None:
    kind, port, setup = sys.argv[1], int(sys.argv[2]), Setup.read(sys.argv[3])
    contestant = KINDS[kind](setup)
    with socket.create_server(("127.0.0.1", port)) as server:
        while True:
            connection, _ = server.accept()
            with connection, connection.makefile("rw") as lines:
                for line in lines:
                    lines.write(json.dumps(_answered(contestant, json.loads(line))) + "\n")
                    lines.flush()


def _answered(contestant: Inside, wanted: dict[str, Any]) -> dict[str, Any]:
    try:
        return contestant.run(**wanted).document()
    except Refused as error:
        return {"error": str(error)}


def ask(port: int, prompts: list[str], tokens: int) -> Sample:
    with (
        socket.create_connection(("127.0.0.1", port)) as connection,
        connection.makefile("rw") as lines,
    ):
        lines.write(json.dumps({"prompts": prompts, "tokens": tokens}) + "\n")
        lines.flush()
        answer = json.loads(lines.readline() or '{"error": "it ended"}')
    if "error" in answer:
        raise Refused(answer["error"])
    answer.pop("rate")
    return Sample(**answer)


if __name__ == "__main__":
    main()
