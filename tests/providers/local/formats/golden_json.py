"""Formats whose arguments are JSON between marks, or without any."""

from __future__ import annotations

from polystack.core.canon import ir

from .golden import FIVE, PARIS, PATCH, READ, Golden
from .reading import call

_PARIS = '{"name": "get_weather", "arguments": {"city": "Paris"}}'
_ROME = '{"name": "get_time", "arguments": {"city": "Rome", "days": 5}}'
_PATCH = '{"name": "apply_patch", "arguments": {"input": "*** Begin"}}'


def listed(begin: str, end: str = "") -> Golden:
    return Golden(
        one=f"{begin}[{_PARIS}]{end}",
        two=f"{begin}[{_PARIS}, {_ROME}]{end}",
        more=(
            (f"{begin}\n{_PARIS}\n{_ROME}\n{end}", [PARIS, FIVE]),
            (f"{begin} [{_PATCH}] {end}", [PATCH]),
            (f'{begin}[{{"name": "files__read", "arguments": {{}}}}]{end}', [READ]),
        ),
        broken=(f"{begin}none{end}", f'{begin}[{{"nome": 1}}]{end}', f"{begin}["),
        marks=(begin, f"{begin}[{_PARIS[:-2]}", "}", "}]", end or "]", ", "),
    )


LLAMA3 = Golden(
    one='{"name": "get_weather", "parameters": {"city": "Paris"}}',
    two='<|python_tag|>{"name": "get_weather", "parameters": {"city": "Paris"}}; '
    '{"name": "get_time", "parameters": {"city": "Rome", "days": 5}}',
    more=(
        (
            ' {"type": "function", "name": "get_weather", "parameters": {"city": "Paris"}};'
            ' {"name": "get_time", "parameters": {"city": "Rome", "days": 5}}',
            [PARIS, FIVE],
        ),
        ('<|python_tag|>brave_search.call(query="x")', [call("brave_search", {"query": "x"})]),
        ('{"name": "get_weather", "parameters": {}};', [call("get_weather", {}), ir.Text(";")]),
        ('{"name": "nobody", "parameters": {}}', [ir.Text('{"name": "nobody", "parameters": {}}')]),
        ('A {"name": "x"}', [ir.Text('A {"name": "x"}')]),
    ),
    broken=('{"name": "get_weather"}', "{", '{"a": 1}', "<|python_tag|>print 1"),
    marks=("<|python_tag|>", '{"name": "get_weather", "parameters": {', "}}", "; ", "{"),
)

MISTRAL = Golden(
    one='[TOOL_CALLS]get_weather[ARGS]{"city": "Paris"}',
    two='[TOOL_CALLS]get_weather[ARGS]{"city": "Paris"}'
    '[TOOL_CALLS]get_time[ARGS]{"city": "Rome", "days": 5}',
    more=(
        (
            f'[TOOL_CALLS][{_PARIS[:-1]}, "id": "a12345678"}}, {_ROME[:-1]}, "id": "b12345678"}}]',
            [PARIS, FIVE],
        ),
        ('[TOOL_CALLS]get_weather[CALL_ID]a12345678[ARGS]{"city": "Paris"}', [PARIS]),
        ('[TOOL_CALLS]get_weather{"city": "Paris"}', [PARIS]),
        ('[TOOL_CALLS]apply_patch[ARGS]{"input": "*** Begin"}', [PATCH]),
        ("Look: [TOOL_CALLS] files__read [ARGS] {}", [ir.Text("Look:"), READ]),
    ),
    broken=(
        "[TOOL_CALLS]two words[ARGS]{}",
        "[TOOL_CALLS]get_weather[ARGS]Paris",
        "[TOOL_CALLS]get_weather",
        "[TOOL_CALLS]get_weather[CALL_ID] two words [ARGS]{}",
        "[TOOL_CALLS]none]",
    ),
    marks=("[TOOL_CALLS]", "get_weather[ARGS]{", "[CALL_ID]", "[ARGS]", "}", "[TOOL_CALLS][{"),
)

_ACTION = '{{"tool_call_id": "{}", "tool_name": "{}", "parameters": {}}}'
_ACT_PARIS = _ACTION.format(0, "get_weather", PARIS.arguments)
_ACT_ROME = _ACTION.format(1, "get_time", FIVE.arguments)
COMMAND = Golden(
    one=f"<|START_ACTION|>[\n    {_ACT_PARIS}\n]<|END_ACTION|>",
    two=f"<|START_ACTION|>[\n    {_ACT_PARIS},\n    {_ACT_ROME}\n]<|END_ACTION|>",
    more=(
        (f"<|START_ACTION|>{_ACT_PARIS}<|END_ACTION|>So.", [PARIS, ir.Text("So.")]),
        (f"<|START_ACTION|>[{_ACTION.format(0, 'files__read', '{}')}]", [READ]),
        (
            '<|START_ACTION|>[{"tool_name": "apply_patch", "parameters": {"input": "*** Begin"},'
            ' "tool_call_id": 3}]<|END_ACTION|>',
            [PATCH],
        ),
    ),
    broken=(
        "<|START_ACTION|>none<|END_ACTION|>",
        '<|START_ACTION|>[{"tool_call_id": "0"}]<|END_ACTION|>',
        "<|START_ACTION|>[",
    ),
    marks=("<|START_ACTION|>", f"<|START_ACTION|>[{_ACT_PARIS[:-2]}", "}}]", "<|END_ACTION|>"),
)

GENERIC = Golden(
    one=_PARIS,
    two=f"[{_PARIS}, {_ROME}]",
    more=(
        (f"```json\n{_PARIS}\n```\nSo.", [PARIS, ir.Text("So.")]),
        (f"{_PARIS}\n{_ROME}", [PARIS, FIVE]),
        (f"<tool_call>{_PARIS}</tool_call>", [PARIS]),
        (_PATCH, [PATCH]),
        ('```json\n{"a": 1}\n```', [ir.Text('```json\n{"a": 1}\n```')]),
        ('[{"name": "nobody"}]', [ir.Text('[{"name": "nobody"}]')]),
    ),
    broken=('{"name": "get_weather"}', "[1, 2]", '```json\n{"name": 1}', '{"arguments": {}}'),
    marks=("{", "[", "```json\n", _PARIS[:-2], "}}", "]", "```"),
)

GOLDENS = {
    "llama3": LLAMA3,
    "mistral": MISTRAL,
    "generic": GENERIC,
    "command": COMMAND,
    "granite": listed("<|tool_call|>"),
    "nemotron": listed("<TOOLCALL>", "</TOOLCALL>"),
    "apriel": listed("<tool_calls>", "</tool_calls>"),
}
