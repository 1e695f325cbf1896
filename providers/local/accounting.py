"""What a request loses on its way into a local text model: one loss per place.

The fields that no canonical name exists for, and what these engines cannot do. Losses that depend
on the model's chat template are the business of `messages`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...core.canon import ir
from ...core.contract.losses import Foreign, Loss, foreign

# Fields without a canonical name whose meaning is kept all the same.
KEPT = {
    "cache_control": "prefixes are reused without being asked",
    "prompt_cache_key": "prefixes are reused without being asked",
    "prompt_cache_retention": "prefixes are reused without being asked",
}
# `adaptive` and whatever comes after it: the type has no canonical name, its meaning has.
THINKING_TYPE = "it is left to the model whether it thinks"
UNENFORCED = "cannot be enforced: this engine has no grammars"


def losses(request: ir.Request, *, enforced: bool = False) -> Iterator[Loss]:
    """`enforced` says that the engine keeps to grammars; what they leave out is theirs to tell."""
    yield from map(_unnamed, foreign(request))
    for tool in request.tools:
        yield from _tool(tool, enforced)
    yield from _tool_choice(request, enforced)
    yield from _output(request.output, enforced)
    if request.reasoning.summary is not None:
        path = request.reasoning.at or "reasoning"
        why = "the reasoning itself is shown in place of a summary"
        yield Loss(f"{path}.summary", "mapped", why)


def _unnamed(field: Foreign) -> Loss:
    if why := THINKING_TYPE if _is_thinking_type(field) else KEPT.get(field.name):
        return Loss(field.path, "mapped", why)
    return Loss(field.path, "dropped", "a local model has no use for it")


def _is_thinking_type(field: Foreign) -> bool:
    return isinstance(field.node, ir.ReasoningConfig) and field.name == "type"


def _tool(tool: ir.Tool, enforced: bool) -> Iterator[Loss]:
    at = tool.at or f"tools.{tool.name}"
    if tool.kind == "server":
        kind = tool.type or tool.name
        yield Loss(at, "dropped", f"{kind} runs on its vendor's servers only")
    if tool.strict and not enforced:
        yield Loss(f"{at}.strict", "approximated", f"the schema of arguments {UNENFORCED}")
    if tool.kind == "custom":
        why = "offered to the model as a function with one string"
        yield Loss(at, "mapped", why)
    if tool.grammar is not None and not enforced:
        yield Loss(tool.grammar.at or at, "approximated", f"the input's grammar {UNENFORCED}")


def _tool_choice(request: ir.Request, enforced: bool) -> Iterator[Loss]:
    choice = request.tool_choice
    at = choice.at or "tool_choice"
    if choice.mode in ("required", "named") and not enforced:
        yield Loss(at, "approximated", f"a call is asked for, but {UNENFORCED}")
    if choice.allowed is not None:
        yield Loss(at, "mapped", "the model is shown the allowed tools only")


def _output(output: ir.OutputFormat, enforced: bool) -> Iterator[Loss]:
    at = output.at or "output"
    if output.kind == "grammar" and not enforced:
        yield Loss(at, "dropped", f"the answer's grammar {UNENFORCED}")
    elif output.kind != "text" and not enforced:
        why = f"the model is asked for this format in words; it {UNENFORCED}"
        yield Loss(at, "approximated", why)
    if output.verbosity is not None:
        yield Loss(f"{at}.verbosity", "dropped", "a local model has no such control")


def callable_tools(request: ir.Request) -> Sequence[ir.Tool]:
    """The tools that the model is shown: those a client can run, narrowed by its choice."""
    choice = request.tool_choice
    if choice.mode == "none":
        return ()
    tools = [tool for tool in request.tools if tool.kind != "server"]
    if choice.mode == "named":
        return [
            tool
            for tool in tools
            if tool.name == choice.name
            and (choice.namespace is None or tool.namespace == choice.namespace)
        ]
    if choice.allowed is not None:
        return [tool for tool in tools if tool.name in choice.allowed]
    return tools
