"""The request, in both directions.

`decode` takes what any client sends and refuses by name the state that is not kept here
(`previous_response_id`, `conversation`, `prompt`). A top-level field without a place
in the canonical model, or whose value the model cannot tell from silence (`stream: false`), stays
in `extra` and comes back from `encode`.
"""

from __future__ import annotations

from dataclasses import replace

from ...core.canon import ir
from ...core.canon.errors import InvalidRequest, NotSupported
from ...core.contract.api import PREPARE, Document
from ...core.contract.losses import Ledger
from .. import languages
from ..validation import validate
from . import compaction, pairing, schema
from .extras import (
    NAME,
    extra,
    given,
    is_native,
    note_foreign,
    own,
    plain,
    remembered,
    unnamed,
)
from .items import decode_input, encode_input
from .tools import (
    decode_choice,
    decode_tools,
    encode_choice,
    encode_tools,
    own_tools,
    without_doubles,
)

LOGPROBS = "message.output_text.logprobs"
SEALED = "reasoning.encrypted_content"
FORMATS = ("text", "json_object", "json_schema", *languages.TYPES)

NOT_KEPT = {
    "conversation": "conversations are not kept here; send the items in input",
    "prompt": "prompt templates are not kept here; send instructions and input",
}

# Fields of local servers that OpenAI's own has no words for: canonical name by wire name.
EXTENSIONS = {
    "seed": "seed",
    "top_k": "top_k",
    "min_p": "min_p",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}


# Fields that have a place in the canonical model. What it cannot hold of them asks for nothing.
NAMED = frozenset(
    """
    chat_template_kwargs frequency_penalty instructions logit_bias max_output_tokens max_tool_calls
    metadata min_p parallel_tool_calls presence_penalty reasoning seed stop stream temperature text
    tool_choice tools top_k top_logprobs top_p user
    """.split()
)


def decode(document: object, operation: str = "create") -> ir.Request:
    asked = validate(schema.Create, document)
    _refuse_state(asked)
    if asked.input is None and operation != "input_tokens":
        raise InvalidRequest("input: field required", param="input")
    if asked.input == [] and not asked.instructions and operation != PREPARE:
        raise InvalidRequest("input: must hold at least one item", param="input")
    turns, item_tools = decode_input(asked.input if asked.input is not None else ())
    pairing.check(turns)
    tools = without_doubles(decode_tools(asked.tools or (), "tools") + item_tools)
    instructions = asked.instructions
    request = ir.Request(
        asked.model,
        turns,
        (ir.Text(instructions, at="instructions"),) if instructions is not None else (),
        tools,
        decode_choice(asked.tool_choice, asked.parallel_tool_calls, tools),
        _decode_sampling(asked),
        _decode_reasoning(asked.reasoning),
        _decode_output(asked.text),
        bool(asked.stream),
        asked.metadata,
        asked.user,
        asked.chat_template_kwargs,
        max_tool_calls=asked.max_tool_calls,
        origin=NAME,
    )
    assert isinstance(document, dict)
    told = {"input", "model"} | fields(request, Ledger()).keys()
    if isinstance(asked.stop, str):
        told -= {"stop"}  # the model has a list only; `encode` puts the string back
    rest = {name: value for name, value in document.items() if name not in told}
    said = {name: value for name, value in rest.items() if name in NAMED}
    kept = {name: value for name, value in rest.items() if name not in NAMED}
    request = replace(request, extra=extra(kept, {"_said": said} if said else {}))
    request = replace(request, truncates=asked.truncation == "auto")
    return compaction.marked(request, operation)


def _refuse_state(asked: schema.Create) -> None:
    if asked.previous_response_id is not None:
        raise InvalidRequest(
            f"previous_response_id: no response {asked.previous_response_id!r} is kept here; "
            "send the whole conversation in input",
            param="previous_response_id",
            code="previous_response_not_found",
        )
    for name, why in NOT_KEPT.items():
        if getattr(asked, name) not in (None, False):
            raise NotSupported(f"{name}: {why}", param=name)


