"""Medians over the rounds and ratios within each, as Markdown and as a document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from statistics import median
from typing import Any

from .goals import FACTS, GOALS, Goal

Key = tuple[str, str, int]  # model, row, streams


class Figures:
    def __init__(
        self, samples: Iterable[dict[str, Any]], told: dict[str, dict[str, dict[str, float]]]
    ) -> None:
        self.told = told  # by model and contestant
        self._rounds: dict[Key, dict[int, dict[str, Any]]] = defaultdict(dict)
        for sample in samples:
            key = sample["model"], sample["row"], sample["streams"]
            self._rounds[key][sample["round"]] = sample

    def each(self, place: int, model: str | None = None) -> list[Any]:
        """The models, rows or streams that were measured, in their order."""
        keys = [key for key in self._rounds if model in (None, key[0])]
        return list(dict.fromkeys(key[place] for key in keys))

    def of(self, model: str, row: str, streams: int, measure: str) -> float | None:
        rounds = self._rounds.get((model, row, streams), {})
        return median(sample[measure] for sample in rounds.values()) if rounds else None

    def ratio(self, model: str, rows: tuple[str, str], streams: int, measure: str) -> float | None:
        """Of samples that were taken in the same round."""
        ours, theirs = (self._rounds.get((model, row, streams), {}) for row in rows)
        both = [ours[i][measure] / theirs[i][measure] for i in ours if i in theirs]
        return median(both) if both else None

    def best(self, model: str, rows: tuple[str, str], streams: int, measure: str) -> float | None:
        """The ratio of the best rounds: what else the machine does can only make a round worse."""
        best = min if measure == "first_p50" else max
        found = [
            [sample[measure] for sample in self._rounds.get((model, row, streams), {}).values()]
            for row in rows
        ]
        return best(found[0]) / best(found[1]) if all(found) else None

    def worst(self, goal: Goal, model: str) -> tuple[float, str, int] | None:
        """The figure that a goal is judged by, and where it was found."""
        found = [
            (ratio, row, streams)
            for row in goal.rows
            for streams in goal.streams
            if (ratio := self.ratio(model, (row, goal.other), streams, goal.measure)) is not None
        ]
        if not found:
            return None
        return min(found) if goal.sign == "≥" else max(found)


def reached(figures: Figures) -> Iterator[dict[str, Any]]:
    for model in figures.each(0):
        for goal in GOALS:
            worst = figures.worst(goal, model) if model in goal.models else None
            if worst is not None:
                now, row, streams = worst
                cost = figures.ratio(model, (goal.other, row), streams, "cpu_us")
                yield {
                    "figure": f"{model}: {goal.what}",
                    "goal": f"{goal.sign} {goal.limit:g}",
                    "now": now,
                    "best": figures.best(model, (row, goal.other), streams, goal.measure),
                    "by_cpu": cost if goal.measure == "rate" else None,
                    "where": f"{row.partition(', ')[2]} at {streams}",
                    "reached": goal.met(now),
                }
    for model, told in figures.told.items():
        for fact in FACTS:
            figure = told.get("polystack", {}).get(fact.name)
            if figure is not None:
                yield {
                    "figure": f"{model}: {fact.what}",
                    "goal": f"{fact.sign} {fact.limit:g}",
                    "now": figure,
                    "reached": fact.met(figure),
                }


def markdown(figures: Figures, notes: Iterable[str]) -> str:
    tables = [_goals(figures)]
    for model in figures.each(0):
        tables.append(_table(figures, model, "rate", "tokens/s", 1))
        tables.append(_table(figures, model, "cpu_us", "CPU for a token, µs", 1))
        tables.append(_table(figures, model, "first_p50", "first text after ms, p50", 1e3))
    tables += [_told(model, told) for model, told in figures.told.items()]
    listed = "\n".join(f"- {' '.join(note.split())}" for note in notes)
    return "\n\n".join(filter(None, [*tables, listed]))


def _goals(figures: Figures) -> str:
    rows = [
        [
            one["figure"],
            one["goal"],
            f"{one['now']:.3g}",
            _shown(one.get("best")),
            _shown(one.get("by_cpu")),
            one.get("where", ""),
            "yes" if one["reached"] else "**no**",
        ]
        for one in reached(figures)
    ]
    names = "figure, goal, now at its worst, best rounds, by CPU, where, reached".split(", ")
    return _lines("Goals", names, rows)


def _table(figures: Figures, model: str, measure: str, title: str, times: float) -> str:
    streams = figures.each(2, model)
    rows = []
    for row in figures.each(1, model):
        found = [figures.of(model, row, many, measure) for many in streams]
        rows.append([row, *("–" if one is None else f"{one * times:,.4g}" for one in found)])
    return _lines(f"{model}: {title}", ["streams", *map(str, streams)], rows)


COLUMNS = {
    "cold_ms": "first turn, ms",
    "cached_ms": "next turn, ms",
    "sooner": "sooner, times",
    "takes_over_ms": "a waiting request begins after a cancellation, ms",
    "free_ms": "slot free after, ms",
    "step_ms": "a step, ms",
    "memory_early": "MB after a tenth",
    "memory_late": "MB after all requests",
}


def _told(model: str, told: dict[str, dict[str, float]]) -> str:
    columns = [name for name in COLUMNS if any(name in one for one in told.values())]
    rows = [[row, *(_shown(one.get(name)) for name in columns)] for row, one in told.items()]
    return _lines(f"{model}: turns", ["", *(COLUMNS[name] for name in columns)], rows)


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def _lines(title: str, names: list[str], rows: list[list[str]]) -> str:
    if not rows:
        return ""
    rule = ["---", *["--:"] * (len(names) - 1)]
    return "\n".join([f"### {title}", "", *(f"| {' | '.join(r)} |" for r in [names, rule, *rows])])


def document(figures: Figures) -> dict[str, Any]:
    return {"goals": list(reached(figures)), "turns": figures.told}
