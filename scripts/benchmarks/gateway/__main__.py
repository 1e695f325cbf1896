"""Measure polystack as a gateway beside nginx and others: `scripts/bench gateway`.

The worker of each gateway is pinned to one core; a mock upstream and the load generator, both in C,
share another. All gateways are up at the same time and are measured in turn, round after round, so
that whatever else the machine does disturbs them alike. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from . import machine, peers, report
from .cases import CASES, Case
from .measuring import Bench, Refused, Running, Sample, free_port
from .systems import Direct, LiteLLM, LiteLLMOpenAI, Nginx, Polystack, System

HERE = Path(__file__).parent
COLD_STARTS = 3


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="polystack-bench-") as work:
        try:
            samples, notes = _measure(_bench(Path(work)), options)
        except Refused as error:
            sys.exit(f"bench: {error}")
    figures = report.figures(samples)
    print(report.markdown(figures, notes, options.rounds, options.seconds))
    if options.json:
        result = {
            "machine": machine.facts(),
            "seconds": options.seconds,
            "rounds": options.rounds,
            "notes": notes,
            **report.document(figures),
            "samples": samples,
        }
        options.json.write_text(json.dumps(result, indent=1) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench gateway", description=__doc__)
    parser.add_argument("--peers", action="store_true", help="also LiteLLM; installs it, once")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=3, help="of which medians are taken")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose name holds it")
    return parser.parse_args()


def _bench(work: Path) -> Bench:
    if not hasattr(os, "sched_setaffinity"):
        raise Refused("pinning to a core and /proc are needed; run it on Linux")
    for name in ("mock", "load"):
        _compile(HERE / f"{name}.c", work / name)
    cores = sorted(os.sched_getaffinity(0))
    return Bench(work, cores[-1], cores[0], free_port())


def _compile(source: Path, program: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise Refused(
            "the load generator is compiled here; install a C compiler (apt-get install gcc)"
        )
    subprocess.run([compiler, "-O2", "-o", str(program), str(source)], check=True)


def _systems(with_peers: bool) -> tuple[list[System], list[str]]:
    systems: list[System] = [Direct()]
    notes = []
    if shutil.which("nginx"):
        systems.append(Nginx())
    else:
        notes.append("nginx is not installed, so its row and the ratios to it are left out.")
    systems.append(Polystack())
    if with_peers:
        venv = peers.litellm()
        systems += [LiteLLM(venv), LiteLLMOpenAI(venv)]
        notes += peers.NOTES
    if len(os.sched_getaffinity(0)) < 2:
        notes.append("Only one core is free: gateway and load share it, and rates mean little.")
    return systems, notes


def _measure(bench: Bench, options: argparse.Namespace) -> tuple[list[Sample], list[str]]:
    systems, notes = _systems(options.peers)
    cases = [case for case in CASES if options.only in case.name]
    if not cases:
        raise Refused(f"no case's name holds {options.only!r}")
    samples: list[Sample] = []
    running: list[Running] = []
    mock = bench.start_mock()
    try:
        for system in systems:
            try:
                first = next(filter(system.covers, CASES))
                running.append(_start(bench, system, first, samples))
            except Refused as error:
                if isinstance(system, Polystack):
                    raise Refused(f"polystack {error}") from None
                notes.append(f"{system.name} is left out, since it {error}")
        able = {gateway: _able(gateway, cases, notes) for gateway in running}
        for round in range(options.rounds):
            for case in cases:
                for connections in case.concurrency:
                    for gateway in running:
                        if case in able[gateway]:
                            samples.append(_sample(gateway, case, connections, round, options))
    finally:
        for gateway in running:
            gateway.stop()
        mock.stop()
    return samples, notes


def _start(bench: Bench, system: System, first: Case, samples: list[Sample]) -> Running:
    """Start it a few times, and leave the last one running."""
    for left in reversed(range(1 if system.slow else COLD_STARTS)):
        gateway = Running(bench, system)
        gateway.start(first)
        idle = gateway.process.memory() if gateway.process else None
        samples.append(
            {"system": system.name, "cold_start": gateway.cold_start, "idle_memory": idle}
        )
        if left:
            gateway.stop()
    return gateway


def _able(gateway: Running, cases: list[Case], notes: list[str]) -> set[Case]:
    """The cases that a gateway can do; what it cannot is noted."""
    able = set()
    for case in filter(gateway.system.covers, cases):
        try:
            if not gateway.check(case):
                notes.append(f"{gateway.system.name} loses the text of “{case.name}”.")
            able.add(case)
        except Refused as error:
            notes.append(f"{gateway.system.name} is left out of “{case.name}”: {error}")
    return able


def _sample(
    gateway: Running, case: Case, connections: int, round: int, options: argparse.Namespace
) -> Sample:
    system = gateway.system
    seconds = max(options.seconds, 1.5 if case.shape == "paced" else 0)
    sample = gateway.load(case, connections, seconds * (2 if system.slow else 1))
    rate = f"{sample['rate']:.0f}/s, {sample.get('cpu_us', 0):.0f} µs"
    print(f"{round + 1} {case.name} x{connections} {system.name}: {rate}", file=sys.stderr)
    labels = {"system": system.name, "case": case.name, "connections": connections, "round": round}
    return {**labels, **sample}


if __name__ == "__main__":
    main()
