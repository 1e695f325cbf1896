"""How much a model is to think: the client's wish as arguments of its chat template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...core.canon import ir
from ...core.contract.losses import Ledger

if TYPE_CHECKING:
    from .template import ChatTemplate

NO_EFFORT = frozenset(["none", "minimal"])
ALLOWED = frozenset(
    "enable_thinking thinking thinking_budget reasoning_effort preserve_thinking "
    "clear_thinking documents_mode".split()
)


def wish(config: ir.ReasoningConfig) -> bool | None:
    """Whether the client wants reasoning; None leaves it to the template.

    An effort or a budget without a word about thinking itself is a wish to think.
    """
    if config.enabled is not None:
        return config.enabled
    if config.effort is not None:
        return config.effort not in NO_EFFORT
    return True if config.budget else None


def template_kwargs(
    request: ir.Request, template: ChatTemplate, ledger: Ledger, *, answering: bool = True
) -> dict[str, Any]:
    """`answering` is false where the client has begun the answer: then the thinking is over."""
    kwargs: dict[str, Any] = {}
    wanted = wish(request.reasoning) if answering else False
    if wanted is not None:
        kwargs["enable_thinking"] = wanted
    kwargs |= _levels(request.reasoning, template, ledger)
    for name, value in (request.template_kwargs or {}).items():
        if name in ALLOWED and (value is None or isinstance(value, bool | int | float | str)):
            kwargs[name] = value
        else:
            ledger.dropped(f"chat_template_kwargs.{name}", "not among the arguments let through")
    if wanted is not None and answering and not template.switches_thinking:
        at = request.reasoning.at or "reasoning"
        ledger.approximated(at, "the model's template does not let thinking be switched")
    return kwargs


def _levels(config: ir.ReasoningConfig, template: ChatTemplate, ledger: Ledger) -> dict[str, Any]:
    at = config.at or "reasoning"
    levels = {"reasoning_effort": config.effort, "thinking_budget": config.budget}
    kwargs: dict[str, Any] = {}
    for name, value in levels.items():
        if value is None:
            continue
        if template.names(name):
            kwargs[name] = value
        else:
            ledger.approximated(at, "the model thinks or it does not; there is nothing between")
    return kwargs
