"""Fields that only the client's protocol has: which of them another one has a word for too.

Those that the two protocols of OpenAI share go over as they are, to servers that take them; all
others are losses at their place.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ....core.canon import ir
from ....core.contract.losses import Foreign, foreign
from .case import Case, changed

# Of the request itself, in Chat and in Responses alike.
SHARED = frozenset(
    "prompt_cache_key prompt_cache_retention safety_identifier service_tier verbosity".split()
)
OPENAI = ("chat", "responses")
# What the client wants of its own answer; this stack sees to it, whatever the upstream is asked.
ANSWERED = {
    "stream_options": "the client's own stream is written here",
    "include": "the client's own answer is written here",
}


def carried(request: ir.Request, case: Case) -> ir.Request:
    """The request with the fields that go over, and a loss for each that does not."""
    over: dict[str, Any] = {}
    for field in foreign(request, case.api):
        if field.node is request and _is_shared(field, case):
            over[field.name] = _value(field)
        elif not _is_said_otherwise(field, case):
            case.losses.dropped(field.path, f"a field of {field.owner}")
    return changed(
        request,
        extra={case.api: over} if over else None,
        reasoning=_plain(request.reasoning),
        output=_plain_output(request.output),
    )


def _is_shared(field: Foreign, case: Case) -> bool:
    return (
        case.traits.openai_options
        and field.name in SHARED
        and field.owner in OPENAI
        and case.api in OPENAI
    )


def _value(field: Foreign) -> Any:
    return (field.node.extra or {})[field.owner][field.name]


def _is_said_otherwise(field: Foreign, case: Case) -> bool:
    """Whether the field's meaning arrives though its name does not."""
    if isinstance(field.node, ir.Request) and field.name in ANSWERED:
        case.losses.mapped(field.path, ANSWERED[field.name])
        return True
    if isinstance(field.node, ir.ReasoningConfig) and field.name == "type":
        case.losses.mapped(field.path, "it is left to the model whether it thinks")
        return True
    if isinstance(field.node, ir.ReasoningConfig) and field.name == "display":
        case.losses.mapped(field.path, "asked for as a summary, or not asked for")
        return True
    return False


def _plain(config: ir.ReasoningConfig) -> ir.ReasoningConfig:
    """Without the fields that were looked at above, so that nobody books them again."""
    if not config.extra:
        return config
    display = config.extra.get("messages", {}).get("display")
    summary = config.summary or ("auto" if display == "summarized" else None)
    return replace(config, summary=summary, extra=None)


def _plain_output(output: ir.OutputFormat) -> ir.OutputFormat:
    return replace(output, extra=None) if output.extra else output
