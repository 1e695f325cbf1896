"""Sampling, limits, the user and the form of the answer, as the upstream takes them."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

from ....core.canon import ir
from .case import Case, changed

USER_LIMIT = 64  # characters, at OpenAI
EXTENSIONS = {
    "chat": ("top_k", "min_p"),
    "responses": ("top_k", "min_p", "seed", "presence_penalty", "frequency_penalty"),
}


def set_(request: ir.Request, case: Case) -> ir.Request:
    request = changed(request, sampling=_sampling(request.sampling, case))
    request = _user(_extensions(request, case), case)
    match case.api:
        case "chat":
            return _chat(request, case)
        case "responses":
            return _responses(request, case)
        case _:
            return _messages(request, case)


def _sampling(sampling: ir.Sampling, case: Case) -> ir.Sampling:
    if sampling.top_logprobs is not None and not sampling.logprobs:
        case.losses.mapped("top_logprobs", "the answer shows no log probabilities")
        sampling = replace(sampling, top_logprobs=None)
    if case.api == "messages" and sampling.max_tokens is None:
        limit = case.traits.default_max_tokens
        case.losses.mapped(
            case.word("max_tokens"), f"the upstream demands a limit; {limit} is sent"
        )
        sampling = replace(sampling, max_tokens=limit)
    return sampling


def _extensions(request: ir.Request, case: Case) -> ir.Request:
    """Options of local servers: into the body where the upstream takes them, else losses."""
    names = EXTENSIONS.get(case.api, ())
    given = {n: v for n in names if (v := getattr(request.sampling, n)) is not None}
    kwargs = request.template_kwargs
    if case.traits.extended_sampling:
        if case.api == "responses" and (given or kwargs is not None):
            return _as_fields(request, given)
        return request
    for name in given:
        case.losses.dropped(name, "the upstream has no such option")
    if kwargs is not None and names:
        case.losses.dropped("chat_template_kwargs", "the upstream has no such option")
        request = replace(request, template_kwargs=None)
    if not given:
        return request
    cleared: dict[str, Any] = dict.fromkeys(given)
    return replace(request, sampling=replace(request.sampling, **cleared))


def _as_fields(request: ir.Request, given: dict[str, Any]) -> ir.Request:
    """Responses writes what it has no name for from its own fields alone."""
    fields = dict((request.extra or {}).get("responses", {})) | given
    if request.template_kwargs is not None:
        fields["chat_template_kwargs"] = request.template_kwargs
    cleared: dict[str, Any] = dict.fromkeys(given)
    return replace(
        request,
        extra={"responses": fields},
        template_kwargs=None,
        sampling=replace(request.sampling, **cleared),
    )


def _user(request: ir.Request, case: Case) -> ir.Request:
    """Messages has the user's id among the metadata, which mean something else at OpenAI."""
    metadata, user = request.metadata, request.user
    if case.origin == "messages" and metadata is not None:
        for name, value in metadata.items():
            if name != "user_id" and value is not None:
                case.losses.dropped(f"metadata.{name}", "the upstream's metadata are others")
        metadata = None
    if user is not None and len(user) > USER_LIMIT and case.api != "messages":
        at = case.word("user")
        case.losses.approximated(at, f"longer than {USER_LIMIT} characters; its SHA-256 is sent")
        user = sha256(user.encode()).hexdigest()
    return changed(request, metadata=metadata, user=user)


def _chat(request: ir.Request, case: Case) -> ir.Request:
    if case.traits.limit_field != "max_tokens":
        named: ir.Extra = {"chat": {"_limit": case.traits.limit_field}}
        request = replace(request, sampling=replace(request.sampling, extra=named))
    if request.stream and case.traits.stream_usage:
        fields = dict((request.extra or {}).get("chat", {}))
        fields["stream_options"] = {"include_usage": True}
        request = replace(request, extra={"chat": fields})
    if request.output.grammar is not None and case.traits.answer_grammar is not None:
        request = replace(request, output=_languages(request.output, request.output.grammar, case))
    if request.output.verbosity is not None and not case.traits.openai_options:
        request = _without_verbosity(request, case)
    return request


def _languages(output: ir.OutputFormat, grammar: ir.ToolGrammar, case: Case) -> ir.OutputFormat:
    """A language for the whole answer, in the words of a server that has a field for it."""
    match case.traits.answer_grammar, grammar.syntax:
        case "structured_outputs", syntax:
            word = "regex" if syntax == "regex" else "grammar"
            written: dict[str, Any] = {"structured_outputs": {word: grammar.definition}}
        case "grammar", "gbnf":
            written = {"grammar": grammar.definition}
        case _:
            return output
    return replace(output, extra={"chat": {"_written": written}})


def _without_verbosity(request: ir.Request, case: Case) -> ir.Request:
    case.losses.dropped(case.word("verbosity"), "the upstream has no such option")
    return replace(request, output=replace(request.output, verbosity=None))


def _messages(request: ir.Request, case: Case) -> ir.Request:
    if request.output.verbosity is not None:
        request = _without_verbosity(request, case)
    at = case.word("response_format.json_schema")
    for name in ("name", "description"):
        if getattr(request.output, name) is not None:
            case.losses.approximated(f"{at}.{name}", "the upstream is told the schema alone")
    return request


def _responses(request: ir.Request, case: Case) -> ir.Request:
    """Thoughts come sealed where they are asked for, so that the next turn can bring them back.

    Models that do not think refuse to be asked.
    """
    if request.sampling.stop:
        case.losses.dropped(case.word("stop"), "the upstream has no stop strings")
        request = replace(request, sampling=replace(request.sampling, stop=()))
    config = request.reasoning
    thinks = config.effort not in (None, "none") or config.summary is not None
    if not thinks or not case.traits.sealed_reasoning:
        return request
    fields = dict((request.extra or {}).get("responses", {}))
    fields["include"] = ["reasoning.encrypted_content"]
    return replace(request, extra={"responses": fields})
