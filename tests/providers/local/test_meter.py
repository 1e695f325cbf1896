"""What a model has done, and how fast it is lately."""

from __future__ import annotations

import pytest

from polystack.providers.local.meter import RECENT, Meter


def test_what_has_done_nothing_has_no_speed() -> None:
    assert Meter().speed is None


def test_a_speed_is_of_the_time_at_work() -> None:
    meter = Meter()
    for _ in range(4):
        meter.stepped(8, 0.5)
    assert (meter.speed, meter.output) == (16.0, 32)


def test_what_was_long_ago_counts_less_and_less() -> None:
    meter = Meter()
    for _ in range(100):
        meter.stepped(1, RECENT)
    for _ in range(20):
        meter.stepped(1000, RECENT)
    assert meter.speed == pytest.approx(1000 / RECENT, rel=0.01)
    assert meter.output == 100 + 20 * 1000


def test_cached_tokens_are_some_of_the_prompts() -> None:
    meter = Meter()
    meter.admitted(100, 0)
    meter.admitted(100, 80)
    assert (meter.prompt, meter.cached) == (200, 80)
