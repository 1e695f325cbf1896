"""Formats that write arguments as programs do."""

from __future__ import annotations

from polystack.core.canon import ir

from .golden import FIVE, PARIS, PATCH, READ, Golden
from .reading import call

EVERY = call(
    "get_weather",
    {
        "city": "a \"b\" 'c'\n\\d",
        "days": -3,
        "ratio": 0.5,
        "metric": True,
        "maybe": None,
        "tags": ["a", "b"],
        "where": {"x": [1, {"y": False}]},
    },
)

PYTHONIC = Golden(
    one='[get_weather(city="Paris")]',
    two="[get_weather(city='Paris'), get_time(city=\"Rome\", days=5)]",
    more=(
        (
            '<|tool_call_start|>[get_weather(city="Paris")]<|tool_call_end|>So.',
            [PARIS, ir.Text("So.")],
        ),
        ('<|python_start|>[get_weather(city="Paris")]<|python_end|>', [PARIS]),
        (
            r"""[get_weather(city='a "b" \'c\'\n\\d', days=-3, ratio=0.5, metric=True, """
            r"""maybe=None, tags=["a", "b",], where={"x": (1, {'y': false})})]""",
            [EVERY],
        ),
        (
            r'[get_weather(city="\x41\u00e9\U0001f600\d")]',
            [call("get_weather", {"city": "Aé😀\\d"})],
        ),
        (r'[get_weather(city="\ud83d\ude00 a\/b")]', [call("get_weather", {"city": "😀 a/b"})]),
        ("[files__read()]", [READ]),
        ('[apply_patch(input="*** Begin")]', [PATCH]),
        ("[nobody(a=1)] [1]", [ir.Text("[nobody(a=1)] [1]")]),
    ),
    broken=(
        "[1, 2]",
        "[get_weather(city)]",
        "[get_weather(city=Paris)]",
        '[get_weather(city="Paris"',
        "[get_weather(tags=" + "[" * 100,
        "<|tool_call_start|>none<|tool_call_end|>",
        "[get_weather(days=NaN)]",
    ),
    marks=("[", "<|tool_call_start|>[", "get_weather(", 'city="x"', ")", ", ", "]", "\\", '"'),
)

_GEMMA4 = '<|tool_call>call:get_weather{city:<|"|>Paris<|"|>}<tool_call|>'
GEMMA = Golden(
    one=_GEMMA4,
    two=f'{_GEMMA4}<|tool_call>call:get_time{{city:<|"|>Rome<|"|>,days:5}}<tool_call|>',
    more=(
        (
            "<start_function_call>call:get_weather{city:<escape>Paris<escape>}<end_function_call>"
            "<start_function_call>call:get_time{city:<escape>Rome<escape>,days:5}",
            [PARIS, FIVE],
        ),
        (
            "```tool_code\nprint(get_weather(city=\"Paris\"))\nget_time(city='Rome', days=5)\n```",
            [PARIS, FIVE],
        ),
        (
            '<|tool_call>call:get_weather{city:<|"|>a "b" \'c\'\n\\d<|"|>,days:-3,ratio:0.5,'
            'metric:true,maybe:null,tags:[<|"|>a<|"|>,<|"|>b<|"|>],'
            'where:{x:[1,{<|"|>y<|"|>:false}]}}<tool_call|>',
            [EVERY],
        ),
        ("<|tool_call>call:files__read{}<tool_call|> So.", [READ, ir.Text("So.")]),
        ('<|tool_call>call:apply_patch{input:<|"|>*** Begin<|"|>}<tool_call|>', [PATCH]),
    ),
    broken=(
        "<|tool_call>none<tool_call|>",
        "<|tool_call>call:get_weather{city:Paris}<tool_call|>",
        '<|tool_call>call:get_weather{city:<|"|>Pa',
        "```tool_code\nimport os\n```",
    ),
    marks=(
        "<|tool_call>",
        "<tool_call|>",
        "call:get_weather{",
        '<|"|>',
        "}",
        "<escape>",
        "```tool_code\n",
        "```",
    ),
)

GOLDENS = {"pythonic": PYTHONIC, "gemma": GEMMA}
