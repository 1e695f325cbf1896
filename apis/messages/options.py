"""Everything of a canonical request that is neither conversation nor tools, for an upstream."""

from __future__ import annotations

from dataclasses import fields

from ...core.canon import ir
from ...core.contract.api import Document
from ...core.contract.losses import Ledger
from .. import languages
from .vocabulary import call_name, own

# The wire demands a limit; this one is within what every current model accepts.
MAX_TOKENS = 32_000

_EFFORTS = {"minimal": "low"}
_CHOICES = {"auto": "auto", "required": "any", "named": "tool", "none": "none"}
_THINKING = {True: "enabled", False: "disabled", None: None}
_SAMPLED = ("max_tokens", "temperature", "top_p", "top_k", "stop", "seed", "n", "extra", "at")


def add_options(body: Document, request: ir.Request, losses: Ledger, native: bool) -> None:
    body |= _sampling(request.sampling, losses, native)
    if native or "tools" in body:
        body |= _tool_choice(request.tool_choice, losses, native)
    body |= _thinking(request.reasoning, losses, native)
    body |= _output_config(request, losses, native)
    body |= _metadata(request, losses, native)
    if request.stream:
        body["stream"] = True
    if request.template_kwargs is not None:
        if native:
            body["chat_template_kwargs"] = dict(request.template_kwargs)
        else:
            losses.dropped("chat_template_kwargs", "no field of Messages")


def _sampling(sampling: ir.Sampling, losses: Ledger, native: bool) -> Document:
    written: Document = {"max_tokens": sampling.max_tokens}
    if sampling.max_tokens is None:
        del written["max_tokens"]
        if not native:
            written["max_tokens"] = MAX_TOKENS
            losses.approximated("max_tokens", f"the upstream demands a limit; {MAX_TOKENS} is sent")
    for name in ("temperature", "top_p", "top_k"):
        value = getattr(sampling, name)
        if value is not None:
            written[name] = value
    if not native and sampling.temperature is not None and sampling.temperature > 1:
        written["temperature"] = 1.0
        losses.approximated("temperature", "the upstream's scale ends at 1")
    if sampling.stop:
        written["stop_sequences"] = list(sampling.stop)
    if sampling.seed is not None and native:
        written["seed"] = sampling.seed
    _lose_sampling(sampling, losses, native)
    return written


def _lose_sampling(sampling: ir.Sampling, losses: Ledger, native: bool) -> None:
    names = [field.name for field in fields(sampling) if field.name not in _SAMPLED]
    for name in names if native else [*names, "seed"]:
        if getattr(sampling, name) not in (None, False):
            losses.dropped(name, "no field of Messages")


def _tool_choice(choice: ir.ToolChoice, losses: Ledger, native: bool) -> Document:
    wire: Document = {"type": _CHOICES[choice.mode]}
    if choice.mode == "named" and choice.name is not None:
        wire["name"] = call_name(choice.name, choice.namespace)
    if choice.parallel is not None:
        if choice.mode == "none" and not native:
            # There is no call, so there are no two at once.
            losses.mapped("parallel_tool_calls", "no tool is called")
        else:
            wire["disable_parallel_tool_use"] = not choice.parallel
    wire |= own(choice)
    return {} if wire == {"type": "auto"} else {"tool_choice": wire}


def _thinking(config: ir.ReasoningConfig, losses: Ledger, native: bool) -> Document:
    rest = own(config)
    kind = rest.pop("type", None) or _THINKING[config.enabled]
    budget = {} if config.budget is None else {"budget_tokens": config.budget}
    if native:
        return {"thinking": {"type": kind} | budget | rest} if kind else {}
    if config.enabled is False or config.effort == "none":
        return {"thinking": {"type": "disabled"}}
    if config.enabled is None and config.effort is None and config.budget is None:
        return {}
    shown = {} if config.summary is None else {"display": "summarized"}
    if config.summary not in (None, "auto"):
        losses.approximated("reasoning.summary", "the upstream has one kind of summary")
    return {"thinking": {"type": "enabled" if budget else "adaptive"} | budget | shown}


def _output_config(request: ir.Request, losses: Ledger, native: bool) -> Document:
    config: Document = own(request.output)
    effort = request.reasoning.effort
    if effort is not None and (native or effort != "none"):
        config["effort"] = effort if native else _EFFORTS.get(effort, effort)
        if config["effort"] != effort:
            losses.approximated("reasoning.effort", f"{effort} is sent as {config['effort']}")
    output = request.output
    if output.kind == "schema":
        schema = {"type": "json_schema", "schema": dict(output.schema or {})}
        config["format"] = schema | config.get("format", {})
    elif output.grammar is not None and native:
        config["format"] = languages.encoded(output.grammar) | config.get("format", {})
    elif output.kind != "text":
        losses.dropped(output.at or "response_format", f"the upstream has no {output.kind} format")
    if output.verbosity is not None:
        losses.dropped("verbosity", "no field of Messages")
    return {"output_config": config} if config else {}


def _metadata(request: ir.Request, losses: Ledger, native: bool) -> Document:
    if native:
        return {} if request.metadata is None else {"metadata": dict(request.metadata)}
    if request.metadata:
        losses.dropped("metadata", "the upstream takes nothing but the user's id")
    return {} if request.user is None else {"metadata": {"user_id": request.user}}
