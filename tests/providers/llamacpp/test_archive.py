"""States of conversations that have no slot: within a budget, and over a restart."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest

from polystack.providers.llamacpp.archive import Archive

pytestmark = pytest.mark.engine


def state(size: int, fill: int = 7) -> object:
    return numpy.full(size, fill, numpy.uint8)


def test_a_prompt_finds_what_it_begins_with() -> None:
    archive = Archive(1000)
    archive.put([1, 2, 3, 4], state(10))
    archive.put([1, 2, 9], state(10))
    kept, size = archive.nearest([1, 2, 3, 5])
    assert kept is not None
    assert (kept.tokens, size) == ([1, 2, 3, 4], 3)
    assert archive.nearest([8]) == (None, 0)


def test_the_oldest_goes_first_and_use_makes_young() -> None:
    archive = Archive(25)
    archive.put([1], state(10))
    archive.put([2], state(10))
    archive.nearest([1, 5])
    archive.put([3], state(10))
    assert [archive.nearest([token])[1] for token in (1, 2, 3)] == [1, 0, 1]
    assert archive.size == 20


def test_a_conversation_replaces_its_own_beginning() -> None:
    archive = Archive(1000)
    archive.put([1, 2], state(10))
    archive.put([1, 2, 3], state(15))
    archive.put([1, 2], state(10))
    assert archive.size == 15


def test_states_that_cannot_be_shortened_serve_only_as_a_whole() -> None:
    archive = Archive(1000, cuts=False)
    archive.put([1, 2, 3], state(10))
    archive.put([1, 2], state(10))
    kept, size = archive.nearest([1, 2, 5])
    assert kept is not None
    assert (kept.tokens, size) == ([1, 2], 2)


def test_the_newest_survive_a_restart(tmp_path: Path) -> None:
    first = Archive(25, tmp_path, "model")
    for token in (1, 2, 3):
        first.put([token, token], state(10, token))
    first.close()
    second = Archive(25, tmp_path, "model")
    kept, size = second.nearest([3, 3, 4])
    assert kept is not None
    assert size == 2
    assert kept.read().tolist() == [3] * 10
    assert second.nearest([1, 1])[1] == 0
    second.put([4, 4], state(10))
    second.close()
    third = Archive(25, tmp_path, "model")
    assert [third.nearest([token])[1] for token in (2, 3, 4)] == [0, 1, 1]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:40],
        lambda data: b"",
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: b"[]\n" + data,
        lambda data: b"no json\n" + data,
    ],
)
def test_a_damaged_file_is_nothing(tmp_path: Path, damage: object) -> None:
    archive = Archive(100, tmp_path, "model")
    archive.put([1, 2], state(10))
    archive.close()
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    kept, _ = Archive(100, tmp_path, "model").nearest([1, 2])
    assert kept is None or kept.read() is None


def test_another_models_states_are_not_read_and_make_room(tmp_path: Path) -> None:
    archive = Archive(100, tmp_path, "one")
    archive.put([1, 2], state(10))
    archive.close()
    other = Archive(100, tmp_path, "two")
    assert other.nearest([1, 2]) == (None, 0)
    other.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_loses_the_cache_and_no_more(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    archive = Archive(100, file / "folder", "model")
    archive.put([1], state(10))
    archive.close()
    assert file.is_file()
