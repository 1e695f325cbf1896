"""Compiled grammars: kept, bounded, and never the end of the process."""

from __future__ import annotations

import json

import pytest

from polystack.providers.local.constraints import compiling
from polystack.providers.local.constraints.compiling import BadGrammar, Compiler

from .words import COMPILER

pytest.importorskip("llguidance")


def nested(depth: int) -> str:
    schema: object = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return f"start: %json {json.dumps(schema)}"


def chain(length: int) -> str:
    """References from one definition to the next."""
    links = {
        f"d{i}": {"type": "object", "properties": {"x": {"$ref": f"#/$defs/d{i + 1}"}}}
        for i in range(length)
    }
    schema = {"$ref": "#/$defs/d0", "$defs": {**links, f"d{length}": {"type": "string"}}}
    return f"start: %json {json.dumps(schema)}"


def test_a_grammar_is_compiled_once() -> None:
    compiler = Compiler(COMPILER.lexicon)
    first, _ = compiler.compiled('start: "a"')
    assert compiler.compiled('start: "a"')[0] is first
    assert compiler.compiled('start: "a"', quoted=True)[0] is not first


def test_the_oldest_grammar_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "KEPT", 2)
    compiler = Compiler(COMPILER.lexicon)
    a, _ = compiler.compiled('start: "a"')
    compiler.compiled('start: "b"')
    compiler.compiled('start: "a"')
    compiler.compiled('start: "c"')  # in place of b, which was used longest ago
    assert compiler.compiled('start: "a"')[0] is a
    assert len(compiler._compiled) == 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("start: foo", 'line 1, column 8: unknown name: "foo"'),
        ('foo: "a"', "no start rule found"),
        ("", "Empty grammar"),
        ("start: /(?=a)b/", "line 1, column 8: invalid regex"),
        ("start: start", "no text that it matches"),
        ('start: %json {"not": {}}', 'Unimplemented keys: \\["not"\\]'),
        ("start: %json {", "failed to parse"),
        ("start: " + "(" * 5000 + '"a"' + ")" * 5000, "too deeply nested"),
        (nested(200), "recursion limit exceeded"),
        ('start: (("a"{1000}){1000}){1000}', "Too many items"),
        ("start: /(a{1000}){1000}/", "too many expressions"),
        ('start: "a" // ' + "x" * (2 << 20), "2097152 are the limit"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(text: str, why: str) -> None:
    with pytest.raises(BadGrammar, match=why) as caught:
        COMPILER.compiled(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(["start: r0", *(f"r{i}: r{i + 1}" for i in range(6000)), 'r6000: "a"']),
        "\n".join(["start: R0", *(f"R{i}: R{i + 1}" for i in range(6000)), 'R6000: "a"']),
        chain(1500),
    ],
    ids=["rules", "terminals", "references"],
)
def test_depth_that_would_exhaust_a_stack_does_not(text: str) -> None:
    matcher, _ = COMPILER.compiled(text)
    copy = matcher.deep_copy()
    assert any(copy.compute_bitmask())
    assert not copy.is_error()
