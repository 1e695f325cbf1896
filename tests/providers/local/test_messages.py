"""Canonical requests as the messages of a chat template, and what that loses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from polystack.core.canon import ir
from polystack.core.canon.errors import NotSupported
from polystack.providers.local.formats.table import FORMATS
from polystack.providers.local.plan import Plan, plan
from polystack.providers.local.template import ChatTemplate
from polystack.providers.local.tools import Names, normal

# A template that shows all there is, and takes it anywhere.
OPEN = """
{%- for t in tools or [] %}[tool {{ t | tojson }}]{% endfor %}
{%- for m in messages %}[{{ m.role }} {{ m.content }}
{%- if m.reasoning_content %} thought {{ m.reasoning_content }}{% endif %}
{%- for c in m.tool_calls or [] %}<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}]
{%- endfor %}{% if enable_thinking %}/think{% endif %}"""
# One that takes system text at the start only, and knows no tools.
STRICT = """
{%- for m in messages %}{% if m.role == 'system' and not loop.first %}
{{- raise_exception('system must come first') }}{% endif %}
{%- if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}
{%- if m.role == messages[loop.index0 - 1].role and not loop.first %}
{{- raise_exception('roles must alternate') }}{% endif %}[{{ m.role }} {{ m.content }}]
{%- endfor %}"""
# One that refuses system text, as Gemma's does.
NO_SYSTEM = STRICT.replace("and not loop.first", "", 1)

IMAGE = ir.Media("image", "image/png", "aGk=", at="messages.0.content.1")
WEATHER = ir.Tool("get_weather", "Tells it", {"properties": {"b": {}, "a": {}}, "type": "object"})


def request(*turns: ir.Turn, **fields: Any) -> ir.Request:
    return ir.Request("m", turns, **fields)


def user(*parts: ir.Part | str, at: str | None = None) -> ir.Turn:
    return ir.Turn("user", texts(parts), at=at)


def assistant(*parts: ir.Part | str) -> ir.Turn:
    return ir.Turn("assistant", texts(parts))


def system(text: str, at: str | None = None) -> ir.Turn:
    return ir.Turn("system", (ir.Text(text),), at=at)


def texts(parts: tuple[ir.Part | str, ...]) -> tuple[ir.Part, ...]:
    return tuple(ir.Text(part) if isinstance(part, str) else part for part in parts)


def planned(template: str, *turns: ir.Turn, **fields: Any) -> Plan:
    return plan(request(*turns, **fields), ChatTemplate(template))


def shown(template: str, *turns: ir.Turn, **fields: Any) -> str:
    chat = ChatTemplate(template)
    made = plan(request(*turns, **fields), chat)
    return chat.render(made.messages, made.tools, made.kwargs).text


def losses(made: Plan) -> dict[str, str]:
    return {loss.path: loss.verdict for loss in made.losses}


def test_instructions_and_leading_system_turns_are_one_system_text() -> None:
    turns = [system("b"), ir.Turn("developer", (ir.Text("c"),)), user("hi")]
    made = planned(OPEN, *turns, instructions=(ir.Text("a"),))
    assert made.messages[0] == {"role": "system", "content": "a\n\nb\n\nc"}


def test_later_system_text_keeps_its_place_where_the_template_shows_it() -> None:
    assert shown(OPEN, user("a"), system("b"), user("c")) == "[user a][system b][user c]"


def test_later_system_text_is_told_by_the_user_where_the_template_refuses_it() -> None:
    turns = user("a"), system("b", at="messages.1"), user("c"), assistant("d"), user("e")
    assert shown(STRICT, *turns) == "[user a\n\nb\n\nc][assistant d][user e]"
    assert losses(planned(STRICT, *turns)) == {"messages.1": "approximated"}


def test_all_system_text_is_told_by_the_user_where_the_template_has_none() -> None:
    assert shown(NO_SYSTEM, system("be brief"), user("hi")) == "[user be brief\n\nhi]"


def test_turns_of_one_role_are_merged() -> None:
    turns = user("a"), user("b", "c"), assistant("d"), assistant("e"), user("f")
    assert shown(STRICT, *turns) == "[user a\nb\nc][assistant d\ne][user f]"


def test_the_billing_line_is_cut_and_no_loss() -> None:
    nonce = ir.Text("x-anthropic-billing-header: cc_version=1.2.3; x=y", at="system.0")
    made = planned(OPEN, user("hi"), instructions=(nonce, ir.Text("You help.")))
    assert made.messages[0]["content"] == "You help."
    assert losses(made) == {"system.0": "mapped"}


def test_calls_results_and_text_keep_an_order_that_templates_take() -> None:
    turns = (
        user("go"),
        assistant(ir.Reasoning("hm"), "Sure.", ir.ToolCall("c1", "get_weather", '{"a":1}')),
        user("and?", ir.ToolResult("c1", (ir.Text("sunny"),))),
    )
    made = planned(OPEN, *turns, tools=(WEATHER,))
    function = {"name": "get_weather", "arguments": {"a": 1}}
    assert made.messages[1:] == [
        {
            "role": "assistant",
            "content": "Sure.",
            "reasoning_content": "hm",
            "tool_calls": [{"id": "c1", "type": "function", "function": function}],
        },
        {"role": "tool", "content": "sunny", "tool_call_id": "c1"},
        {"role": "user", "content": "and?"},
    ]
    assert losses(made) == {}


def test_a_failed_result_says_so_and_its_images_leave_a_placeholder() -> None:
    result = ir.ToolResult("c1", (ir.Text("x"), IMAGE), is_error=True, at="messages.0.content.0")
    made = planned(OPEN, user(result))
    assert made.messages[0]["content"] == "Error: x\n[image omitted]"
    assert losses(made) == {
        "messages.0.content.0.is_error": "approximated",
        "messages.0.content.1": "dropped",
    }


def test_an_image_of_the_user_is_refused_by_its_path() -> None:
    with pytest.raises(NotSupported, match="reads text only") as caught:
        planned(OPEN, user("what is this?", IMAGE))
    assert caught.value.param == "messages.0.content.1"


def test_a_document_of_plain_text_is_read() -> None:
    document = ir.Media("document", "text/plain", text="the text", name="a.txt")
    assert shown(OPEN, user(document)) == "[user a.txt:\nthe text]"


def test_what_only_its_vendor_can_read_is_dropped_and_named() -> None:
    opaque = ir.Opaque("messages", "search_result", {}, at="messages.0.content.0")
    sealed = ir.Reasoning(sealed="xyz", at="messages.1.content.0")
    searched = ir.ToolCall("s1", "web_search", "{}", "server", at="messages.1.content.1")
    made = planned(OPEN, user(opaque, "hi"), assistant(sealed, searched, "so"), user("ok"))
    assert losses(made) == {
        "messages.0.content.0": "dropped",
        "messages.1.content.0": "dropped",
        "messages.1.content.1": "dropped",
    }


def test_reasoning_is_dropped_where_the_template_has_no_place_for_it() -> None:
    thought = ir.Reasoning("hm", at="messages.1.content.0")
    made = planned(STRICT, user("a"), assistant(thought, "b"), user("c"))
    assert losses(made) == {"messages.1.content.0": "dropped"}


def test_a_summary_stands_in_for_reasoning_without_text() -> None:
    made = planned(OPEN, user("a"), assistant(ir.Reasoning(summary=("x", "y")), "b"), user("c"))
    assert made.messages[1]["reasoning_content"] == "x\ny"


def test_a_template_without_tools_is_told_in_words() -> None:
    call = ir.ToolCall("c1", "get_weather", "{}")
    turns = user("go"), assistant(call), user(ir.ToolResult("c1", (ir.Text("sunny"),)))
    text = shown(STRICT, *turns, tools=(WEATHER,))
    assert text.startswith("[system You may call these functions:")
    assert '<tool_call>\n{"name": "get_weather", "arguments": {}}\n</tool_call>' in text
    assert text.endswith("[user <tool_response>\nsunny\n</tool_response>]")


def test_tools_make_one_prompt_in_whatever_order_they_are_listed() -> None:
    tools = tuple(ir.Tool(name) for name in ("write", "read", "list"))
    listed = [planned(OPEN, user("hi"), tools=order).tools for order in (tools, tools[::-1])]
    assert listed[0] == listed[1]


def test_an_answer_that_the_client_has_begun_is_continued() -> None:
    made = planned(OPEN, user("list"), assistant("1. "), template_kwargs={})
    assert made.continued == "1."
    assert made.kwargs == {"enable_thinking": False}
    assert [message["role"] for message in made.messages] == ["user"]


# Tools -------------------------------------------------------------------------------------------


def test_custom_and_namespaced_tools_are_offered_as_functions_and_lead_back() -> None:
    tools = (
        ir.Tool("patch", kind="custom", grammar=ir.ToolGrammar("lark", "start: X")),
        ir.Tool("read", namespace="files"),
        ir.Tool("read", namespace="mail"),
        ir.Tool("web_search", kind="server", type="web_search_20250305", at="tools.3"),
    )
    made = planned(OPEN, user("hi"), tools=tools)
    names = [tool["function"]["name"] for tool in made.tools]
    assert names == ["files__read", "mail__read", "patch"]
    assert made.tools[2]["function"]["parameters"]["required"] == ["input"]
    assert [made.offered[name].namespace for name in names] == ["files", "mail", None]
    assert losses(made)["tools.3"] == "dropped"


def test_calls_of_namespaced_tools_are_replayed_by_their_flat_names() -> None:
    tools = ir.Tool("read", namespace="files"), ir.Tool("files__read")
    names = Names(tools)
    assert names.flat("files", "read") == "files__read"
    assert names.flat(None, "files__read") == "files__read_2"
    # A protocol without namespaces lost this one's, and there is only one that it can be.
    assert names.flat(None, "read") == "files__read"


def test_schemas_have_one_order_of_keywords_and_keep_that_of_properties() -> None:
    schema = {
        "required": ["b"],
        "properties": {
            "b": {"enum": [{"z": 1, "a": 2}], "default": "x", "type": "string"},
            "a": {},
        },
        "type": "object",
    }
    assert list(normal(schema)) == ["type", "properties", "required"]
    assert list(normal(schema)["properties"]) == ["b", "a"]
    assert list(normal(schema)["properties"]["b"]) == ["type", "default", "enum"]
    assert list(normal(schema)["properties"]["b"]["enum"][0]) == ["z", "a"]


@pytest.mark.parametrize(
    ("choice", "names", "forced", "verdict"),
    [
        (ir.ToolChoice("none"), [], "", None),
        (ir.ToolChoice("auto", allowed=("b",)), ["b"], "", "mapped"),
        (ir.ToolChoice("required"), ["a", "b"], '<tool_call>\n{"name": "', "approximated"),
        (
            ir.ToolChoice("named", name="b"),
            ["b"],
            '<tool_call>\n{"name": "b", "arguments":',
            "approximated",
        ),
    ],
)
def test_the_tool_choice_narrows_the_tools_and_begins_the_answer(
    choice: ir.ToolChoice, names: list[str], forced: str, verdict: str | None
) -> None:
    made = planned(OPEN, user("hi"), tools=(ir.Tool("a"), ir.Tool("b")), tool_choice=choice)
    assert [tool["function"]["name"] for tool in made.tools] == names
    assert list(made.offered) == names
    assert made.forced == forced
    assert losses(made).get("tool_choice") == verdict


def test_a_beginning_of_the_client_is_told_as_the_answer_where_answers_are_messages() -> None:
    asked = request(user("hi"), assistant("So"), tools=(ir.Tool("a"),))
    asked = replace(asked, tool_choice=ir.ToolChoice("required"))
    made = plan(asked, ChatTemplate(OPEN), tool_format=FORMATS["harmony"])
    told = "<|channel|>final<|message|>", "So", ""
    assert (made.opening, made.continued, made.forced) == told
    assert losses(made)["tool_choice"] == "approximated"
    assert planned(OPEN, user("hi"), assistant("So")).opening == ""


def test_a_named_tool_that_is_not_offered_is_refused() -> None:
    with pytest.raises(NotSupported, match="no function 'x'"):
        planned(OPEN, user("hi"), tool_choice=ir.ToolChoice("named", name="x"))


def test_a_format_is_asked_for_in_words_and_is_a_loss() -> None:
    output = ir.OutputFormat("schema", {"type": "array"}, at="response_format")
    made = planned(OPEN, user("hi"), output=output)
    assert (
        made.messages[0]["content"] == 'Answer in JSON that matches this schema: {"type": "array"}'
    )
    assert losses(made) == {"response_format": "approximated"}


# Thinking ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        (ir.ReasoningConfig(), None),
        (ir.ReasoningConfig(enabled=False, effort="high"), False),
        (ir.ReasoningConfig(enabled=True), True),
        (ir.ReasoningConfig(effort="high"), True),
        (ir.ReasoningConfig(effort="minimal"), False),
        (ir.ReasoningConfig(effort="none"), False),
        (ir.ReasoningConfig(budget=1024), True),
    ],
)
def test_the_wish_to_think_reaches_the_template(
    config: ir.ReasoningConfig, wanted: bool | None
) -> None:
    made = planned(OPEN, user("hi"), reasoning=config)
    assert made.kwargs.get("enable_thinking") is wanted


def test_an_effort_that_the_template_does_not_know_is_approximated() -> None:
    config = ir.ReasoningConfig(effort="high", at="reasoning")
    assert losses(planned(OPEN, user("hi"), reasoning=config)) == {"reasoning": "approximated"}
    knows = OPEN + "{{ reasoning_effort }}"
    made = planned(knows, user("hi"), reasoning=config)
    assert made.kwargs["reasoning_effort"] == "high"
    assert losses(made) == {}


def test_template_arguments_pass_a_list_of_names() -> None:
    given = {"enable_thinking": True, "messages": [], "preserve_thinking": {"a": 1}}
    made = planned(OPEN, user("hi"), template_kwargs=given)
    assert made.kwargs == {"enable_thinking": True}
    assert losses(made) == {
        "chat_template_kwargs.messages": "dropped",
        "chat_template_kwargs.preserve_thinking": "dropped",
    }


# Everything else ---------------------------------------------------------------------------------


def test_every_unknown_field_is_a_loss_at_its_own_place() -> None:
    def extra(**fields: Any) -> Any:
        return {"messages": fields}

    text = ir.Text("hi", at="messages.0.content.0", extra=extra(cache_control={}, novel=1))
    thinking = ir.ReasoningConfig(at="thinking", extra=extra(type="adaptive"))
    made = planned(
        OPEN,
        ir.Turn("user", (text,), at="messages.0", extra=extra(x=1)),
        tools=(ir.Tool("a", at="tools.0", strict=True, extra=extra(defer_loading=True)),),
        reasoning=thinking,
        extra=extra(service_tier="auto"),
        metadata={"user_id": "u"},
        user="u",
    )
    assert losses(made) == {
        "service_tier": "dropped",
        "messages.0.x": "dropped",
        "messages.0.content.0.cache_control": "mapped",
        "messages.0.content.0.novel": "dropped",
        "tools.0.defer_loading": "dropped",
        "tools.0.strict": "approximated",
        "thinking.type": "mapped",
    }
