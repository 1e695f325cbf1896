"""A client's document as a canonical request: `/api/chat` with its messages, or one prompt."""

from __future__ import annotations

from typing import Any

from ...core.canon import ir
from ...core.canon.errors import NotSupported
from ..validation import validate
from . import schema
from .turns import images, turns
from .vocabulary import EFFORTS, LOADING, NAME, OPTIONS, extra, refuse


def decode(document: object, operation: str = "create") -> ir.Request:
    """The request; raises `InvalidRequest` that names the field at fault."""
    if operation == "generate":
        return _generate(validate(schema.Generate, document))
    return _chat(validate(schema.Chat, document))


def _chat(wire: schema.Chat) -> ir.Request:
    if not wire.messages:
        refuse("messages", "at least one message is required")
    return _request(
        wire,
        turns=tuple(turns(wire.messages)),
        tools=tuple(_tool(tool, f"tools.{i}") for i, tool in enumerate(wire.tools or ())),
    )


def _generate(wire: schema.Generate) -> ir.Request:
    for name in ("suffix", "template", "context"):
        if getattr(wire, name):
            raise NotSupported(
                f"{name}: prompts are written by the model's own template; use /api/chat",
                param=name,
            )
    if wire.raw:
        raise NotSupported("raw: prompts are written by the model's own template", param="raw")
    if not wire.prompt and not wire.images:
        refuse("prompt", "field required")
    said = ir.Text(wire.prompt or "", at="prompt")
    turn = ir.Turn("user", (said, *images(wire.images, "images")), at="prompt")
    system = (ir.Text(wire.system, at="system"),) if wire.system else ()
    return _request(wire, turns=(turn,), instructions=system, generate=True)


def _request(
    wire: schema.Chat | schema.Generate,
    *,
    turns: tuple[ir.Turn, ...],
    tools: tuple[ir.Tool, ...] = (),
    instructions: tuple[ir.Text | ir.Opaque, ...] = (),
    generate: bool | None = None,
) -> ir.Request:
    return ir.Request(
        wire.model,
        turns,
        instructions=instructions,
        tools=tools,
        sampling=_sampling(wire),
        reasoning=_reasoning(wire.think),
        output=_output(wire.format),
        stream=wire.stream is not False,
        origin=NAME,
        extra=extra(wire, _generate=generate),
    )


def _tool(wire: schema.Tool, at: str) -> ir.Tool:
    function = wire.function
    rest = extra(wire, function=function.model_extra or None)
    return ir.Tool(function.name, function.description, function.parameters, extra=rest, at=at)


def _sampling(wire: schema.Chat | schema.Generate) -> ir.Sampling:
    if wire.top_logprobs and not wire.logprobs:
        refuse("top_logprobs", "needs logprobs: true")
    options = wire.options or schema.Options()
    said: dict[str, Any] = {field: getattr(options, name) for name, field in OPTIONS.items()}
    if said["max_tokens"] is not None and said["max_tokens"] < 0:
        said["max_tokens"] = None  # as long as it takes
    unknown = {k: v for k, v in (options.model_extra or {}).items() if v is not None}
    loading = {name: unknown.pop(name) for name in LOADING & unknown.keys()}
    kept = unknown | ({"_load": loading} if loading else {})
    return ir.Sampling(
        **said,
        stop=(options.stop,) if isinstance(options.stop, str) else tuple(options.stop or ()),
        logprobs=bool(wire.logprobs),
        top_logprobs=wire.top_logprobs,
        extra={NAME: kept} if kept else None,
        at="options",
    )


def _reasoning(think: schema.Think | None) -> ir.ReasoningConfig:
    match think:
        case None:
            return ir.ReasoningConfig()
        case bool():
            return ir.ReasoningConfig(think, at="think")
        case effort if effort in EFFORTS:
            return ir.ReasoningConfig(True, effort, at="think")
        case other:
            refuse("think", f"must be true, false or one of {', '.join(EFFORTS)}, not {other!r}")


def _output(wanted: schema.Format | None) -> ir.OutputFormat:
    match wanted:
        case None | "":
            return ir.OutputFormat()
        case "json":
            return ir.OutputFormat("json", at="format")
        case dict():
            return ir.OutputFormat("schema", wanted, at="format")
