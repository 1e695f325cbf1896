"""Custom tools, which take free text, for an upstream that knows functions only.

Such a tool is offered as a function with one string, `input`. Its description tells the model the
grammar, which the upstream then cannot enforce. Earlier calls are wrapped in the same way;
`unwrapping` turns the answer's calls back.
"""

from __future__ import annotations

import json
from dataclasses import replace

from ....core.canon import ir
from ....core.contract.losses import Ledger
from .case import place

FIELD = "input"
SCHEMA: ir.Object = {
    "type": "object",
    "properties": {
        FIELD: {"type": "string", "description": "The whole input, as free text."},
    },
    "required": [FIELD],
    "additionalProperties": False,
}
GRAMMAR = "The {field} must be free text that matches this {syntax} grammar:\n{definition}"


def offered(tool: ir.Tool, losses: Ledger) -> ir.Tool:
    """A custom tool as a function."""
    at = place(tool, f"tools.{tool.name}")
    losses.mapped(at, "a custom tool is offered as a function with one string")
    description = tool.description
    if tool.grammar is not None:
        told = GRAMMAR.format(
            field=FIELD, syntax=tool.grammar.syntax, definition=tool.grammar.definition
        )
        description = f"{description}\n\n{told}" if description else told
        losses.approximated(
            place(tool.grammar, f"{at}.format"), "told in the description, but not enforced"
        )
    return replace(tool, description=description, schema=SCHEMA, kind="function", grammar=None)


def wrapped(call: ir.ToolCall) -> ir.ToolCall:
    """An earlier call of a custom tool as the function's."""
    arguments = json.dumps({FIELD: call.arguments}, ensure_ascii=False)
    return replace(call, arguments=arguments, kind="function")
