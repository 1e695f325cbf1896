"""Calls of the offered tools as a grammar: how a format writes them, and what may stand in them.

A function's arguments match its schema. A custom tool's input is free text; where the tool brings
a grammar, the text is held to it. Most models write that text inside a JSON string, so it is a
stage of its own there: behind the head of such a call, and before its tail.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ....core.canon import ir
from ....core.canon.errors import InvalidRequest
from ....core.contract.losses import Loss
from .compiling import BadGrammar, Compiler
from .constraint import Bound, Stage
from .forms import Form
from .languages import lark, rule
from .lexicon import literal
from .writing import Written

INPUT = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
    "additionalProperties": False,
}
# What a model counts or makes up.
PLACES = {"{number}": "[0-9]{1,4}", "{id}": "[A-Za-z0-9]{9}"}
_PLACE = re.compile("(" + "|".join(map(re.escape, PLACES)) + ")")

# The tokens of a text are the model's choice here: it writes them with escapes.
UNFORCED = '\n%llguidance {"no_forcing": true}\n'


@dataclass(slots=True)
class _Ways:
    """All calls of a form: those that one grammar holds, and heads that lead to another one."""

    number: int
    form: Form
    whole: list[str] = field(default_factory=list)
    lines: dict[str, str] = field(default_factory=dict)
    payloads: list[_Payload] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Payload:
    """A custom tool whose input has a grammar, up to where the input begins, and from its end."""

    head: str
    tail: str
    tool: ir.Tool


class Calls:
    """The grammar of one call of any of these tools, by their flat names, in any of the forms."""

    def __init__(
        self, tools: Mapping[str, ir.Tool], compiler: Compiler, forms: Sequence[Form]
    ) -> None:
        self._compiler = compiler
        self._tools = tools
        self._ways = [_Ways(number, form) for number, form in enumerate(forms)]
        self._losses: dict[tuple[str, str], Loss] = {}
        for ways in self._ways:
            for number, (name, tool) in enumerate(tools.items()):
                written = self._written(ways, tool, number)
                for head, tail in ways.form.calls:
                    self._add(ways, tool, _named(head, name), written, tail)

    @property
    def losses(self) -> list[Loss]:
        return list(self._losses.values())

    def _literal(self, text: str) -> str:
        """A mark that ends the model's turn is not a part of it."""
        lexicon = self._compiler.lexicon
        for mark in lexicon.last:
            text = text.removesuffix(mark)
        return literal(text, lexicon.marks)

    def _written(self, ways: _Ways, tool: ir.Tool, number: int) -> str:
        """The rule of a call's arguments, one for all heads; empty where they are a payload."""
        if tool.grammar is not None and ways.form.way.quoted is not None:
            return ""
        written = self._input(ways, tool) if tool.grammar else self._arguments(ways, tool)
        name = f"arguments_{ways.number}_{number}"
        ways.lines |= {**written.lines, name: f": {written.rule}"}
        return name

    def _add(self, ways: _Ways, tool: ir.Tool, head: str, written: str, tail: str) -> None:
        if not written:
            before, behind = ways.form.way.quoted or ("", "")
            ways.payloads.append(_Payload(head + before, behind + tail, tool))
            return
        ways.whole.append(f"{self._head(head)} {written} {self._literal(tail)}")

    def _head(self, text: str) -> str:
        return " ".join(
            f"/{PLACES[part]}/" if part in PLACES else self._literal(part)
            for part in _PLACE.split(text)
        )

    def _input(self, ways: _Ways, tool: ir.Tool) -> Written:
        assert tool.grammar is not None
        try:
            found = rule(tool.grammar, self._compiler)
        except BadGrammar as bad:
            raise self._bad_grammar(tool, bad) from None
        return Written(ways.form.way.text("input", found, self._compiler))

    def _arguments(self, ways: _Ways, tool: ir.Tool) -> Written:
        at = tool.at or f"tools.{tool.name}"
        schema = INPUT if tool.kind == "custom" else tool.schema or {}
        try:
            found = ways.form.way.arguments(schema, self._compiler, tool.strict is True)
        except BadGrammar as bad:
            raise InvalidRequest(
                f"{at}: the schema of the tool {tool.name!r} cannot be enforced: {bad}; change it, "
                "or leave out `strict`",
                param=at,
            ) from None
        if found.left_out:
            left_out = "; ".join(dict.fromkeys(found.left_out))
            why = f"calls are not held to all of the tool's schema: {left_out}"
            self._losses.setdefault((at, why), Loss(at, "approximated", why))
        return found

    # Grammars ------------------------------------------------------------------------------------

    def rules(self) -> str:
        """The rules `call` and what it needs."""
        names = " | ".join(f"call_{ways.number}" for ways in self._ways)
        shared = dict(line for ways in self._ways for line in ways.lines.items())
        lines = [name + definition for name, definition in shared.items()]
        return "\n".join([f"call: {names}", *map(self._rules, self._ways), *lines])

    def _rules(self, ways: _Ways) -> str:
        """`section` is all behind the trigger, `rest` what may follow a call of the section."""
        number, form = ways.number, ways.form
        end, between = self._literal(form.end), self._literal(form.between)
        ends = []
        if ways.whole:
            ends.append(f"whole_{number} {end}")
        if ways.payloads:
            ends.append(f"head_{number}")
        items = f"({' | '.join(ends)})"
        if form.several and ways.whole:
            items = f"(whole_{number} {between})* {items}"
        rest = f"{end} | {between} {items}" if form.several else end
        lines = [
            f"call_{number}: {self._literal(form.trigger)} section_{number}",
            f"section_{number}: {self._literal(form.begin)} {items}",
            f"rest_{number}: {rest}",
        ]
        if ways.whole:
            lines.append(f"whole_{number}: {' | '.join(ways.whole)}")
        if ways.payloads:
            heads = (self._head(payload.head) for payload in ways.payloads)
            lines.append(f"head_{number}: {' | '.join(heads)}")
        return "\n".join(lines)

    # Stages --------------------------------------------------------------------------------------

    def leading(self, then: Stage) -> dict[bytes, Stage]:
        """The stages behind what counts where the answer begins: all of a call's head, by tool.

        No mark says there that a call is meant, and no other text may be bent into one.
        """
        return {
            trigger: stage
            for calls in self._by_tool()
            for trigger, stage in calls.anywhere(then).items()
        }

    def _by_tool(self) -> Iterator[Calls]:
        for form in (ways.form for ways in self._ways if ways.form.leading):
            for name, tool in self._tools.items():
                for head, tail in form.calls:
                    trigger = form.trigger + _named(head, name)
                    alone = replace(form, trigger=trigger, calls=(("", tail),), leading=False)
                    yield Calls({name: tool}, self._compiler, (alone,))

    def anywhere(self, then: Stage) -> dict[bytes, Stage]:
        """The stages behind the triggers of calls that may come anywhere."""
        found: dict[str, list[str]] = {}
        for ways in self._ways:
            if not ways.form.leading:
                found.setdefault(ways.form.trigger, []).append(f"section_{ways.number}")
        return {
            trigger.encode(): self.stage(f"start: {' | '.join(sections)}", then)
            for trigger, sections in found.items()
        }

    def stage(self, text: str, then: Stage | None) -> Bound:
        """A stage of these rules and those of calls; raises `BadGrammar`."""
        heads: dict[bytes, Stage] = {}
        for ways in self._ways:
            for payload in ways.payloads:
                rest = f"start: {self._literal(payload.tail)} rest_{ways.number}"
                behind = Bound(self._compiled(rest), then, heads)
                stage = self._payload(payload, ways.form)
                heads[_pattern(payload.head)] = replace(stage, then=behind)
        return Bound(self._compiled(text), then, heads)

    def _compiled(self, text: str) -> object:
        matcher, _ = self._compiler.compiled(f"{text}\n{self.rules()}")
        return matcher

    def _payload(self, payload: _Payload, form: Form) -> Bound:
        assert payload.tool.grammar is not None
        try:
            text = lark(payload.tool.grammar) + UNFORCED
            matcher, _ = self._compiler.compiled(text, quoted=True)
        except BadGrammar as bad:
            raise self._bad_grammar(payload.tool, bad) from None
        follows = payload.tail + ("" if form.several else form.end)
        return Bound(matcher, quoted=True, follows=follows.encode())

    def _bad_grammar(self, tool: ir.Tool, bad: BadGrammar) -> InvalidRequest:
        assert tool.grammar is not None
        at = tool.grammar.at or tool.at or f"tools.{tool.name}"
        return InvalidRequest(
            f"{at}: the {tool.grammar.syntax} grammar of the tool {tool.name!r} cannot be "
            f"enforced: {bad}; change the grammar, or offer the tool without one",
            param=at,
        )


def _named(head: str, name: str) -> str:
    quoted = json.dumps(name, ensure_ascii=False)
    return head.replace("{quoted}", quoted).replace("{name}", name)


def _pattern(head: str) -> bytes:
    """What matches this head's text."""
    parts = (PLACES.get(part) or re.escape(part) for part in _PLACE.split(head))
    return "".join(parts).encode()
