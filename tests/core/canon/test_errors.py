"""The tree that is drawn is the tree that is."""

from __future__ import annotations

import re

from polystack.core.canon import errors


def drawn() -> dict[str, tuple[int, str | None]]:
    """Class, status and kind as the module's docstring draws them."""
    lines = (errors.__doc__ or "").splitlines()
    found = [
        re.match(r"[│├└─ ]*(\w+) +(\d{3})(?: +([a-z]+(?:_[a-z]+)*)(?:  |$))?", x) for x in lines
    ]
    return {m[1]: (int(m[2]), m[3]) for m in found if m}


def tree(cls: type[errors.StackError] = errors.StackError) -> list[type[errors.StackError]]:
    ours = [sub for sub in cls.__subclasses__() if sub.__module__ == errors.__name__]
    return [cls, *(inner for sub in ours for inner in tree(sub))]


def test_every_class_is_drawn_with_its_status_and_kind() -> None:
    shown = drawn()
    assert set(shown) == {cls.__name__ for cls in tree()}
    for cls in tree():
        status, kind = shown[cls.__name__]
        assert cls.status == status
        assert kind in (None, cls.kind)


def test_an_overflow_says_by_how_much() -> None:
    error = errors.ContextOverflow(20, 10)
    assert error.message.startswith("prompt is too long: 20 tokens > 10 maximum")
    assert (error.status, error.code) == (400, "context_length_exceeded")