def _decode_sampling(asked: schema.Create) -> ir.Sampling:
    stop = (asked.stop,) if isinstance(asked.stop, str) else tuple(asked.stop or ())
    return ir.Sampling(
        asked.max_output_tokens,
        asked.temperature,
        asked.top_p,
        asked.top_k,
        asked.min_p,
        stop,
        asked.seed,
        asked.presence_penalty,
        asked.frequency_penalty,
        _decode_bias(asked.logit_bias),
        LOGPROBS in (asked.include or ()),
        asked.top_logprobs,
    )


def _decode_bias(bias: dict[str, float] | None) -> dict[int, float] | None:
    if bias is None:
        return None
    for token in bias:
        if not token.isdecimal():
            param = f"logit_bias.{token}"
            raise InvalidRequest(f"{param}: the name must be a token's number", param=param)
    return {int(token): value for token, value in bias.items()}


def _decode_reasoning(options: schema.ReasoningOptions | None) -> ir.ReasoningConfig:
    if options is None:
        return ir.ReasoningConfig()
    kept = unnamed(options)
    if options.generate_summary is not None:
        kept["_generate_summary"] = options.generate_summary
    return ir.ReasoningConfig(
        False if options.effort == "none" else None,
        options.effort,
        summary=options.summary or options.generate_summary,
        extra={NAME: kept},
        at="reasoning",
    )


def _decode_output(options: schema.TextOptions | None) -> ir.OutputFormat:
    if options is None:
        return ir.OutputFormat()
    kept, format = unnamed(options), options.format
    output = ir.OutputFormat(verbosity=options.verbosity, at="text")
    match format:
        case None:
            pass
        case {"type": "text" | "json_object" as kind}:
            kept |= _unnamed_format({key: format[key] for key in format.keys() - {"type"}})
            output = replace(output, kind="text" if kind == "text" else "json")
        case {"type": "json_schema"}:
            wanted = _validate_format(format)
            kept |= _unnamed_format(unnamed(wanted))
            output = replace(
                output,
                kind="schema",
                schema=wanted.schema_,
                name=wanted.name,
                description=wanted.description,
                strict=wanted.strict,
            )
        case {"type": "regex" | "grammar"}:
            rest = {key: format[key] for key in format.keys() - languages.FIELDS}
            kept |= _unnamed_format(rest)
            grammar = languages.decoded(format, "text.format")
            output = replace(output, kind="grammar", grammar=grammar)
        case _:
            kind = format.get("type")
            message = f"text.format.type: must be {', '.join(FORMATS)}, not {kind!r}"
            raise NotSupported(message, param="text.format.type")
    return replace(output, extra={NAME: kept})


def _unnamed_format(rest: Document) -> Document:
    """The rest of a format that was said; what is unknown in it is an unknown field of `text`."""
    unknown = {key: value for key, value in rest.items() if not key.startswith("_")}
    return {"_format": rest} | ({"format": unknown} if unknown else {})


def _validate_format(format: Document) -> schema.JsonSchemaFormat:
    try:
        return validate(schema.JsonSchemaFormat, format)
    except InvalidRequest as error:
        message = f"text.format.{error.message}"
        raise InvalidRequest(message, param=f"text.format.{error.param}") from None


# The way back ------------------------------------------------------------------------------------


def encode(request: ir.Request, model: str) -> tuple[Document, Ledger]:
    ledger = Ledger()
    note_foreign(request, "", ledger)
    said = remembered(request, "_said") or {}
    document = own(request) | said | fields(request, ledger)
    if request.origin != NAME:
        _speak_openai(request, document, ledger)
    elif request.sampling.stop == (said.get("stop"),):
        document["stop"] = said["stop"]
    document |= {"model": model, "input": encode_input(request, ledger)}
    return document, ledger


