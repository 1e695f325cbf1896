"""Measure the local engines beside others of their kind: `scripts/bench engine`.

All contestants have the same model, slots, context and threads, are up at the same time and are
asked in turn, round after round, so that whatever else the machine does disturbs them alike.
Linux only.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from polystack.providers.local.config import BUILTIN

from ..gateway import machine
from . import report, throughput
from .rivals import Rivals, folder
from .sample import Refused
from .setup import Setup
from .systems import (
    ExamplesServer,
    Library,
    LlamaCppServer,
    LlamaServer,
    Polystack,
    Raw,
    System,
    Worker,
)


def main() -> None:
    options = _options()
    samples: list[dict[str, Any]] = []
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="polystack-bench-") as work:
        try:
            _measure(options, Path(work), samples, notes)
        except Refused as error:
            sys.exit(f"bench: {error}")
    figures = report.Figures(samples)
    print(report.markdown(figures, notes))
    if options.json:
        document = {"machine": machine.facts(), "notes": notes, **report.document(figures)}
        options.json.write_text(json.dumps({**document, "samples": samples}, indent=1) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench engine", description=__doc__)
    parser.add_argument(
        "--rivals", action="store_true", help="also other servers; builds them, once"
    )
    parser.add_argument("--cache", type=Path, default=folder(), help="where they are built")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="contestants whose name holds it"
    )
    parser.add_argument("--streams", type=_numbers, default=(1, 4, 8, 16), metavar="N,N")
    parser.add_argument("--tokens", type=int, default=200, help="of each answer")
    parser.add_argument("--rounds", type=int, default=5, help="of which medians are taken")
    parser.add_argument("--threads", type=int, default=1, help="that compute a step")
    parser.add_argument("--quick", action="store_true", help="one short round of few streams")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    options = parser.parse_args()
    if options.quick:
        options.streams, options.tokens, options.rounds = (1, 4), 16, 1
    return options


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


def _systems(options: argparse.Namespace) -> list[System]:
    systems: list[System] = [Raw(), Worker(), Library(), Polystack()]
    if options.rivals:
        rivals = Rivals(options.cache)
        systems += [LlamaServer(rivals), LlamaCppServer(rivals), ExamplesServer(rivals)]
    chosen = [system for system in systems if options.only in system.name]
    if not chosen:
        raise Refused(f"no contestant's name holds {options.only!r}")
    return chosen


def _measure(
    options: argparse.Namespace, work: Path, samples: list[dict[str, Any]], notes: list[str]
) -> None:
    notes.append(f"{options.threads} threads compute a step; every slot has its own memory.")
    setup = Setup(str(BUILTIN["builtin:tiny"]), max(options.streams), 1024, options.threads)
    with throughput.started(_systems(options), setup, work, notes) as running:
        samples += throughput.measure(
            running, "tiny", options.streams, options.tokens, options.rounds, notes
        )


if __name__ == "__main__":
    main()
