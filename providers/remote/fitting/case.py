"""One request on its way to one upstream: what every step of the fitting is told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from operator import is_
from typing import Any

from ....core.canon import ir
from ....core.contract.losses import Ledger
from ..traits import Traits

WORDS = {
    ("messages", "parallel_tool_calls"): "tool_choice.disable_parallel_tool_use",
    ("messages", "reasoning_effort"): "output_config.effort",
    ("messages", "stop"): "stop_sequences",
    ("messages", "user"): "metadata.user_id",
    ("responses", "max_tokens"): "max_output_tokens",
    ("responses", "reasoning_effort"): "reasoning.effort",
    ("responses", "response_format.json_schema"): "text.format",
    ("responses", "verbosity"): "text.verbosity",
}


@dataclass(frozen=True, slots=True)
class Case:
    """`origin` is the API that the client speaks, `api` the upstream's.

    `provider` is the upstream's name in the distribution.
    """

    origin: str
    api: str
    traits: Traits
    provider: str
    losses: Ledger = field(default_factory=Ledger)

    def word(self, field: str) -> str:
        """What the client calls a field that goes by this name in Chat."""
        return WORDS.get((self.origin, field), field)

    @property
    def native(self) -> bool:
        """Both are the same: the request goes out as it came, but for what would be refused."""
        return self.origin == self.api


def changed(request: ir.Request, **fields: Any) -> ir.Request:
    """The request with these fields; itself where they are its own."""
    if all(getattr(request, name) is value for name, value in fields.items()):
        return request
    return replace(request, **fields)


def with_parts(turn: ir.Turn, parts: tuple[ir.Part, ...]) -> ir.Turn:
    """The turn with these parts; itself where they are its own."""
    if _same(turn.parts, parts):
        return turn
    return ir.Turn(turn.role, parts, turn.id, turn.status, turn.name, extra=turn.extra, at=turn.at)


def with_content(
    result: ir.ToolResult, content: tuple[ir.Text | ir.Media | ir.Opaque, ...]
) -> ir.ToolResult:
    return result if _same(result.content, content) else replace(result, content=content)


def _same(before: tuple[ir.Part, ...], after: tuple[ir.Part, ...]) -> bool:
    return len(before) == len(after) and all(map(is_, before, after))


def place(node: ir.Node, otherwise: str) -> str:
    """Where a node stood in the client's document, for the ledger."""
    return node.at or otherwise
