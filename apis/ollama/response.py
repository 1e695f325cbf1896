"""A whole answer as a document."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.canon import ir
from ...core.contract.api import Context, Document
from ...core.contract.losses import Ledger
from ..serverside import shown
from . import output


def document(request: ir.Request, responses: Sequence[ir.Response], context: Context) -> Document:
    """One answer: this protocol has no choices."""
    (response,) = responses
    generate, losses = output.generated(request), context.losses
    texts, thoughts, calls, tokens = _told(response.parts, generate, losses)
    answer = output.said(
        generate, "".join(texts), thinking="".join(thoughts) or None, tool_calls=calls or None
    )
    shown = {"logprobs": tokens} if tokens else {}
    return output.head(context) | answer | output.end(response.stop, response.usage, losses) | shown


def _told(
    parts: Sequence[ir.Part], generate: bool, losses: Ledger
) -> tuple[list[str], list[str], list[Document], list[Document]]:
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[Document] = []
    tokens: list[Document] = []
    for part in shown(parts, losses):
        output.lose_part(part, generate, losses)
        match part:
            case ir.Text():
                texts.append(part.text)
                tokens += output.logprobs(part.logprobs) or []
            case ir.Refusal():
                texts.append(part.text)
            case ir.Reasoning():
                thoughts.append(part.text or "\n\n".join(part.summary))
            case ir.ToolCall() if not generate:
                calls.append(output.call(part, part.arguments, len(calls), losses))
            case _:
                pass
    return texts, thoughts, calls, tokens
