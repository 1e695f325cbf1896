"""Every format's calls are held to the offered tools, in the very form that its parser reads."""

from __future__ import annotations

import json
import random
from itertools import count
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from polystack.core import ir
from polystack.core.canon.collect import collect
from polystack.providers.local.beginning import forced
from polystack.providers.local.constraints.compiling import Compiler
from polystack.providers.local.constraints.constraint import Constraint, Stage
from polystack.providers.local.constraints.forms import FORMS
from polystack.providers.local.constraints.lexicon import Lexicon
from polystack.providers.local.constraints.planning import Planned, planned
from polystack.providers.local.constraints.thoughts import Thoughts
from polystack.providers.local.formats.table import FORMATS
from polystack.providers.local.parser import Offered, Parser

from .words import Words

pytest.importorskip("llguidance")

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"enum": ["Rome", "Bern"]},
        "days": {"type": "integer", "minimum": 0, "maximum": 9},
        "metric": {"type": "boolean"},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 2},
    },
    "required": ["city", "days"],
    "additionalProperties": False,
}
TOOLS = {
    "weather": ir.Tool("weather", None, SCHEMA),
    "time": ir.Tool("time", None, {"properties": {"zone": {"type": "string"}}}),
    "pin": ir.Tool("pin", kind="custom", grammar=ir.ToolGrammar("regex", r"[a-c]{2}\d")),
}
ROME = {"city": "Rome", "days": 3}
JSON_ROME = json.dumps(ROME)


def named(key: str = "arguments") -> str:
    return f'{{"name": "weather", "{key}": {JSON_ROME}}}'


def tagged(begin: str, end: str) -> str:
    return (
        f"{begin}\n<function=weather>\n<parameter=city>\nRome\n</parameter>\n<parameter=days>\n3\n"
        f"</parameter>\n</function>\n{end}"
    )


def pairs(prefix: str, line: str) -> str:
    def pair(key: str, value: str) -> str:
        return (
            f"<{prefix}arg_key>{key}</{prefix}arg_key>{line}"
            f"<{prefix}arg_value>{value}</{prefix}arg_value>{line}"
        )

    arguments = pair("city", "Rome") + pair("days", "3")
    return f"<{prefix}tool_call>weather{line}{arguments}</{prefix}tool_call>"


def section(name: str) -> str:
    def said(key: str, value: str, text: str) -> str:
        return f'<｜DSML｜parameter name="{key}" string="{text}">{value}</｜DSML｜parameter>\n'

    arguments = said("city", "Rome", "true") + said("days", "3", "false")
    call = f'<｜DSML｜invoke name="weather">\n{arguments}</｜DSML｜invoke>\n'
    return f"<｜DSML｜{name}>\n{call}</｜DSML｜{name}>"