def _speak_openai(request: ir.Request, document: Document, ledger: Ledger) -> None:
    """What a request of another protocol needs, and what OpenAI would refuse it for.

    What stands among the request's own fields was put there for a server that takes it.
    """
    kept = own(request)
    include = {*kept.get("include", ())} | ({LOGPROBS} if request.sampling.logprobs else set())
    if any(isinstance(p, ir.Reasoning) and p.sealed for t in request.turns for p in t.parts):
        include.add(SEALED)
    if include:
        document["include"] = sorted(include)
    document["store"] = False
    for name in (*EXTENSIONS, "stop", "logit_bias", "chat_template_kwargs"):
        if name in document and name not in kept:
            del document[name]
            ledger.dropped(name, "Responses has no such field")


def fields(request: ir.Request, ledger: Ledger) -> Document:
    """The top-level fields, but for `model` and `input`, that the canonical request speaks of."""
    sampling = request.sampling
    bias = {str(token): value for token, value in (sampling.logit_bias or {}).items()}
    return given(
        instructions=_encode_instructions(request, ledger),
        stream=request.stream or None,
        tools=encode_tools(own_tools(request), ledger) or None,
        tool_choice=encode_choice(request.tool_choice, ledger),
        parallel_tool_calls=request.tool_choice.parallel,
        max_output_tokens=sampling.max_tokens,
        max_tool_calls=request.max_tool_calls,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_logprobs=sampling.top_logprobs,
        reasoning=_encode_reasoning(request.reasoning, ledger),
        text=_encode_output(request.output, ledger),
        metadata=request.metadata,
        user=request.user,
        stop=list(sampling.stop) or None,
        logit_bias=bias or None,
        chat_template_kwargs=request.template_kwargs,
        **{wire: getattr(sampling, name) for wire, name in EXTENSIONS.items()},
    )


def _encode_instructions(request: ir.Request, ledger: Ledger) -> str | None:
    if not request.instructions:
        return None
    for i, part in enumerate(request.instructions):
        path = part.at or f"instructions.{i}"
        note_foreign(part, path, ledger)
        if isinstance(part, ir.Opaque):
            ledger.dropped(path, f"instructions are text only, and no {part.type}")
    # Blocks of a system prompt are separate paragraphs wherever they may be several.
    texts = [part.text for part in request.instructions if isinstance(part, ir.Text)]
    return "\n\n".join(texts)


def _encode_reasoning(config: ir.ReasoningConfig, ledger: Ledger) -> Document | None:
    note_foreign(config, "reasoning", ledger)
    effort = config.effort
    if effort is None and config.enabled is False:
        effort = "none"
    if effort is None and config.budget is not None:
        effort = next(word for limit, word in EFFORTS if config.budget <= limit)
    if config.budget is not None:
        ledger.approximated("reasoning.budget", f"Responses has no token budget: effort {effort}")
    older = remembered(config, "_generate_summary")
    summary = config.summary if config.summary != older else None
    written = own(config) | given(effort=effort, summary=summary, generate_summary=older)
    return written if written or is_native(config) else None


EFFORTS = ((4096, "low"), (16384, "medium"), (float("inf"), "high"))


def _encode_output(output: ir.OutputFormat, ledger: Ledger) -> Document | None:
    note_foreign(output, "text", ledger)
    format = _encode_format(output, ledger)
    written = own(output) | given(format=format, verbosity=output.verbosity)
    return written if written or is_native(output) else None


def _encode_format(output: ir.OutputFormat, ledger: Ledger) -> Document | None:
    kept = remembered(output, "_format")
    format: Document = plain(kept or {})
    match output.kind:
        case "text":
            # The default: it is written where it was said.
            return None if kept is None else format | {"type": "text"}
        case "json":
            return format | {"type": "json_object"}
        case "schema":
            format |= {"type": "json_schema", "name": output.name or "answer"}
            format |= {"schema": output.schema or {}}
            return format | given(description=output.description, strict=output.strict)
        case "grammar" if output.grammar is not None and is_native(output):
            return format | languages.encoded(output.grammar)
        case "grammar":
            ledger.dropped("text.format", "Responses has no grammar of whole answers")
            return None
