"""What it costs to keep an answer, and to find it again among many.

`scripts/bench store` measures the store itself; with `--http` it measures the responses of a server
that keeps them, beside those that it does not keep.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from . import inside, responses
from .timing import disk


async def main() -> None:
    asked = arguments()
    part = responses if asked.http else inside
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder, disk(Path(folder)) as force:
        await part.measure(Path(folder), asked, force)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench store", description=__doc__)
    parser.add_argument("--http", action="store_true", help="responses, and not records")
    parser.add_argument("--type", default="sqlite", help="the store's type")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=8000, help="bytes of a record, or of an input")
    parser.add_argument("--puts", type=int, default=1000)
    parser.add_argument("--folder", help="where files are made; the usual place by default")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
