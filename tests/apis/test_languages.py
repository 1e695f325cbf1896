"""Whole answers in a language of the client's: what each protocol decodes, writes and loses."""

from __future__ import annotations

import re
from typing import Any

import pytest

from polystack.apis import languages
from polystack.apis.chat.api import Chat
from polystack.apis.messages.api import Messages
from polystack.apis.ollama.api import Ollama
from polystack.apis.responses.api import Responses
from polystack.core import Api, ir
from polystack.core.canon.errors import InvalidRequest

CHAT, MESSAGES, RESPONSES = Chat(), Messages(), Responses()
HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Hello"}]
REGEX = {"type": "regex", "regex": "[a-z]+"}
LARK = {"type": "grammar", "syntax": "lark", "definition": 'start: "a"+'}
GBNF = {"type": "grammar", "syntax": "gbnf", "definition": 'root ::= "a"+'}
RULES = str(GBNF["definition"])
SCHEMA = {"type": "array"}


def document(api: Api, format: dict[str, Any]) -> dict[str, Any]:
    match api:
        case Chat():
            return {"model": "m", "messages": HELLO, "response_format": format}
        case Messages():
            config = {"format": format}
            return {"model": "m", "max_tokens": 9, "messages": HELLO, "output_config": config}
        case _:
            return {"model": "m", "input": "Hello", "text": {"format": format}}


def chat(**fields: Any) -> ir.OutputFormat:
    return CHAT.decode({"model": "m", "messages": HELLO} | fields).output


every_api = pytest.mark.parametrize(
    ("api", "at"),
    [(CHAT, "response_format"), (MESSAGES, "output_config.format"), (RESPONSES, "text.format")],
    ids=["chat", "messages", "responses"],
)
every_format = pytest.mark.parametrize(
    ("format", "syntax", "field"),
    [(REGEX, "regex", "regex"), (LARK, "lark", "definition"), (GBNF, "gbnf", "definition")],
    ids=["regex", "lark", "gbnf"],
)


@every_api
@every_format
def test_it_is_decoded_and_written_back_as_it_was(
    api: Api, at: str, format: dict[str, Any], syntax: str, field: str
) -> None:
    for sent in (format, format | {"x_new": 1}):
        request = api.decode(document(api, sent))
        assert request.output.kind == "grammar"
        assert request.output.grammar == ir.ToolGrammar(syntax, format[field])
        assert request.output.grammar.at == f"{at}.{field}"
        written, losses = api.encode(request, "m")
        assert list(losses) == []
        assert api.decode(written) == request
        name = at.partition(".")[0]
        assert written[name] == document(api, sent)[name]


@every_api
@pytest.mark.parametrize(
    ("format", "field", "why"),
    [
        ({"type": "regex"}, "regex", "field required"),
        ({"type": "regex", "regex": ""}, "regex", "not empty"),
        ({"type": "grammar", "definition": "x"}, "syntax", "field required"),
        ({"type": "grammar", "syntax": "ebnf", "definition": "x"}, "syntax", "'lark' or 'gbnf'"),
        ({"type": "grammar", "syntax": "lark"}, "definition", "field required"),
    ],
)
def test_what_is_missing_of_it_is_named(
    api: Api, at: str, format: dict[str, Any], field: str, why: str
) -> None:
    with pytest.raises(InvalidRequest, match=why) as caught:
        api.decode(document(api, format))
    assert caught.value.param == f"{at}.{field}"


