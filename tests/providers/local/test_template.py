"""Chat templates come from anywhere: they reach nothing, they end, and they are found out."""

from __future__ import annotations

import pytest

from polystack.core.canon.errors import InvalidRequest
from polystack.providers.local import template as module
from polystack.providers.local.template import ChatTemplate, tojson

CHATML = """{% for m in messages %}
{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}
{%- endfor %}
{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""
HI = [{"role": "user", "content": "hi"}]


def render(source: str) -> str:
    return ChatTemplate(source, {"bos_token": "<s>"}).render(HI).text


def test_a_prompt_ends_where_the_model_goes_on() -> None:
    assert render(CHATML) == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"


def test_a_prompt_that_opens_the_reasoning_says_so() -> None:
    assert ChatTemplate("{{ messages[0].content }}<think>\n").render(HI).thinking
    assert not ChatTemplate("<think></think>").render(HI).thinking


def test_templates_find_the_extras_they_count_on() -> None:
    assert render("{{ bos_token }}{{ tools is none }}") == "<s>True"
    assert render("{% generation %}a{% endgeneration %}") == "a"
    loop = "{% for x in [1, 2] %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% endfor %}"
    assert render(loop) == "1"
    assert render("{{ {'b': '<é>', 'a': 1} | tojson }}") == '{"b": "<é>", "a": 1}'
    assert len(render("{{ strftime_now('%Y') }}")) == 4
    assert tojson([1], indent=1) == "[\n 1\n]"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        ("{{ messages[7].content.x }}", "no element 7"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "unsafe|undefined"),
        ("{{ messages.append(1) }}", "safe"),
        ("{{ cycler.__init__.__globals__ }}", "unsafe|undefined"),
        ("{{ 'x' * 999999999 }}", "too long"),
        ("{{ [0] * 999999999 }}", "too long"),
        ("{{ 10 ** 99999999 }}", "too large"),
        ("{{ range(999999999) | list }}", "too big"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "without end"),
        ("{% for i in range(9999) %}{{ 'x' * 9999 }}{% endfor %}", "longer than"),
    ],
)
def test_a_template_that_goes_astray_is_a_clear_refusal(source: str, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=rf"chat template refuses .*({reason})"):
        render(source)


def test_a_loop_without_end_meets_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.05)
    source = "{% set r = range(99999) %}{% for a in r %}{% for b in r %}{% endfor %}{% endfor %}"
    with pytest.raises(InvalidRequest, match="took longer"):
        render(source)


def test_a_macro_that_calls_itself_twice_meets_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.05)
    source = "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}"
    with pytest.raises(InvalidRequest, match="took longer"):
        render(source + "{{ f(60) }}")


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'x' | center(1000000000) }}",
        "{{ 'x' | indent(1000000000) }}",
        "{{ 'x'.ljust(1000000000) }}",
        "{{ 'x'.zfill(width=1000000000) }}",
        "{{ '{:>1000000000}'.format(1) }}",
        "{{ '{:>{w}}'.format(1, w=1000000000) }}",
    ],
)
def test_a_text_that_would_fill_the_memory_is_refused(source: str) -> None:
    with pytest.raises(InvalidRequest, match="too wide"):
        render(source)


def test_texts_are_still_formatted() -> None:
    assert render("{{ 'x'.ljust(3) }}{{ 'y' | center(3) }}{{ '{:>3}'.format(1) }}") == "x   y   1"


def test_what_a_template_takes_is_found_by_rendering() -> None:
    chat = ChatTemplate(CHATML)
    assert chat.takes_system_first
    assert chat.takes_system_anywhere
    assert not chat.takes_tools
    assert not chat.switches_thinking
    silent = ChatTemplate(CHATML.replace("in messages", "in messages if m.role != 'system'"))
    assert not silent.takes_system_first


@pytest.mark.parametrize(
    ("ending", "unasked"),
    [
        ("", False),
        ("{# <think> #}", True),
        ("{% if enable_thinking is false %}<think></think>{% endif %}", True),
        ("{% if not enable_thinking %}<think></think>{% endif %}", False),
    ],
)
def test_whether_a_model_thinks_unasked_is_found_by_rendering(ending: str, unasked: bool) -> None:
    assert ChatTemplate(CHATML + ending).thinks_unasked is unasked
