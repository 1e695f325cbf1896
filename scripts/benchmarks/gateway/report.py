"""Medians, differences to the yardstick and ratios, as Markdown and as a document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from .cases import CASES, PACED_STREAMS, Case
from .goals import GOALS, Reached
from .measuring import Sample

Rounds = dict[int, Sample]


@dataclass
class Figures:
    """The samples by what they are of; every figure is a median over the rounds."""

    loads: dict[tuple[str, int, str], Rounds] = field(default_factory=lambda: defaultdict(dict))
    starts: dict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))

    @property
    def systems(self) -> list[str]:
        return list(self.starts)

    @property
    def yardstick(self) -> str:
        return "nginx" if "nginx" in self.starts else "direct"

    def of(self, case: Case, connections: int, system: str, name: str) -> float | None:
        rounds = self.loads.get((case.name, connections, system), {})
        return _median(sample.get(name) for sample in rounds.values())

    def compared(
        self,
        case: Case,
        connections: int,
        systems: tuple[str, str],
        name: str,
        how: Callable[[float, float], float],
    ) -> float | None:
        """Two systems by the samples that were taken in the same round, one after the other."""
        ours, theirs = (self.loads.get((case.name, connections, s), {}) for s in systems)
        both = [(ours[i].get(name), theirs[i].get(name)) for i in ours.keys() & theirs.keys()]
        return _median(how(a, b) for a, b in both if a is not None and b)

    def added(self, case: Case, connections: int, system: str, name: str) -> float | None:
        """Microseconds more than the yardstick."""
        pair = (system, self.yardstick)
        return self.compared(case, connections, pair, name, lambda ours, theirs: ours - theirs)

    def ratio(self, case: Case, connections: int, other: str, name: str) -> float | None:
        pair = ("polystack", other)
        return self.compared(case, connections, pair, name, lambda ours, theirs: ours / theirs)

    def memory(self, system: str) -> float | None:
        """The most that was resident after any load."""
        rounds = [each for key, each in self.loads.items() if key[2] == system]
        resident = [s["memory"] for each in rounds for s in each.values() if "memory" in s]
        return max(resident, default=None)

    def start(self, system: str, name: str) -> float | None:
        return _median(sample[name] for sample in self.starts[system])


def figures(samples: Iterable[Sample]) -> Figures:
    found = Figures()
    for sample in samples:
        if "cold_start" in sample:
            found.starts[sample["system"]].append(sample)
        else:
            key = sample["case"], sample["connections"], sample["system"]
            found.loads[key][sample["round"]] = sample
    return found


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


# Markdown ------------------------------------------------------------------------------------


def markdown(figures: Figures, notes: list[str], rounds: int, seconds: float) -> str:
    head = f"Medians of {rounds} rounds of {seconds:g} s; latencies in ms, CPU in µs per request."
    tables = [
        _goals(figures),
        *(_case(figures, case) for case in CASES if case.shape != "paced"),
        _paced(figures),
        _footprint(figures),
    ]
    listed = "\n".join(f"- {' '.join(note.split())}" for note in [*notes, *_errors(figures)])
    return "\n\n".join(filter(None, [head, *tables, listed]))


def _table(title: str, columns: str, rows: Iterable[list[str]]) -> str:
    names = columns.split(", ")
    lines = [names, ["---", *["--:"] * (len(names) - 1)], *rows]
    if len(lines) == 2:
        return ""
    return "\n".join([f"### {title}", "", *("| " + " | ".join(line) + " |" for line in lines)])


def _goals(figures: Figures) -> str:
    rows = [
        [
            reached.goal.what,
            f"{reached.goal.sign} {reached.goal.limit:g}{reached.goal.unit}",
            f"{_shown(reached.figure)}{reached.goal.unit}",
            f"{_shown(reached.by_cpu)} ×" if reached.by_cpu is not None else "",
            "yes" if reached.good else "**no**",
        ]
        for reached in _reached(figures)
    ]
    return _table("Goals", "Figure, Goal, Now, By CPU time, Reached", rows)


def _reached(figures: Figures) -> Iterator[Reached]:
    for goal in GOALS:
        figure = goal.figure(figures)
        if figure is not None:
            yield Reached(goal, figure, goal.by_cpu(figures))


def _case(figures: Figures, case: Case) -> str:
    few, many = case.concurrency
    measure = "event_rate" if case.streamed else "rate"
    rows = []
    for system in figures.systems:
        if figures.of(case, many, system, "rate") is None:
            continue
        rows.append(
            [
                system,
                _shown(figures.of(case, many, system, "rate")),
                *([_shown(figures.of(case, many, system, measure))] if case.streamed else []),
                _shown(figures.of(case, many, system, "cpu_us")),
                _shown(figures.of(case, few, system, "latency_p50"), 1000),
                *(
                    _shown(figures.added(case, connections, system, f"latency_{quantile}"), 1000)
                    for connections in case.concurrency
                    for quantile in ("p50", "p99")
                ),
            ]
        )
    rate = f"req/s at {many}" + (", events/s" if case.streamed else "")
    added = ", ".join(f"added {q} at {c}" for c in case.concurrency for q in ("p50", "p99"))
    return _table(case.name, f"system, {rate}, CPU, p50 at {few}, {added}", rows)


def _paced(figures: Figures) -> str:
    rows = []
    for case in (case for case in CASES if case.shape == "paced"):
        for system in figures.systems:
            events = figures.of(case, PACED_STREAMS, system, "event_rate")
            if events is None:
                continue
            rows.append(
                [
                    f"{case.route}, {system}",
                    _shown(events),
                    _shown(figures.of(case, PACED_STREAMS, system, "token_p50"), 1000),
                    _shown(figures.of(case, PACED_STREAMS, system, "token_p99"), 1000),
                    _shown(figures.of(case, PACED_STREAMS, system, "cpu_us")),
                ]
            )
    title = f"{PACED_STREAMS} streams, each paced at 100 tokens/s"
    return _table(title, "route and system, events/s, late p50, late p99, CPU per stream", rows)


def _footprint(figures: Figures) -> str:
    rows = [
        [
            system,
            _shown(figures.start(system, "cold_start")),
            _shown(figures.start(system, "idle_memory")),
            _shown(figures.memory(system)),
        ]
        for system in figures.systems
        if figures.memory(system) is not None
    ]
    return _table(
        "Footprint", "system, first answer after s, MB at first, MB resident after load", rows
    )


def _errors(figures: Figures) -> Iterator[str]:
    for (case, connections, system), rounds in figures.loads.items():
        failed = sum(sample["errors"] + sample["unfinished"] for sample in rounds.values())
        if failed:
            total = sum(sample["requests"] for sample in rounds.values())
            words = next((s["error"] for s in rounds.values() if s["error"]), "too late")
            where = f"“{case}” at {connections}"
            yield f"{system}, {where}: {failed} of {total} requests failed: {words}"


def _shown(value: float | None, divisor: float = 1) -> str:
    if value is None:
        return "–"
    value /= divisor
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


# The document --------------------------------------------------------------------------------


def document(figures: Figures) -> dict[str, Any]:
    goals = [
        {
            "figure": reached.goal.what,
            "goal": f"{reached.goal.sign} {reached.goal.limit:g}{reached.goal.unit}",
            "now": reached.figure,
            "by_cpu": reached.by_cpu,
            "reached": reached.good,
        }
        for reached in _reached(figures)
    ]
    footprint = {
        system: {
            "cold_start": figures.start(system, "cold_start"),
            "idle_memory": figures.start(system, "idle_memory"),
            "memory": figures.memory(system),
        }
        for system in figures.systems
    }
    return {"goals": goals, "footprint": footprint}
