"""A request as an engine takes it: its prompt in tokens, and what its answer is held to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...core.canon import ir
from ...core.canon.errors import InvalidRequest
from .accounting import callable_tools
from .constraints.enforcing import Enforced
from .constraints.thoughts import Thoughts
from .formats.detection import Formats
from .guarding import cut
from .images import Images, Placed
from .plan import Plan, plan
from .prompting import tokenized_prompt
from .resident import Resident
from .tools import Names


@dataclass(frozen=True, slots=True)
class Encoded:
    """What is made of a vocabulary goes when that goes. `thinking` says that the prompt ends inside
    of a thought.
    """

    at: Resident
    plan: Plan
    tokens: list[int]
    thinking: bool
    images: Sequence[Placed] = ()
    enforced: Enforced | None = None

    def begun(self, formats: Formats) -> str:
        """What of the answer stands in the prompt already, as its reader has to see it."""
        if self.thinking and formats.tools.answer is not None:
            return formats.reasoning.opens
        return self.plan.opening + self.plan.forced


def encoded(at: Resident, request: ir.Request, formats: Formats, limits: str) -> Encoded:
    """The prompt; `limits` says what the model reads."""
    try:
        mapped = plan(
            request,
            at.template,
            enforced=at.enforcer is not None,
            images=None if at.eyes is None else Images(at.eyes.webp),
            limits=limits,
            tool_format=formats.tools,
            tokens=at.engine.vocabulary.marks,
        )
        messages, tools, seam = at.guard.seamed(mapped.messages, mapped.tools)
        prompt = at.template.render(messages, tools, mapped.kwargs)
    except RecursionError:
        raise InvalidRequest("the request is nested too deeply") from None
    text, thinking = prompt.text, prompt.thinking
    begun = at.guard.spoken(mapped.continued, seam) + mapped.forced
    if begun and thinking:
        text, thinking = f"{text}\n{formats.reasoning.closes}\n\n", False
    text += mapped.opening + begun
    tokens, images = tokenized_prompt(cut(text, seam), at.engine.vocabulary, mapped.images, at.eyes)
    return Encoded(at, mapped, tokens, thinking, images)


def enforced(request: ir.Request, found: Encoded, formats: Formats) -> Encoded:
    """The same, with what its answer is held to."""
    at, mapped = found.at, found.plan
    if at.enforcer is None:
        return found
    names = Names(request.tools)
    held, losses = at.enforcer.enforced(
        request,
        {names.flat(tool.namespace, tool.name): tool for tool in callable_tools(request)},
        Thoughts(found.thinking, _may_think(at, mapped, formats), formats.reasoning),
        mapped.continued,
    )
    mapped.losses = [*mapped.losses, *losses]
    return replace(found, enforced=held)


def thinks(at: Resident, formats: Formats) -> bool:
    return formats.reasoning.begins in at.engine.vocabulary.marks


def _may_think(at: Resident, mapped: Plan, formats: Formats) -> bool:
    if mapped.continued or not thinks(at, formats):
        return False
    wanted = mapped.kwargs.get("enable_thinking")
    return at.template.thinks_unasked if wanted is None else bool(wanted)
