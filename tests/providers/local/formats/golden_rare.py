"""What a few families write in forms of their own."""

from __future__ import annotations

from polystack.core.canon import ir

from .golden import FIVE, PARIS, PATCH, READ, Golden
from .reading import call


def _function(name: str, arguments: str) -> str:
    return f"<function={name}>{arguments}</function>"


FUNCTIONARY = Golden(
    one=_function("get_weather", PARIS.arguments),
    two=_function("get_weather", PARIS.arguments) + _function("get_time", FIVE.arguments),
    more=(
        (f"Look: {_function('files__read', '')}", [ir.Text("Look:"), READ]),
        (_function("apply_patch", '{"input": "*** Begin"}'), [PATCH]),
        ('<function=get_weather>\n{"city": "Paris"}\nSo.', [PARIS, ir.Text("So.")]),
    ),
    broken=("<function=two words>{}</function>", "<function=>{}</function>", "<function=f>none"),
    marks=("<function=", "<function=get_weather>{", "}</function>", "</function>"),
)


def _named(name: str, **arguments: str) -> str:
    inner = "".join(f'<param name="{key}">{value}</param>' for key, value in arguments.items())
    return f'<function name="{name}">{inner}</function>'


MINICPM = Golden(
    one=_named("get_weather", city="Paris"),
    two=f"{_named('get_weather', city='Paris')}\n{_named('get_time', city='Rome', days='5')}",
    more=(
        (
            _named("get_weather", city="<![CDATA[<b>\n</param> & more]]>"),
            [call("get_weather", {"city": "<b>\n</param> & more"})],
        ),
        (
            _named("get_weather", city="12", metric="True", maybe="None", tags='["a"]'),
            [call("get_weather", {"city": "12", "metric": True, "maybe": None, "tags": ["a"]})],
        ),
        (f"{_named('files__read')}So.", [READ, ir.Text("So.")]),
        (_named("apply_patch", input="*** Begin"), [PATCH]),
    ),
    broken=(
        "<function name=>",
        '<function name="get_weather">none</function>',
        '<function name="get_weather"><param name="city">Pa',
    ),
    marks=('<function name="get_weather">', '<param name="city">', "</param>", "</function>"),
)


def _tag(name: str, text: str, end: str = "\n") -> str:
    return f"<{name}:opensource>{text}</{name}:opensource>{end}"


def _paired(name: str, **arguments: str) -> str:
    inner = "".join(
        _tag("arg_key", key) + _tag("arg_value", value) for key, value in arguments.items()
    )
    return _tag("tool_call", f"{name}<tool_sep:opensource>\n{inner}")


_PARIS, _ROME = _paired("get_weather", city="Paris"), _paired("get_time", city="Rome", days="5")
HUNYUAN = Golden(
    one=_tag("tool_calls", f"\n{_PARIS}", ""),
    two=_tag("tool_calls", f"\n{_PARIS}{_ROME}", ""),
    more=(
        (f"{_PARIS}So.", [PARIS, ir.Text("So.")]),
        (_tag("tool_calls", _paired("files__read").replace("\n", "")), [READ]),
        (_tag("tool_calls", _paired("apply_patch", input="*** Begin")), [PATCH]),
    ),
    broken=(
        "<tool_calls:opensource>none</tool_calls:opensource>",
        "<tool_call:opensource>two words<tool_sep:opensource></tool_call:opensource>",
        "<tool_calls:opensource>",
    ),
    marks=(
        "<tool_calls:opensource>",
        "<tool_call:opensource>get_weather<tool_sep:opensource>\n",
        _tag("arg_key", "city"),
        "</arg_value:opensource>",
        "</tool_call:opensource>",
        "</tool_calls:opensource>",
    ),
)

GOLDENS = {"functionary": FUNCTIONARY, "minicpm": MINICPM, "hunyuan": HUNYUAN}