# As templates write it: a call of `weather` for Rome and three days.
WRITTEN = [
    ("hermes", f"<tool_call>\n{named()}\n</tool_call>"),
    ("qwen3-coder", tagged("<tool_call>", "</tool_call>")),
    ("seed", tagged("<seed:tool_call>", "</seed:tool_call>")),
    (
        "minimax",
        '<minimax:tool_call>\n<invoke name="weather">\n<parameter name="city">Rome</parameter>\n'
        '<parameter name="days">3</parameter>\n</invoke>\n</minimax:tool_call>',
    ),
    ("glm", pairs("", "\n")),
    ("glm", pairs("", "")),
    ("longcat", pairs("longcat_", "\n")),
    (
        "deepseek",
        f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>weather<｜tool▁sep｜>{JSON_ROME}"
        "<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    ),
    (
        "deepseek",
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n"
        f"{JSON_ROME}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    ),
    (
        "kimi-k2",
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:12"
        f"<|tool_call_argument_begin|>{JSON_ROME}<|tool_call_end|><|tool_calls_section_end|>",
    ),
    ("deepseek-v3.2", section("function_calls")),
    ("deepseek-v3.2", section("tool_calls")),
    ("llama3", named("parameters")),
    ("llama3", f"<|python_tag|>{named('parameters')}"),
    ("pythonic", '<|tool_call_start|>[weather(city="Rome", days=3)]<|tool_call_end|>'),
    ("mistral", f"[TOOL_CALLS]weather[ARGS]{JSON_ROME}"),
    ("mistral", f"[TOOL_CALLS]weather[CALL_ID]a1B2c3D4e[ARGS]{JSON_ROME}"),
    ("gemma", '<|tool_call>call:weather{city:<|"|>Rome<|"|>,days:3}<tool_call|>'),
    (
        "harmony",
        f"<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{JSON_ROME}",
    ),
    (
        "harmony",
        f" to=functions.weather<|channel|>commentary json<|message|>{JSON_ROME}<|call|>",
    ),
    ("granite", f"<|tool_call|>[{named()}]"),
    ("nemotron", f"<TOOLCALL>[{named()}]</TOOLCALL>"),
    ("apriel", f"<tool_calls>[{named()}]</tool_calls>"),
    (
        "command",
        '<|START_ACTION|>[\n    {"tool_call_id": "0", "tool_name": "weather", '
        f'"parameters": {JSON_ROME}}}\n]<|END_ACTION|>',
    ),
    ("functionary", f"<function=weather>{JSON_ROME}</function>"),
    (
        "minicpm",
        '<function name="weather"><param name="city">Rome</param><param name="days">3</param>'
        "</function>",
    ),
    (
        "hunyuan",
        "<tool_calls:opensource>\n<tool_call:opensource>weather<tool_sep:opensource>\n"
        "<arg_key:opensource>city</arg_key:opensource>\n"
        "<arg_value:opensource>Rome</arg_value:opensource>\n"
        "<arg_key:opensource>days</arg_key:opensource>\n"
        "<arg_value:opensource>3</arg_value:opensource>\n"
        "</tool_call:opensource>\n</tool_calls:opensource>",
    ),
    ("generic", named()),
    ("generic", f"<tool_call>\n{named()}\n</tool_call>"),
]
ABSENT = {"gemma": ("<start_function_call>",), "pythonic": ("<|python_start|>",)}


def words(name: str) -> Words:
    """A vocabulary with the tokens of a model that writes this format."""
    tokens = dict.fromkeys(FORMATS[name].tokens)
    return Words([text for text in tokens if text not in ABSENT.get(name, ())])


def plan(name: str, vocabulary: Words, **fields: Any) -> Planned:
    compiler = Compiler(Lexicon(vocabulary))
    return planned(ir.Request("m", (), **fields), TOOLS, compiler, Thoughts(), name)


def begun(vocabulary: Words, stage: Stage | None) -> Constraint:
    assert stage is not None
    return Constraint(Lexicon(vocabulary), stage)


def read(name: str, text: str) -> list[ir.Part]:
    numbers = count(1)
    offered = {
        key: Offered(tool.name, tool.kind, schema=tool.schema or {}) for key, tool in TOOLS.items()
    }
    parser = Parser(lambda: f"call_{next(numbers)}", offered, tool_format=FORMATS[name])
    events = [
        ir.Started("1", "m"),
        *parser.feed(text),
        *parser.close(),
        ir.Finished(ir.Stop("end")),
    ]
    assert parser.notes == []
    return list(collect(events).parts)


def accepted(constraint: Constraint, vocabulary: Words, text: str) -> Constraint:
    for token in vocabulary.tokenize(text):
        allowed = constraint.allowed()
        assert allowed is None or allowed[token], (vocabulary.piece(token), text)
        constraint.accept(token)
    return constraint


def drawn(constraint: Constraint, vocabulary: Words, rng: random.Random) -> str:
    """What comes of choosing any token that is allowed, up to where all are."""
    found = b""
    for _ in range(2000):
        allowed = None if constraint.done else constraint.allowed()
        if allowed is None:
            return found.decode()
        token = rng.choice([t for t in range(vocabulary.size) if allowed[t]])
        constraint.accept(token)
        found += vocabulary.piece(token)
    raise AssertionError(found)


def test_every_format_has_its_forms() -> None:
    assert {name for name, _ in WRITTEN} == set(FORMS) == set(FORMATS)


@pytest.mark.parametrize(("name", "text"), WRITTEN)
@pytest.mark.parametrize("mode", ["auto", "required"])
def test_what_templates_write_is_allowed_and_read(name: str, text: str, mode: Any) -> None:
    vocabulary = words(name)
    found = plan(name, vocabulary, tool_choice=ir.ToolChoice(mode))
    accepted(begun(vocabulary, found.stage), vocabulary, text)
    (call,) = read(name, text)
    assert isinstance(call, ir.ToolCall)
    assert (call.name, json.loads(call.arguments)) == ("weather", ROME)


@pytest.mark.parametrize("name", FORMS)
def test_a_call_that_nothing_else_enforces_is_begun_as_the_format_does(name: str) -> None:
    choice, tokens = ir.ToolChoice("required"), words(name).marks
    texts = [text for each, text in WRITTEN if each == name]
    one = forced(choice, ["weather"], FORMATS[name], tokens)
    several = forced(choice, ["weather", "time"], FORMATS[name], tokens)
    assert "weather" in one
    assert any(text.startswith(one.replace(":0<", ":12<")) for text in texts)
    assert several == one.partition("weather")[0]
    assert forced(ir.ToolChoice("auto"), ["weather"], FORMATS[name], tokens) == ""


@pytest.mark.parametrize("name", FORMS)
def test_whatever_is_chosen_where_a_call_must_be_made_is_a_valid_call(name: str) -> None:
    vocabulary = words(name)
    tools = {key: TOOLS[key] for key in ("weather", "pin")}
    compiler = Compiler(Lexicon(vocabulary))
    request = ir.Request("m", (), tool_choice=ir.ToolChoice("required"))
    found = planned(request, tools, compiler, Thoughts(), name)
    called = set()
    for seed in range(12):
        text = drawn(begun(vocabulary, found.stage), vocabulary, random.Random(seed))
        for call in read(name, text):
            assert isinstance(call, ir.ToolCall), text
            called.add(call.name)
            if call.name == "pin":
                assert len(call.arguments) == 3
            else:
                Draft202012Validator(SCHEMA).validate(json.loads(call.arguments))
    assert called == {"weather", "pin"}


@pytest.mark.parametrize(
    ("name", "text", "written"),
    [
        ("qwen3-coder", "<tool_call>\n<function=time>\n<parameter=zone>\n{}\n</parameter>\n", "\n"),
        ("glm", "<tool_call>time\n<arg_key>zone</arg_key>\n<arg_value>{}</arg_value>\n", "</"),
        ("gemma", '<|tool_call>call:time{zone:<|"|>{}<|"|>', '"'),
        ("pythonic", '<|tool_call_start|>[time(zone="{}"', "'"),
    ],
)
def test_a_text_is_free_up_to_its_end(name: str, text: str, written: str) -> None:
    vocabulary = words(name)
    constraint = begun(vocabulary, plan(name, vocabulary).stage)
    accepted(constraint, vocabulary, text.replace("{}", f"a {written} b"))
    assert constraint.allowed() is not None


@pytest.mark.parametrize("name", ["llama3", "generic"])
def test_json_that_no_mark_announces_is_a_call_only_with_the_name_of_a_tool(name: str) -> None:
    vocabulary = words(name)
    key = "parameters" if name == "llama3" else "arguments"
    text = begun(vocabulary, plan(name, vocabulary).stage)
    assert accepted(text, vocabulary, '{"name": "Ann", "').allowed() is None
    call = begun(vocabulary, plan(name, vocabulary).stage)
    assert accepted(call, vocabulary, f'{{"name": "weather", "{key}": ').allowed() is not None
    pin = begun(vocabulary, plan(name, vocabulary).stage)
    accepted(pin, vocabulary, f'{{"name": "pin", "{key}": {{"input": "ab')
    assert accepted(pin, vocabulary, '1"}}').allowed() is None


def test_what_cannot_be_enforced_is_said() -> None:
    """Llama 4's calls begin with a bracket, as many a text does."""
    vocabulary = Words([])
    found = plan("pythonic", vocabulary, tool_choice=ir.ToolChoice("required"))
    assert found.stage is None
    assert [loss.path for loss in found.losses] == [
        "tools.weather",
        "tools.time",
        "tools.pin",
        "tool_choice",
    ]
    long = ir.Tool(
        "t", None, {"properties": {"x": {"type": "string", "maxLength": 3}}}, at="tools.0"
    )
    compiler = Compiler(Lexicon(words("seed")))
    (loss,) = planned(ir.Request("m", ()), {"t": long}, compiler, Thoughts(), "seed").losses
    assert (loss.path, loss.verdict) == ("tools.0", "approximated")
    assert "x: maxLength" in loss.why
