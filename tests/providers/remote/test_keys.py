from __future__ import annotations

from polystack.providers.remote.budget import LONGEST, RESERVE, Budget, pause
from polystack.providers.remote.keys import LIMITED, REFUSED, Keys


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_keys_take_turns() -> None:
    keys = Keys(["a", "b", "c"])
    assert [keys.take() for _ in range(4)] == ["a", "b", "c", "a"]


def test_without_keys_there_is_none_to_take() -> None:
    assert Keys([]).take() is None


def test_a_key_that_was_tried_is_not_taken_again_for_the_same_call() -> None:
    keys = Keys(["a", "b"])
    assert keys.take(["a"]) == "b"
    assert keys.take(["a", "b"]) is None


def test_a_refused_key_rests_and_comes_back() -> None:
    clock = Clock()
    keys = Keys(["a", "b"], clock)
    keys.refuse("a")
    assert [keys.take() for _ in range(3)] == ["b", "b", "b"]
    assert keys.resting == 1
    clock.now += REFUSED + 1
    assert keys.take() == "a"
    assert keys.resting == 0


def test_a_limited_key_rests_for_as_long_as_the_server_says() -> None:
    clock = Clock()
    keys = Keys(["a", "b"], clock)
    keys.limit("a", 30.0)
    keys.limit("b", None)
    assert keys.take() == "b", "the one that is ready first is tried anyway"
    clock.now += LIMITED + 1
    assert keys.take() == "b"
    clock.now += 30
    assert {keys.take(), keys.take()} == {"a", "b"}


def test_retries_are_a_share_of_the_requests() -> None:
    budget = Budget()
    assert [budget.spend() for _ in range(int(RESERVE) + 1)] == [True] * int(RESERVE) + [False]
    for _ in range(9):
        budget.earn()
    assert not budget.spend()
    for _ in range(2):
        budget.earn()
    assert budget.spend()


def test_a_pause_is_random_bounded_and_no_longer_than_a_client_waits() -> None:
    pauses = [pause(attempt, None) for attempt in range(12) for _ in range(20)]
    assert all(seconds is not None and 0 <= seconds <= LONGEST for seconds in pauses)
    assert len(set(pauses)) > 100
    assert pause(0, 1.5) == 1.5
    assert pause(0, 60.0) is None, "the client is told, and decides for itself"
