"""What models write in each format, and what it means."""

from __future__ import annotations

from polystack.core.canon import ir

from . import golden_harmony, golden_json, golden_literals, golden_rare
from .golden import FIVE, PARIS, READ, Golden
from .reading import call

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


def _tagged(begin: str, tag: str, close: str, end: str, *, quotes: bool = False) -> Golden:
    """The examples of formats that differ in their tags only."""

    def name(text: str) -> str:
        return f'"{text}"' if quotes else text

    def opening(kind: str, text: str) -> str:
        return f"{tag}{kind}{name(text)}>"

    parameter = "parameter name=" if quotes else "parameter="
    function = "invoke name=" if quotes else "function="
    done = "invoke" if quotes else "function"

    def made(tool: str, **arguments: str) -> str:
        lines = "".join(
            f"{opening(parameter, key)}\n{value}\n{close}parameter>\n"
            for key, value in arguments.items()
        )
        return f"{opening(function, tool)}\n{lines}{close}{done}>\n"

    one = f"{begin}\n{made('get_weather', city='Paris')}{end}"
    paris, rome = made("get_weather", city="Paris"), made("get_time", city="Rome", days="5")
    every = made(
        "get_weather",
        city="12",
        days="3.0",
        ratio="1",
        metric="true",
        where='{"x": 1}',
        tags='["a"]',
        maybe="null",
    )
    odd = made("unknown", a="[1]", b="two words", c=" x\n\ny ", d="NaN")
    inner = f"a {close}parameter> b"
    return Golden(
        one=one,
        two=f"{one}\n{begin}\n{made('get_time', city='Rome', days='5')}{end}",
        more=(
            (
                f"{begin}{paris}{rome}{end}",
                [PARIS, FIVE],
            ),
            (
                f"{begin}\n{every}{end}So.",
                [
                    call(
                        "get_weather",
                        {
                            "city": "12",
                            "days": 3,
                            "ratio": 1,
                            "metric": True,
                            "where": {"x": 1},
                            "tags": ["a"],
                            "maybe": None,
                        },
                    ),
                    ir.Text("So."),
                ],
            ),
            (
                f"{begin}{odd}{end}",
                [call("unknown", {"a": [1], "b": "two words", "c": " x\n\ny ", "d": "NaN"})],
            ),
            (
                f"{begin}{made('get_weather', city=inner)}{end}",
                [call("get_weather", {"city": inner})],
            ),
            (
                f"{begin}{made('apply_patch', input='*** Begin')}{end}",
                [ir.ToolCall("call_1", "apply_patch", "*** Begin", "custom")],
            ),
            (f"{begin}{made('files__read')}{end}", [READ]),
            (HERMES.one.replace("<tool_call>", begin, 1).replace("</tool_call>", end), [PARIS]),
        ),
        broken=(
            f"{begin}none{end}",
            f"{begin}{opening(function, 'get_weather')}oops{close}{done}>{end}",
            f"{begin}{opening(function, 'get_weather')}{opening(parameter, 'city')}Pa",
        ),
        marks=(
            begin,
            end,
            opening(function, "get_weather"),
            opening(parameter, "city"),
            f"{close}parameter>",
            f"{close}{done}>",
        ),
    )


def _pairs(prefix: str) -> Golden:
    begin, end = f"<{prefix}tool_call>", f"</{prefix}tool_call>"

    def pair(key: str, value: str, between: str = "\n") -> str:
        return (
            f"<{prefix}arg_key>{key}</{prefix}arg_key>{between}"
            f"<{prefix}arg_value>{value}</{prefix}arg_value>{between}"
        )

    paris = f"{begin}get_weather\n{pair('city', 'Paris')}{end}"
    broken_value = f"a</{prefix}arg_value> b"
    several = [("city", "12"), ("days", "3"), ("metric", "true"), ("tags", '["a", "b"]')]
    every = "".join(pair(key, value, "") for key, value in several)
    return Golden(
        one=paris,
        two=f"{paris}\n{begin}get_time\n{pair('city', 'Rome')}{pair('days', '5')}{end}",
        more=(
            (
                f"{begin}get_weather{every}{end}",
                [
                    call(
                        "get_weather",
                        {"city": "12", "days": 3, "metric": True, "tags": ["a", "b"]},
                    )
                ],
            ),
            (f"{begin}files__read\n{end}\nSo.", [READ, ir.Text("So.")]),
            (
                f"{begin}get_weather\n{pair('city', broken_value)}{end}",
                [call("get_weather", {"city": broken_value})],
            ),
            (
                f"{begin}apply_patch\n{pair('input', ' *** Begin')}{end}",
                [ir.ToolCall("call_1", "apply_patch", " *** Begin", "custom")],
            ),
            (HERMES.one.replace("<tool_call>", begin, 1).replace("</tool_call>", end), [PARIS]),
        ),
        broken=(
            f"{begin}two words{end}",
            f"{begin}{end}",
            f"{begin}get_weather\n{pair('city', 'Paris')}oops{end}",
            f"{begin}get_weather\n<{prefix}arg_key>city",
        ),
        marks=(
            begin,
            f"{begin}get_weather\n",
            pair("city", "x"),
            f"<{prefix}arg_key>",
            f"</{prefix}arg_value>",
            end,
        ),
    )


