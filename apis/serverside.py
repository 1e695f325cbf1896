"""Parts of an answer that server tools leave, for protocols that show none of them."""

from __future__ import annotations

from collections.abc import Iterable

from ..core.canon import ir
from ..core.contract.losses import Ledger


class Unshown:
    """Tells the events of such parts from the others, and books each call as a loss."""

    def __init__(self, losses: Ledger) -> None:
        self._losses = losses
        self._hidden: set[int] = set()

    def hides(self, event: ir.Event) -> bool:
        match event:
            case ir.PartStarted(index=index, part=part) if not visible(part, self._losses):
                self._hidden.add(index)
                return True
            case ir.PartStarted():
                return False
            case ir.Delta(index=index) | ir.PartAnnotated(index=index) | ir.PartEnded(index=index):
                return index in self._hidden
            case _:
                return False


def shown(parts: Iterable[ir.Part], losses: Ledger) -> list[ir.Part]:
    """The parts that are left of a whole answer."""
    return [part for part in parts if visible(part, losses)]


def visible(part: ir.Part, losses: Ledger) -> bool:
    match part:
        case ir.ToolCall(kind="server"):
            losses.dropped("server_tool_calls", "tools were called here, and no field tells of it")
            return False
        case ir.ToolResult(kind="server") | ir.ToolListing() | ir.Approval():
            return False
        case _:
            return True
