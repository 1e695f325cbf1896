"""A client's document as a canonical request.

The normal form, in which documents that mean the same are one: a string and an array of one bare
text part, one stop string and an array of it, an absent option and a null one.
"""

from __future__ import annotations

from ...core.canon import ir
from ..validation import validate
from . import schema
from .formats import output, unheard
from .tools import tool_choice, tools
from .turns import turns
from .vocabulary import NAME, extra, refuse

_SILENT: tuple[list[str], ...] = ([], ["text"])  # modalities that ask for nothing but text


def decode(document: object) -> ir.Request:
    """The request; raises `InvalidRequest` that names the field at fault."""
    wire = validate(schema.Request, document)
    _check(wire)
    offered = tools(wire)
    return ir.Request(
        wire.model,
        tuple(turns(wire.messages)),
        tools=offered,
        tool_choice=tool_choice(wire, offered),
        sampling=_sampling(wire),
        reasoning=_reasoning(wire),
        output=output(wire),
        stream=bool(wire.stream),
        metadata=wire.metadata,
        user=wire.user,
        template_kwargs=wire.chat_template_kwargs,
        origin=NAME,
        extra=_request_extra(wire),
    )


def _check(wire: schema.Request) -> None:
    if not wire.messages:
        refuse("messages", "at least one message is required")
    if wire.max_tokens is not None and wire.max_completion_tokens is not None:
        refuse("max_tokens", "send either this or max_completion_tokens, not both")
    if wire.top_logprobs is not None and not wire.logprobs:
        refuse("top_logprobs", "needs logprobs: true")
    effort = wire.reasoning.effort if wire.reasoning is not None else None
    if None not in (effort, wire.reasoning_effort) and effort != wire.reasoning_effort:
        refuse("reasoning_effort", "says another effort than reasoning.effort; send one of the two")


def _request_extra(wire: schema.Request) -> ir.Extra | None:
    unknown = {k: v for k, v in (wire.model_extra or {}).items() if v is not None}
    unknown |= unheard(wire)
    if wire.stream_options is not None:
        unknown["stream_options"] = wire.stream_options.model_dump(exclude_unset=True)
    if wire.modalities is not None:
        # Only what asks for more than text may become a loss.
        name = "_modalities" if wire.modalities in _SILENT else "modalities"
        unknown[name] = wire.modalities
    return {NAME: unknown} if unknown else None


# Options -----------------------------------------------------------------------------------------


def _sampling(wire: schema.Request) -> ir.Sampling:
    spelling = None if wire.max_completion_tokens is None else "max_completion_tokens"
    return ir.Sampling(
        max_tokens=wire.max_tokens or wire.max_completion_tokens,
        temperature=wire.temperature,
        top_p=wire.top_p,
        top_k=wire.top_k,
        min_p=wire.min_p,
        stop=(wire.stop,) if isinstance(wire.stop, str) else tuple(wire.stop or ()),
        seed=wire.seed,
        presence_penalty=wire.presence_penalty,
        frequency_penalty=wire.frequency_penalty,
        logit_bias=_logit_bias(wire.logit_bias),
        logprobs=bool(wire.logprobs),
        top_logprobs=wire.top_logprobs,
        n=wire.n or 1,
        extra=extra(None, _limit=spelling),
    )


def _logit_bias(bias: dict[str, float] | None) -> dict[int, float] | None:
    if bias is None:
        return None
    for key in bias:
        if not key.isdecimal():
            refuse(f"logit_bias.{key}", "keys are token ids, such as '42'")
    return {int(key): value for key, value in bias.items()}


def _reasoning(wire: schema.Request) -> ir.ReasoningConfig:
    given = wire.reasoning
    if given is None:
        effort = wire.reasoning_effort
        return ir.ReasoningConfig(effort=effort) if effort else ir.ReasoningConfig()
    beside = None if wire.reasoning_effort is None else "both" if given.effort else "beside"
    return ir.ReasoningConfig(
        given.enabled,
        given.effort or wire.reasoning_effort,
        given.max_tokens,
        extra=extra(given, _object=True, _effort=beside),
        at="reasoning",
    )