_KIMI = "<|tool_call_begin|>functions.{}:{}<|tool_call_argument_begin|>{}<|tool_call_end|>"
_KIMI_PARIS = _KIMI.format("get_weather", 0, '{"city": "Paris"}')
_KIMI_ROME = _KIMI.format("get_time", 1, '{"city": "Rome", "days": 5}')
KIMI = Golden(
    one=f"<|tool_calls_section_begin|>{_KIMI_PARIS}<|tool_calls_section_end|>",
    two=f"<|tool_calls_section_begin|>{_KIMI_PARIS}{_KIMI_ROME}<|tool_calls_section_end|>",
    more=(
        (f"{_KIMI_PARIS} {_KIMI_ROME}<|tool_calls_section_end|>So.", [PARIS, FIVE, ir.Text("So.")]),
        ("<|tool_call_begin|>get_weather<|tool_call_argument_begin|>{}", [call("get_weather", {})]),
        (_KIMI.format("files__read", 12, ""), [READ]),
        (
            _KIMI.format("apply_patch", 0, '{"input": "*** Begin"}'),
            [ir.ToolCall("call_1", "apply_patch", "*** Begin", "custom")],
        ),
        (
            "<|tool_calls_section_begin|>\n<|tool_call_begin|>\nfunctions.get_weather:0\n"
            '<|tool_call_argument_begin|>\n{"city": "Paris"}\n<|tool_call_end|>\n'
            "<|tool_calls_section_end|>",
            [PARIS],
        ),
    ),
    broken=(
        "<|tool_calls_section_begin|>none<|tool_calls_section_end|>",
        "<|tool_call_begin|>two words<|tool_call_argument_begin|>{}<|tool_call_end|>",
        "<|tool_call_begin|>functions.get_weather:0 Paris<|tool_call_end|>",
        "<|tool_call_begin|>get_weather<|tool_call_argument_begin|>Paris<|tool_call_end|>",
    ),
    marks=(
        "<|tool_calls_section_begin|>",
        "<|tool_call_begin|>",
        "functions.get_weather:0<|tool_call_argument_begin|>{",
        "}<|tool_call_end|>",
        "<|tool_calls_section_end|>",
    ),
)


def _v3(name: str, arguments: str) -> str:
    return (
        f"<｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}\n```json\n{arguments}\n```"
        "<｜tool▁call▁end｜>"
    )


_V31 = "<｜tool▁call▁begin｜>{}<｜tool▁sep｜>{}<｜tool▁call▁end｜>"
_V31_PARIS = _V31.format("get_weather", '{"city": "Paris"}')
_V31_ROME = _V31.format("get_time", '{"city": "Rome", "days": 5}')
DEEPSEEK = Golden(
    one=f"<｜tool▁calls▁begin｜>{_V31_PARIS}<｜tool▁calls▁end｜>",
    two=f"<｜tool▁calls▁begin｜>{_V31_PARIS}{_V31_ROME}<｜tool▁calls▁end｜>",
    more=(
        (
            f"<｜tool▁calls▁begin｜>{_v3('get_weather', PARIS.arguments)}\n"
            f"{_v3('get_time', FIVE.arguments)}<｜tool▁calls▁end｜>",
            [PARIS, FIVE],
        ),
        (_V31.format("function", "{}"), [call("function", {})]),
        (
            f"<｜tool▁calls▁begin｜>{_v3('apply_patch', '{}')}",
            [ir.ToolCall("call_1", "apply_patch", "{}", "custom")],
        ),
        (
            _V31.format("get_weather", '{"city": "<｜tool▁call▁end｜>"}'),
            [call("get_weather", {"city": "<｜tool▁call▁end｜>"})],
        ),
    ),
    broken=(
        "<｜tool▁calls▁begin｜>none<｜tool▁calls▁end｜>",
        "<｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\nParis<｜tool▁call▁end｜>",
        _V31.format("two words", "{}"),
    ),
    marks=(
        "<｜tool▁calls▁begin｜>",
        "<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
        "get_weather\n```json\n{",
        "<｜tool▁sep｜>{",
        "}<｜tool▁call▁end｜>",
        "<｜tool▁calls▁end｜>",
    ),
)

GOLDENS = {
    **golden_json.GOLDENS,
    **golden_literals.GOLDENS,
    **golden_harmony.GOLDENS,
    **golden_rare.GOLDENS,
    "kimi-k2": KIMI,
    "deepseek": DEEPSEEK,
    "hermes": HERMES,
    "qwen3-coder": _tagged("<tool_call>", "<", "</", "</tool_call>"),
    "seed": _tagged("<seed:tool_call>", "<", "</", "</seed:tool_call>"),
    "minimax": _tagged("<minimax:tool_call>", "<", "</", "</minimax:tool_call>", quotes=True),
    "glm": _pairs(""),
    "longcat": _pairs("longcat_"),
    "deepseek-v3.2": _tagged(
        "<｜DSML｜function_calls>",
        "<｜DSML｜",
        "</｜DSML｜",
        "</｜DSML｜function_calls>",
        quotes=True,
    ),
}
