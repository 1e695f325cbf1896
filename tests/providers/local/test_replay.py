"""Earlier turns as templates take them that take less than there is."""

from __future__ import annotations

from typing import Any

from polystack.core.canon import ir
from polystack.providers.local.plan import Plan, plan
from polystack.providers.local.template import ChatTemplate

# As gpt-oss's does: one call in a message, with thoughts or a text before it.
ONE_CALL = """
{%- for m in messages %}
{%- if m.tool_calls %}
{%- if m.content and m.thinking %}{{ raise_exception('not both') }}{% endif %}
{%- if m.thinking %}[thought {{ m.thinking }}]{% elif m.content %}[said {{ m.content }}]{% endif %}
{%- set call = m.tool_calls[0] %}[{{ call.function.name }} {{ call.function.arguments | tojson }}]
{%- else %}[{{ m.role }} {{ m.content }}]{% endif %}
{%- endfor %}"""
# As Llama's does: more than one call in a message is an error.
REFUSING = ONE_CALL.replace(
    "{%- if m.content and",
    "{%- if m.tool_calls | length > 1 %}{{ raise_exception('one') }}{% endif %}"
    "{%- if m.content and",
)
# As Mistral's does: the ids of calls have nine characters.
SHORT_IDS = """
{%- for m in messages %}{% for c in m.tool_calls or [] %}
{%- if c.id | length != 9 %}{{ raise_exception('nine') }}{% endif -%}
[{{ c.id }} {{ c.function.name }}]
{%- else %}[{{ m.tool_call_id }} {{ m.content }}]{% endfor %}{% endfor %}"""

USER = ir.Turn("user", (ir.Text("go"),))
FIRST = ir.ToolCall("call_0123456789", "first", '{"a": 1}')
SECOND = ir.ToolCall("call_9876543210", "second", "{}")
RESULTS = ir.Turn(
    "user",
    (
        ir.ToolResult(SECOND.id, (ir.Text("two"),)),
        ir.ToolResult(FIRST.id, (ir.Text("one"),)),
        ir.Text("and?"),
    ),
)


def planned(template: str, *parts: ir.Part) -> Plan:
    turns = USER, ir.Turn("assistant", parts, at="messages.1"), RESULTS
    return plan(ir.Request("m", turns), ChatTemplate(template))


def shown(template: str, *parts: ir.Part) -> str:
    made = planned(template, *parts)
    return ChatTemplate(template).render(made.messages, made.tools, made.kwargs).text


def losses(made: Plan) -> dict[str, Any]:
    return {loss.path: loss.verdict for loss in made.losses}


def test_where_a_message_takes_one_call_each_has_its_own_and_its_result_follows() -> None:
    for template in (ONE_CALL, REFUSING):
        assert shown(template, ir.Text("I look."), FIRST, SECOND) == (
            '[user go][said I look.][first {"a": 1}][tool one][second {}][tool two][user and?]'
        )


def test_a_call_without_a_result_and_a_result_without_a_call_are_kept() -> None:
    lone = ir.ToolCall("c", "lone", "{}")
    assert shown(ONE_CALL, FIRST, lone) == (
        '[user go][first {"a": 1}][tool one][lone {}][tool two][user and?]'
    )


def test_thoughts_go_where_the_template_looks_for_them() -> None:
    made = planned(ONE_CALL, ir.Reasoning("Hm."), FIRST)
    assert made.messages[1]["thinking"] == "Hm."
    assert losses(made) == {}
    assert shown(ONE_CALL, ir.Reasoning("Hm."), FIRST).startswith("[user go][thought Hm.][first ")


def test_a_text_that_has_no_place_beside_thoughts_is_one_of_them() -> None:
    parts = ir.Reasoning("Hm."), ir.Text("I look."), FIRST
    assert shown(ONE_CALL, *parts).startswith("[user go][thought Hm.\n\nI look.][first ")
    assert losses(planned(ONE_CALL, *parts)) == {"messages.1": "approximated"}
    both = ONE_CALL.replace("{{ raise_exception('not both') }}", "")
    assert losses(planned(both, *parts)) == {}


def test_ids_that_a_template_refuses_are_made_short_in_calls_and_in_results() -> None:
    made = planned(SHORT_IDS, FIRST, SECOND)
    call, result = made.messages[1]["tool_calls"][0], made.messages[3]
    assert call["id"] == result["tool_call_id"] != FIRST.id
    assert len(call["id"]) == 9
    assert planned(ONE_CALL, FIRST).messages[1]["tool_calls"][0]["id"] == FIRST.id
    assert f"[{call['id']} first]" in shown(SHORT_IDS, FIRST, SECOND)
