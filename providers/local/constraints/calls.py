"""Calls of the offered tools as a grammar: how a format writes them, and what may stand in them.

A function's arguments match its schema. A custom tool's input is free text; where the tool brings
a grammar, the text is held to it. A model writes that text inside a JSON string, so it is a stage
of its own: behind the head of such a call, and before its tail.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ....core.canon import ir
from ....core.canon.errors import InvalidRequest
from ....core.contract.losses import Loss
from ..parser import CALL, CALL_END
from .compiling import BadGrammar, Compiler
from .constraint import Bound, Stage
from .languages import lark
from .schemas import closed, enforced

INPUT = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
    "additionalProperties": False,
}
# The tokens of a text are the model's choice here: it writes them with escapes.
UNFORCED = '\n%llguidance {"no_forcing": true}\n'


@dataclass(frozen=True, slots=True)
class CallFormat:
    """How a model writes a call: `before` its arguments, with a place for the name, and `after`."""

    trigger: str = CALL
    before: str = '\n{{"name": {name}, "arguments": '
    after: str = "}\n" + CALL_END


@dataclass(frozen=True, slots=True)
class _Payload:
    """A custom tool whose input has a grammar, up to where the input begins."""

    head: str
    stage: Bound


class Calls:
    """The grammar of one call of any of these tools, by their flat names."""

    def __init__(
        self,
        tools: Mapping[str, ir.Tool],
        compiler: Compiler,
        format: CallFormat = CallFormat(),
    ) -> None:
        self._compiler = compiler
        self._format = format
        self._rules: list[str] = []
        self._payloads: list[_Payload] = []
        self.losses: list[Loss] = []
        for name, tool in tools.items():
            self._add(name, tool)

    @property
    def trigger(self) -> bytes:
        return self._format.trigger.encode()

    def _add(self, name: str, tool: ir.Tool) -> None:
        before = self._format.before.format(name=json.dumps(name, ensure_ascii=False))
        if tool.grammar is not None:
            head = before + '{"input": "'
            self._payloads.append(_Payload(head, self._payload(tool)))
            self._rules.append(literal(head, self._compiler))
            return
        after = literal(self._format.after, self._compiler)
        self._rules.append(f"{literal(before, self._compiler)} {self._arguments(tool)} {after}")

    def _arguments(self, tool: ir.Tool) -> str:
        at = tool.at or f"tools.{tool.name}"
        schema = INPUT if tool.kind == "custom" else closed(tool.schema or {})
        try:
            found, left_out = enforced(schema, self._compiler, strict=tool.strict is True)
        except BadGrammar as bad:
            raise InvalidRequest(
                f"{at}: the schema of the tool {tool.name!r} cannot be enforced: {bad}; change it, "
                "or leave out `strict`",
                param=at,
            ) from None
        if left_out is not None:
            why = f"calls are not held to all of the tool's schema: {left_out}"
            self.losses.append(Loss(at, "approximated", why))
        return found

    def _payload(self, tool: ir.Tool) -> Bound:
        assert tool.grammar is not None
        at = tool.grammar.at or tool.at or f"tools.{tool.name}"
        tail = "}" + self._format.after
        behind, _ = self._compiler.compiled("start: " + literal(tail, self._compiler))
        try:
            matcher, _ = self._compiler.compiled(lark(tool.grammar) + UNFORCED, quoted=True)
        except BadGrammar as bad:
            raise InvalidRequest(
                f"{at}: the {tool.grammar.syntax} grammar of the tool {tool.name!r} cannot be "
                f"enforced: {bad}; change the grammar, or offer the tool without one",
                param=at,
            ) from None
        return Bound(matcher, Bound(behind), quoted=True, follows=tail.encode())

    def rules(self, *, triggered: bool) -> str:
        """The rules `call` and what it needs; `triggered` where the trigger has been said."""
        lines = [f"call_{number}: {rule}" for number, rule in enumerate(self._rules)]
        names = " | ".join(f"call_{number}" for number in range(len(self._rules)))
        lead = "" if triggered else literal(self._format.trigger, self._compiler) + " "
        return "\n".join([f"call: {lead}({names})", *lines])

    def stage(self, text: str, then: Stage | None) -> Bound:
        """A stage that these rules are part of; raises `BadGrammar`."""
        matcher, _ = self._compiler.compiled(text)
        heads: dict[bytes, Stage] = {}
        for payload in self._payloads:
            tail = payload.stage.then
            assert isinstance(tail, Bound)
            after = Bound(tail.matcher, then=then)
            heads[payload.head.encode()] = Bound(
                payload.stage.matcher, after, quoted=True, follows=payload.stage.follows
            )
        return Bound(matcher, then, heads)


def literal(text: str, compiler: Compiler) -> str:
    """This very text, its marks as the tokens that they are in this vocabulary."""
    marks = compiler.lexicon.marks
    parts: Sequence[str] = [text]
    if marks:
        parts = re.split("(" + "|".join(map(re.escape, marks)) + ")", text)
    return " ".join(
        f"<[{marks[part]}]>" if part in marks else json.dumps(part) for part in parts if part
    )
