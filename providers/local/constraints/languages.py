"""The languages that clients write themselves, in the form that the compiler takes."""

from __future__ import annotations

import re

from ....core.canon import ir
from . import gbnf
from .compiling import BadGrammar, Compiler

LENGTH = 64 << 10  # characters of a client's own grammar


def lark(wanted: ir.ToolGrammar) -> str:
    """The grammar in llguidance's form of Lark. Raises `BadGrammar`."""
    if len(wanted.definition) > LENGTH:
        raise BadGrammar(f"it has {len(wanted.definition)} characters, and {LENGTH} is the limit")
    match wanted.syntax:
        case "lark":
            return wanted.definition
        case "regex":
            return f"start: {regex(wanted.definition)}"
        case "gbnf":
            return gbnf.lark(wanted.definition)
        case other:
            raise BadGrammar(f"its syntax {other!r} is none of lark, regex and gbnf")


def rule(wanted: ir.ToolGrammar, compiler: Compiler) -> str:
    """The grammar as a part of another one's rule. Raises `BadGrammar`.

    It is compiled alone first, so that what is said of its lines counts from its own first. Of what
    was written in another syntax the compiler does not know the lines.
    """
    text = lark(wanted)
    try:
        compiler.compiled(text)
    except BadGrammar as bad:
        if wanted.syntax == "lark":
            raise
        raise BadGrammar(re.sub(r"^line \d+, column \d+: ", "", str(bad))) from None
    return f"%lark {{\n{text}\n}}"


def regex(pattern: str) -> str:
    from llguidance import regex_to_lark

    if "\n" in pattern:
        pattern = pattern.replace("\n", r"\n")
    return f"/{regex_to_lark(pattern)}/"
