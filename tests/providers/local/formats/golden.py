"""The shape of a format's examples."""

from __future__ import annotations

from dataclasses import dataclass

from polystack.core.canon import ir

from .reading import call

PARIS = call("get_weather", {"city": "Paris"})
FIVE = call("get_time", {"city": "Rome", "days": 5}, 2)
READ = ir.ToolCall("call_1", "read", "{}", "function", "files")
PATCH = ir.ToolCall("call_1", "apply_patch", "*** Begin", "custom")


@dataclass(frozen=True)
class Golden:
    """`one` is a call of get_weather for Paris, `two` is that and one of get_time for five days
    in Rome; `more` are further texts; `broken` are no calls, and stay text letter by letter.
    """

    one: str
    two: str
    more: tuple[tuple[str, list[ir.Part]], ...] = ()
    broken: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
