"""Medians over the rounds and ratios within each, as Markdown and as a document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from statistics import median
from typing import Any

from .goals import GOALS, Goal

Key = tuple[str, str, int]  # model, row, streams


class Figures:
    def __init__(self, samples: Iterable[dict[str, Any]]) -> None:
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
                    "by_cpu": cost if goal.measure == "rate" else None,
                    "where": f"{row.partition(', ')[2]} at {streams}",
                    "reached": goal.met(now),
                }


def markdown(figures: Figures, notes: Iterable[str]) -> str:
    tables = [_goals(figures)]
    for model in figures.each(0):
        tables.append(_table(figures, model, "rate", "tokens/s", 1))
        tables.append(_table(figures, model, "cpu_us", "CPU for a token, µs", 1))
        tables.append(_table(figures, model, "first_p50", "first text after ms, p50", 1e3))
    listed = "\n".join(f"- {' '.join(note.split())}" for note in notes)
    return "\n\n".join(filter(None, [*tables, listed]))


def _goals(figures: Figures) -> str:
    rows = [
        [
            one["figure"],
            one["goal"],
            f"{one['now']:.3g}",
            "" if one["by_cpu"] is None else f"{one['by_cpu']:.3g}",
            one["where"],
            "yes" if one["reached"] else "**no**",
        ]
        for one in reached(figures)
    ]
    return _lines(
        "Goals", ["figure", "goal", "now, at its worst", "by CPU", "where", "reached"], rows
    )


def _table(figures: Figures, model: str, measure: str, title: str, times: float) -> str:
    streams = figures.each(2, model)
    rows = []
    for row in figures.each(1, model):
        found = [figures.of(model, row, many, measure) for many in streams]
        rows.append([row, *("–" if one is None else f"{one * times:,.4g}" for one in found)])
    return _lines(f"{model}: {title}", ["streams", *map(str, streams)], rows)


def _lines(title: str, names: list[str], rows: list[list[str]]) -> str:
    if not rows:
        return ""
    rule = ["---", *["--:"] * (len(names) - 1)]
    return "\n".join([f"### {title}", "", *(f"| {' | '.join(r)} |" for r in [names, rule, *rows])])


def document(figures: Figures) -> dict[str, Any]:
    return {"goals": list(reached(figures))}
