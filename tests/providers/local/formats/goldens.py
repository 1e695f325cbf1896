"""What models write in each format, and what it means."""

from __future__ import annotations

from dataclasses import dataclass

from polystack.core.canon import ir

from .reading import call

PARIS = call("get_weather", {"city": "Paris"})
FIVE = call("get_time", {"city": "Rome", "days": 5}, 2)


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


HERMES = Golden(
    one='<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>',
    two='<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>\n'
    '<tool_call>\n{"name": "get_time", "arguments": {"city": "Rome", "days": 5}}\n</tool_call>',
    more=(
        (
            '<tool_call>{"type": "function", "name": "get_weather", "arguments": {"city": "Paris"}}'
            "</tool_call>",
            [PARIS],
        ),
        (
            '<tool_call>{"type": "function", "function": {"name": "get_weather", '
            '"arguments": {"city": "Paris"}}}</tool_call>',
            [PARIS],
        ),
        (
            '<tool_call>{"name": "apply_patch", "arguments": {"input": "a\\n"}}</tool_call>',
            [ir.ToolCall("call_1", "apply_patch", "a\n", "custom")],
        ),
        (
            '<tool_call>{"name": "unknown", "arguments": {"a": [1, {"b": "}"}]}}</tool_call>done',
            [call("unknown", {"a": [1, {"b": "}"}]}), ir.Text("done")],
        ),
    ),
    broken=(
        "<tool_call>none</tool_call>",
        '<tool_call>{"name": "get_weather", <x>}</tool_call>',
        '<tool_call>\n{"nome": 1}\n</tool_call>',
    ),
    marks=("<tool_call>", "</tool_call>", '{"name": "get_weather", "arguments": {', "}}"),
)

GOLDENS = {"hermes": HERMES}
