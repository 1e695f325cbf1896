"""The form of an answer, in OpenAI's words and in those that vLLM and llama-server have for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from ...core.canon import ir
from .. import languages
from . import schema
from .vocabulary import extra, refuse

_OUTPUTS = {
    "text": "text",
    "json_object": "json",
    "json_schema": "schema",
    "regex": "grammar",
    "grammar": "grammar",
}
_NOTHING: tuple[object, ...] = (None, "", False)
_WORDS = ("json", "regex", "choice", "grammar")  # in `structured_outputs`, and behind `guided_`


@dataclass(frozen=True, slots=True)
class _Asked:
    """A form that is asked for by a field of another server's."""

    field: str  # of the request
    at: str
    word: str
    value: Any


def output(wire: schema.Request) -> ir.OutputFormat:
    """Raises `InvalidRequest` where two fields ask for a form."""
    wanted = wire.response_format
    asked = list(_asked(wire))
    names = ["response_format"] if wanted is not None and wanted.type != "text" else []
    names += [each.at for each in asked]
    if len(names) > 1:
        refuse(names[1], f"{names[0]} asks for a format too; send one of the two")
    if asked:
        return _theirs(wire, asked[0])
    if wanted is not None:
        return _ours(wire, wanted)
    return ir.OutputFormat(verbosity=wire.verbosity) if wire.verbosity else ir.OutputFormat()


def _ours(wire: schema.Request, wanted: schema.ResponseFormat) -> ir.OutputFormat:
    at = "response_format"
    if wanted.type == "json_schema" and wanted.json_schema is None:
        refuse(f"{at}.json_schema", "field required")
    described = wanted.json_schema
    grammar = None
    if wanted.type in languages.TYPES:
        grammar = languages.decoded(wanted.model_dump(include=set(languages.FIELDS)), at)
    return ir.OutputFormat(
        _OUTPUTS[wanted.type],  # type: ignore[arg-type]
        described.schema_ if described else None,
        described.name if described else None,
        described.description if described else None,
        described.strict if described else None,
        wire.verbosity,
        grammar,
        extra=extra(wanted, json_schema=(described.model_extra if described else None) or None),
        at=at,
    )


# Other servers' words ----------------------------------------------------------------------------


def unheard(wire: schema.Request) -> dict[str, Any]:
    """`structured_outputs` that ask for nothing that has a name here."""
    inside = wire.structured_outputs
    if inside is None or any(each.field == "structured_outputs" for each in _asked(wire)):
        return {}
    rest = inside.model_dump(by_alias=True, exclude_none=True)
    return {"structured_outputs": rest} if rest else {}


def _asked(wire: schema.Request) -> Iterator[_Asked]:
    if wire.structured_outputs is not None:
        inside = wire.structured_outputs.model_dump(by_alias=True)
        for word in (*_WORDS, "json_object"):
            if inside[word] not in _NOTHING:
                at = f"structured_outputs.{word}"
                yield _Asked("structured_outputs", at, word, inside[word])
    for word in _WORDS:
        field = f"guided_{word}"
        if (value := getattr(wire, field)) not in _NOTHING:
            yield _Asked(field, field, word, value)
    if wire.grammar:
        yield _Asked("grammar", "grammar", "gbnf", wire.grammar)
    if wire.json_schema is not None:
        yield _Asked("json_schema", "json_schema", "json", wire.json_schema)


def _theirs(wire: schema.Request, asked: _Asked) -> ir.OutputFormat:
    fields = {asked.field, "response_format"}
    written = wire.model_dump(include=fields, by_alias=True, exclude_unset=True)
    options = wire.structured_outputs if asked.field == "structured_outputs" else None
    own = extra(options, _written=written)
    if asked.word == "json_object":
        return ir.OutputFormat("json", verbosity=wire.verbosity, extra=own, at=asked.field)
    if asked.word == "json":
        return ir.OutputFormat(
            "schema", _json(asked), verbosity=wire.verbosity, extra=own, at=asked.field
        )
    syntax, definition = _LANGUAGES[asked.word](asked.value)
    grammar = ir.ToolGrammar(syntax, definition, at=asked.at)
    return ir.OutputFormat(
        "grammar", verbosity=wire.verbosity, grammar=grammar, extra=own, at=asked.field
    )


def _json(asked: _Asked) -> dict[str, Any]:
    """vLLM takes a schema as text as well."""
    value = asked.value
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            refuse(asked.at, "must be a JSON Schema; this text is no JSON")
    if not isinstance(value, dict):
        refuse(asked.at, "must be a JSON Schema, which is an object")
    return value


def _grammar(text: str) -> tuple[str, str]:
    """vLLM tells the two apart by this sign, which every rule of GBNF has."""
    return ("gbnf" if "::=" in text else "lark"), text


_Language: TypeAlias = Callable[[Any], tuple[str, str]]
_LANGUAGES: dict[str, _Language] = {
    "regex": lambda text: ("regex", text),
    "choice": lambda texts: ("regex", languages.one_of(texts)),
    "grammar": _grammar,
    "gbnf": lambda text: ("gbnf", text),
}
