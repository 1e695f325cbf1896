"""Measure the local engines beside others of their kind: `scripts/bench engine`.

All contestants have the same model, slots, context and threads, are up at the same time and are
asked in turn, round after round, so that whatever else the machine does disturbs them alike.
Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from polystack.providers.local.config import BUILTIN

from ..gateway import machine
from . import apple, cancelling, report, throughput, turns
from .rivals import Rivals, folder
from .sample import Refused
from .setup import Setup
from .systems import (
    BatchGenerator,
    ExamplesServer,
    Inside,
    Library,
    LlamaCppServer,
    LlamaServer,
    MlxServer,
    Polystack,
    Products,
    Raw,
    System,
    Worker,
)


@dataclass(frozen=True)
class Plan:
    """How a model is measured: sizes that the machine's memory and one's patience allow."""

    context: int
    tokens: int
    requests: int  # over which memory is watched


PLANS = {"tiny": Plan(2048, 250, turns.REQUESTS), "big": Plan(512, 40, 0), "mlx": Plan(2048, 60, 0)}
TURNS = {"slots": 4, "context": 2048}


def main() -> None:
    options = _options()
    samples: list[dict[str, Any]] = []
    told: dict[str, dict[str, Any]] = {}
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="polystack-bench-") as work:
        try:
            for model in options.models:
                systems = _systems(model, options)
                samples += _throughput(model, systems, options, Path(work), notes)
                if options.turns and model != "mlx":
                    told[model] = _turns(model, systems, options, Path(work), notes)
        except Refused as error:
            sys.exit(f"bench: {error}")
    figures = report.Figures(samples, told)
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
        "--only",
        nargs="+",
        default=[""],
        metavar="TEXT",
        help="contestants by parts of their rows' names",
    )
    parser.add_argument(
        "--models", nargs="+", choices=PLANS, default=["tiny"], help="big is written once"
    )
    parser.add_argument("--turns", action="store_true", help="also first texts, cancelling, memory")
    parser.add_argument("--streams", type=_numbers, default=(1, 4, 8, 16), metavar="N,N")
    parser.add_argument("--tokens", type=int, default=0, help="of each answer")
    parser.add_argument("--rounds", type=int, default=5, help="of which medians are taken")
    parser.add_argument("--threads", type=int, default=1, help="that compute a step")
    parser.add_argument("--flash", action="store_true", help="with llama.cpp's flash attention")
    parser.add_argument("--quick", action="store_true", help="one short round of few streams")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    options = parser.parse_args()
    if options.quick:
        options.streams, options.tokens, options.rounds, options.turns = (1, 4), 16, 1, True
    return options


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


def _systems(model: str, options: argparse.Namespace) -> list[System]:
    systems: list[System] = [Raw(), Worker(), Library(), Polystack()]
    if model == "mlx":
        systems = [Products(), BatchGenerator(), Library(), Polystack()]
        systems += [MlxServer()] if options.rivals else []
    elif options.rivals:
        rivals = Rivals(options.cache)
        systems += [LlamaServer(rivals), LlamaCppServer(rivals), ExamplesServer(rivals)]
    chosen = [
        system
        for system in systems
        if any(part in row.name for row in system.rows for part in options.only)
    ]
    if not chosen:
        raise Refused(f"no contestant's name holds {' or '.join(options.only)}")
    return chosen


def _throughput(
    model: str, systems: list[System], options: argparse.Namespace, work: Path, notes: list[str]
) -> Iterator[dict[str, Any]]:
    plan, threads = PLANS[model], options.threads
    file = _file(model, options, work)
    setup = Setup(file, max(options.streams), plan.context, threads, options.flash)
    tokens = options.tokens or plan.tokens
    with throughput.started(systems, setup, work / model, notes) as running:
        yield from throughput.measure(
            running, model, options.streams, tokens, options.rounds, notes
        )


def _turns(
    model: str, systems: list[System], options: argparse.Namespace, work: Path, notes: list[str]
) -> dict[str, Any]:
    file = _file(model, options, work)
    setup = Setup(file, threads=options.threads, flash=options.flash, **TURNS)
    served = [system for system in systems if not isinstance(system, Inside)]
    requests = 40 if options.quick else PLANS[model].requests
    with throughput.started(served, setup, work / f"{model}-turns", notes) as running:
        told = turns.measure(running, setup.slots, options.rounds, requests, notes)
    if "polystack" in told:
        wide = replace(setup, slots=cancelling.STREAMS, context=PLANS[model].context)
        told["polystack"] |= asyncio.run(cancelling.measure(wide, options.rounds))
    return told


def _file(model: str, options: argparse.Namespace, work: Path) -> str:
    if model == "mlx":
        return str(apple.folder(work / "tiny"))
    if model == "tiny":
        return str(BUILTIN["builtin:tiny"])
    return str(Rivals(options.cache).big())


if __name__ == "__main__":
    main()
