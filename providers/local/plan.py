"""A canonical request as all that a prompt is made of, and what that loses."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...core.canon import ir
from ...core.canon.errors import NotSupported
from ...core.contract.losses import Ledger, Loss
from . import accounting
from .beginning import forced, opening
from .formats.table import FORMATS, ToolFormat
from .images import Images
from .known import TEXT_ONLY
from .messages import Mapper, grouped
from .parser import CALL, CALL_END, Offered
from .thinking import template_kwargs
from .tools import Names

if TYPE_CHECKING:
    from .probes import Message
    from .template import ChatTemplate


@dataclass(slots=True)
class Plan:
    """All that a prompt is made of.

    `continued` is the beginning of an answer that the client has written, `opening` the marks that
    the model puts before an answer, `forced` a beginning that the tool choice asks for: they end
    the prompt, and the last is part of the answer.
    """

    messages: list[Message]
    tools: list[Message]
    kwargs: dict[str, Any]
    offered: dict[str, Offered]
    continued: str = ""
    opening: str = ""
    forced: str = ""
    losses: Sequence[Loss] = ()
    images: Images | None = None


def plan(
    request: ir.Request,
    template: ChatTemplate,
    *,
    enforced: bool = False,
    images: Images | None = None,
    limits: str = TEXT_ONLY,
    tool_format: ToolFormat = FORMATS["hermes"],
    tokens: Container[str] = (),
) -> Plan:
    """Raises `NotSupported` for what the model cannot be shown; `images` takes those that it
    is shown, `limits` says what it reads, and `tokens` the marks that it knows.

    `enforced` says that the engine keeps to grammars: then no beginning of an answer is needed
    to have a tool called.
    """
    ledger = Ledger()
    ledger.add(*accounting.losses(request, enforced=enforced))
    names = Names(request.tools)
    tools = accounting.callable_tools(request)
    if request.tool_choice.mode == "named" and not tools:
        wanted = request.tool_choice.name
        raise NotSupported(
            f"tool_choice: no function {wanted!r} is among the tools", param="tool_choice"
        )
    rendered = names.rendered(tools)
    extra_system = [text for text in (_format(request.output),) if text]
    if rendered and not template.takes_tools:
        extra_system.append(_tools_in_words(rendered))
        ledger.approximated("tools", "the model's template knows no tools; told in the system text")
    groups = list(grouped(request.conversation()))
    continued = ""
    if groups and groups[-1].role == "assistant" and _only_text(groups[-1].parts):
        continued = ir.text_of(tuple(groups.pop().parts)).rstrip()
    mapper = Mapper(template, names, ledger, images, limits)
    messages = mapper.messages(groups, extra_system)
    offered = names.offered(tools)
    opened = opening(tool_format, continued)
    # Behind an opening there is no place for a call.
    left_alone = enforced or bool(opened)
    return Plan(
        messages,
        rendered if template.takes_tools else [],
        template_kwargs(request, template, ledger, answering=not continued),
        offered,
        continued,
        opened,
        "" if left_alone else forced(request.tool_choice, [*offered], tool_format, tokens),
        list(ledger),
        images,
    )


def _format(output: ir.OutputFormat) -> str:
    match output.kind:
        case "json":
            return "Answer in JSON."
        case "schema":
            schema = json.dumps(output.schema, ensure_ascii=False)
            return f"Answer in JSON that matches this schema: {schema}"
        case "grammar" | "text":
            return ""


def _tools_in_words(tools: list[Message]) -> str:
    lines = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
    call = f'{CALL}\n{{"name": <name>, "arguments": <arguments>}}\n{CALL_END}'
    return f"You may call these functions:\n{lines}\nTo call one, write:\n{call}"


def _only_text(parts: Sequence[ir.Part]) -> bool:
    return bool(parts) and all(isinstance(part, ir.Text) for part in parts)
