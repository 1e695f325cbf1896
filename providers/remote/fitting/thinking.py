"""How much the model is to think, in the upstream's words.

OpenAI's protocols know an effort, Messages an effort, a budget of tokens, or both:

    budget up to 4096     low
    budget up to 16384    medium
    any larger            high

and the other way round, for models that know budgets only, what `BUDGETS` says, but never more
than three quarters of the answer's limit. While it thinks, Anthropic takes no forced tool, and
neither `top_k` nor a temperature.
"""

from __future__ import annotations

from dataclasses import replace

from ....core.canon import ir
from .case import Case, changed, place

EFFORTS = ((4096, "low"), (16384, "medium"))
LARGEST = "high"
BUDGETS = {"minimal": 1024, "low": 4096, "medium": 16384, "high": 32_000}
MOST = 64_000  # of any effort beyond
LEAST = 1024  # the smallest budget that is taken
NOTHING = ir.ReasoningConfig()


def asked(request: ir.Request, case: Case) -> ir.Request:
    """The request with its wish for thoughts as the upstream takes it."""
    if case.api != "messages":
        return changed(request, reasoning=_effort(request.reasoning, case))
    if request.reasoning.summary is not None:
        at = place(request.reasoning, "reasoning")
        case.losses.mapped(f"{at}.summary", "the upstream is asked to show its thoughts")
    if not _wanted(request.reasoning):
        return request
    config = _worded(_for_anthropic(request, case), case)
    request = replace(request, reasoning=config)
    return _without_clashes(request, case) if _wanted(config) else request


def _wanted(config: ir.ReasoningConfig) -> bool:
    if config.enabled is False or config.effort == "none":
        return False
    return (config.enabled, config.effort, config.budget) != (None, None, None)


# To an effort ------------------------------------------------------------------------------------


def _effort(config: ir.ReasoningConfig, case: Case) -> ir.ReasoningConfig:
    if config == NOTHING:
        return config
    at, effort = place(config, "reasoning"), config.effort
    if config.budget is not None:
        effort = effort or effort_of(config.budget)
        case.losses.approximated(f"{at}.budget_tokens", f"told as the effort {effort!r}")
    elif config.enabled and effort is None:
        case.losses.approximated(at, "the upstream is not told to think; it decides itself")
    elif config.enabled is False and effort is None:
        effort = "none"
    if case.api == "chat":
        if config.summary is not None:
            why = "the upstream has no summaries; it shows its thoughts as they are, or not at all"
            case.losses.approximated(f"{at}.summary", why)
        if effort is not None and not case.traits.reasoning_effort:
            case.losses.dropped(case.word("reasoning_effort"), "the upstream has no such switch")
            effort = None
    summary = None if case.api == "chat" else config.summary
    return ir.ReasoningConfig(effort=effort, summary=summary, at=config.at)


def effort_of(budget: int) -> str:
    return next((word for limit, word in EFFORTS if budget <= limit), LARGEST)


# To Anthropic's thinking -------------------------------------------------------------------------


def _worded(config: ir.ReasoningConfig, case: Case) -> ir.ReasoningConfig:
    if config.effort != "minimal":
        return config
    case.losses.approximated(case.word("reasoning_effort"), "minimal is sent as low")
    return replace(config, effort="low")


def _for_anthropic(request: ir.Request, case: Case) -> ir.ReasoningConfig:
    config, at = request.reasoning, place(request.reasoning, "reasoning")
    if case.traits.thinking is None:
        case.losses.dropped(at, "the upstream's models do not think")
        return ir.ReasoningConfig(at=config.at)
    if request.tool_choice.mode in ("required", "named"):
        case.losses.dropped(at, "the upstream does not think before a call that it is forced to")
        return replace(config, enabled=False, budget=None, summary=None)
    if case.traits.thinking == "adaptive" and config.budget is None:
        return config
    return _budgeted(request, case)


def _budgeted(request: ir.Request, case: Case) -> ir.ReasoningConfig:
    config, at = request.reasoning, place(request.reasoning, "reasoning")
    limit = request.sampling.max_tokens or case.traits.default_max_tokens
    wanted = config.budget or BUDGETS.get(config.effort or "medium", MOST)
    budget = min(wanted, limit * 3 // 4)
    if budget < LEAST:
        case.losses.dropped(at, f"{limit} tokens leave no room to think")
        return ir.ReasoningConfig(at=config.at)
    if _called_without_thought(request):
        case.losses.dropped(at, "the upstream would think only behind thoughts of its own")
        return ir.ReasoningConfig(at=config.at)
    if budget != config.budget:
        case.losses.approximated(at, f"told as a budget of {budget} tokens")
    effort = config.effort if case.traits.thinking == "adaptive" else None
    return replace(config, enabled=True, effort=effort, budget=budget)


def _called_without_thought(request: ir.Request) -> bool:
    """Whether the conversation stands behind calls of a turn without a thought of the upstream's.

    With a budget the upstream insists on one; adaptive thinking does not.
    """
    last = next((turn for turn in reversed(request.turns) if turn.role == "assistant"), None)
    kinds = [type(part) for part in last.parts] if last is not None else []
    answered = request.turns[-1].parts[:1] if request.turns else ()
    waiting = bool(answered) and isinstance(answered[0], ir.ToolResult)
    return waiting and ir.ToolCall in kinds and kinds[0] is not ir.Reasoning


def _without_clashes(request: ir.Request, case: Case) -> ir.Request:
    sampling = request.sampling
    if sampling.temperature not in (None, 1):
        case.losses.dropped("temperature", "the upstream takes none while it thinks")
        sampling = replace(sampling, temperature=None)
    if sampling.top_k is not None:
        case.losses.dropped("top_k", "the upstream takes none while it thinks")
        sampling = replace(sampling, top_k=None)
    return replace(request, sampling=sampling)