@every_api
def test_a_pattern_that_is_no_text_is_refused(api: Api, at: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        api.decode(document(api, {"type": "regex", "regex": 3}))
    assert caught.value.param == f"{at}.regex"


@pytest.mark.parametrize("source", [CHAT, MESSAGES, RESPONSES], ids=lambda api: api.name)
@pytest.mark.parametrize("target", [CHAT, MESSAGES, RESPONSES, Ollama()], ids=lambda api: api.name)
def test_a_protocol_of_another_server_drops_it(source: Api, target: Api) -> None:
    request = source.decode(document(source, LARK))
    written, losses = target.encode(request, "m")
    dropped = [loss for loss in losses if loss.verdict == "dropped"]
    assert bool(dropped) == (source is not target)
    assert ("start" in str(written)) == (source is target)


# The words of vLLM and of llama-server -----------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "syntax", "definition"),
    [
        ({"structured_outputs": {"regex": "a|b"}}, "regex", "a|b"),
        ({"structured_outputs": {"choice": ["a.b", "c"]}}, "regex", r"(a\.b)|(c)"),
        ({"structured_outputs": {"grammar": 'start: "a"'}}, "lark", 'start: "a"'),
        ({"structured_outputs": {"grammar": RULES, "json": None}}, "gbnf", RULES),
        ({"guided_regex": "a|b"}, "regex", "a|b"),
        ({"guided_choice": ["yes", "no"]}, "regex", "(yes)|(no)"),
        ({"guided_grammar": 'start: "a"'}, "lark", 'start: "a"'),
        ({"guided_grammar": RULES}, "gbnf", RULES),
        ({"grammar": RULES}, "gbnf", RULES),
        ({"grammar": RULES, "response_format": {"type": "text"}}, "gbnf", RULES),
    ],
)
def test_other_servers_fields_ask_for_a_language_in_chat(
    fields: dict[str, Any], syntax: str, definition: str
) -> None:
    found = chat(**fields)
    assert found.kind == "grammar"
    assert found.grammar == ir.ToolGrammar(syntax, definition)


@pytest.mark.parametrize(
    "fields",
    [
        {"structured_outputs": {"json": SCHEMA}},
        {"structured_outputs": {"json": '{"type": "array"}'}},
        {"guided_json": SCHEMA},
        {"guided_json": '{"type": "array"}'},
        {"json_schema": SCHEMA},
    ],
)
def test_other_servers_fields_ask_for_a_schema_in_chat(fields: dict[str, Any]) -> None:
    assert (chat(**fields).kind, chat(**fields).schema) == ("schema", SCHEMA)
    written, losses = CHAT.encode(CHAT.decode({"model": "m", "messages": HELLO} | fields), "m")
    assert written.items() >= fields.items()
    assert list(losses) == []


def test_json_of_any_kind_may_be_asked_for_in_vllms_words() -> None:
    assert chat(structured_outputs={"json_object": True}).kind == "json"


@pytest.mark.parametrize(
    "fields",
    [
        {"grammar": ""},
        {"structured_outputs": {}},
        {"structured_outputs": {"json_object": False}},
        {"guided_json": None},
    ],
)
def test_an_empty_field_asks_for_nothing(fields: dict[str, Any]) -> None:
    assert chat(**fields).kind == "text"


def test_what_has_no_name_here_is_kept_for_an_upstream_and_told() -> None:
    fields = {"structured_outputs": {"structural_tag": "{}"}}
    request = CHAT.decode({"model": "m", "messages": HELLO} | fields)
    assert request.extra == {"chat": fields}
    option = {"structured_outputs": {"regex": "a", "whitespace_pattern": " "}}
    assert chat(**option).extra == {"chat": {"whitespace_pattern": " ", "_written": option}}


@pytest.mark.parametrize(
    ("fields", "param", "other"),
    [
        ({"guided_regex": "a", "response_format": REGEX}, "guided_regex", "response_format"),
        ({"grammar": RULES, "json_schema": {}}, "json_schema", "grammar"),
        ({"guided_choice": ["a"], "guided_regex": "a"}, "guided_choice", "guided_regex"),
        (
            {"structured_outputs": {"regex": "a", "json": {}}},
            "structured_outputs.regex",
            "structured_outputs.json",
        ),
        (
            {"structured_outputs": {"regex": "a"}, "grammar": RULES},
            "grammar",
            "structured_outputs.regex",
        ),
    ],
)
def test_two_forms_of_one_answer_are_refused_by_name(
    fields: dict[str, Any], param: str, other: str
) -> None:
    with pytest.raises(InvalidRequest, match=f"{other} asks for a format too") as caught:
        chat(**fields)
    assert caught.value.param == param


@pytest.mark.parametrize("value", ["{x", "[]", "3"])
def test_a_schema_as_text_must_be_one(value: str) -> None:
    with pytest.raises(InvalidRequest, match="must be a JSON Schema"):
        chat(guided_json=value)


def test_a_choice_is_of_these_very_texts() -> None:
    choices = ["a+b", "(x)", "[1]", "^$", "a|b", "é\\d", "two words", "~&#-/"]
    pattern = re.compile(languages.one_of(choices))
    assert all(pattern.fullmatch(choice) for choice in choices)
    assert not any(map(pattern.fullmatch, ["aab", "x", "1", "", "a", "é3"]))
