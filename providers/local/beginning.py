"""How an answer begins that is not left to the model alone.

A call that must be made is begun for it, where nothing else can hold it to that; and where the
client has written the beginning of an answer, some models have to be told that it is one.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from ...core.canon import ir
from .constraints.forms import forms
from .formats.table import ToolFormat


def opening(format: ToolFormat, continued: str) -> str:
    """What stands before the beginning that the client has written."""
    return format.text if continued else ""


def forced(
    choice: ir.ToolChoice, names: Sequence[str], format: ToolFormat, tokens: Container[str]
) -> str:
    """The beginning of a call for this choice among the tools of these names.

    Empty where none is asked for, or where no text begins a call for sure.
    """
    written = forms(format.name, tokens)
    if not names or not written or choice.mode not in ("required", "named"):
        return ""
    form = written[0]
    head = form.trigger + form.begin + form.calls[0][0]
    head = head.replace("{quoted}", '"{name}"').replace("{number}", "0")
    if len(names) > 1:
        return head.partition("{name}")[0]
    # It ends where a word of the model's vocabulary does, before the space.
    return head.replace("{name}", names[0]).rstrip(" ")
