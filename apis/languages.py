"""Whole answers in a language that the client writes: one extension of every protocol's formats.

`{"type": "regex", "regex": …}` or `{"type": "grammar", "syntax": "lark" | "gbnf",
"definition": …}` stands where the protocol has its other formats of an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.canon import ir
from ..core.contract.api import Document
from .extras import refuse

TYPES = ("regex", "grammar")
FIELDS = frozenset({"type", "regex", "syntax", "definition"})
SYNTAXES = ("lark", "gbnf")

_OPERATORS = frozenset(r"\.+*?()|[]{}^$#&-~/")


def decoded(format: Mapping[str, Any], at: str) -> ir.ToolGrammar:
    """The language of a format that is of one of these types."""
    if format["type"] == "regex":
        return ir.ToolGrammar("regex", _text(format, "regex", at), at=f"{at}.regex")
    syntax = _text(format, "syntax", at)
    if syntax not in SYNTAXES:
        refuse(f"{at}.syntax", f"must be 'lark' or 'gbnf', not {syntax!r}")
    return ir.ToolGrammar(syntax, _text(format, "definition", at), at=f"{at}.definition")


def _text(format: Mapping[str, Any], name: str, at: str) -> str:
    value = format.get(name)
    if value is None:
        refuse(f"{at}.{name}", "field required")
    if not isinstance(value, str) or not value:
        refuse(f"{at}.{name}", "must be a text that is not empty")
    return value


def encoded(grammar: ir.ToolGrammar) -> Document:
    if grammar.syntax == "regex":
        return {"type": "regex", "regex": grammar.definition}
    return {"type": "grammar", "syntax": grammar.syntax, "definition": grammar.definition}


def one_of(choices: Sequence[str]) -> str:
    """The regular expression of these very texts."""
    escaped = ("".join(map(_escaped, choice)) for choice in choices)
    return "|".join(f"({choice})" for choice in escaped)


def _escaped(character: str) -> str:
    return "\\" + character if character in _OPERATORS else character
