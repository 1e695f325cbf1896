"""The arguments of a call as rules of a grammar, in the ways that formats write them.

What a way of writing cannot be held to is said with the rule: a text between tags can have any
letters, so that of its schema only an `enum` is enforced.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..formats.values import types_of
from .compiling import Compiler
from .lexicon import literal
from .schemas import closed, enforced

ANY_NAME = "/[A-Za-z_][A-Za-z0-9_.-]*/"

_PLAIN = frozenset(
    "type properties required additionalProperties $defs definitions $schema $id title description "
    "examples default strict".split()
)
_TEXTS = frozenset("pattern minLength maxLength format not allOf".split())


@dataclass(slots=True)
class Written:
    """A rule, the rules that it needs by name, and what it does not hold a call to."""

    rule: str
    lines: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


class Way(Protocol):
    @property
    def quoted(self) -> tuple[str, str] | None:
        """What stands around a custom tool's input where that is a JSON string, less its end."""

    def arguments(self, schema: Mapping[str, Any], compiler: Compiler, strict: bool) -> Written:
        """Raises `BadGrammar` for a strict schema that cannot be enforced."""

    def text(self, name: str, rule: str, compiler: Compiler) -> str:
        """An argument whose text matches this rule, where it is not quoted."""


@dataclass(frozen=True, slots=True)
class AsJSON:
    quoted: tuple[str, str] = ('{"input": "', "}")

    def arguments(self, schema: Mapping[str, Any], compiler: Compiler, strict: bool) -> Written:
        rule, left_out = enforced(closed(schema), compiler, strict=strict)
        return Written(rule, left_out=[left_out] if left_out else [])

    def text(self, name: str, rule: str, compiler: Compiler) -> str:
        raise NotImplementedError("JSON is quoted")


@dataclass(frozen=True, slots=True)
class AsPython:
    """`key=value, …`, the values as JSON, which Python reads but for a word or two."""

    quoted: tuple[str, str] = ('input="', "")

    def arguments(self, schema: Mapping[str, Any], compiler: Compiler, strict: bool) -> Written:
        found = Written("", left_out=list(_left_out(schema)))
        items = []
        for key, value, needed in _properties(schema):
            rule, left_out = enforced(value, compiler, strict=strict)
            found.left_out += [f"{key}: {left_out}"] if left_out else []
            items.append((f"{json.dumps(key + '=')} {rule}", needed))
        found.rule = _series(items, '", "')
        return found

    def text(self, name: str, rule: str, compiler: Compiler) -> str:
        raise NotImplementedError("a text in Python is quoted")


@dataclass(frozen=True, slots=True)
class InTags:
    """Each value between marks, texts as they are and all else as JSON.

    `opens` has a place for the key, and one for whether the value is a text where a format says
    so. `before` stands before all of them, `behind` behind each.
    """

    opens: str
    closes: str
    before: str = ""
    behind: str = ""
    quoted: None = None

    def arguments(self, schema: Mapping[str, Any], compiler: Compiler, strict: bool) -> Written:
        found = Written("", {"text": _text(self.closes, compiler)}, list(_left_out(schema)))
        items = []
        for key, value, needed in _properties(schema):
            rule = self._item(key, value, compiler, strict, found)
            items.append(rule if needed else f"({rule})?")
        if not items and schema.get("additionalProperties") is not False:
            items.append(f"({self._wrapped(None, 'text', True, compiler)})*")
        found.rule = " ".join([literal(self.before, compiler.lexicon.marks), *items])
        return found

    def text(self, name: str, rule: str, compiler: Compiler) -> str:
        ending = literal(self.closes, compiler.lexicon.marks)
        before = literal(self.before, compiler.lexicon.marks)
        return f"{before} {self._wrapped(name, f'{rule} {ending}', True, compiler)}"

    def _item(self, key: str, value: Any, compiler: Compiler, strict: bool, found: Written) -> str:
        ending = literal(self.closes, compiler.lexicon.marks)
        if _is_text(value):
            if choices := _choices(value):
                rule = f"({' | '.join(map(json.dumps, choices))}) {ending}"
                return self._wrapped(key, rule, True, compiler)
            found.left_out += [f"{key}: {each}" for each in sorted(_TEXTS & value.keys())]
            return self._wrapped(key, "text", True, compiler)
        rule, left_out = enforced(value, compiler, strict=strict)
        found.left_out += [f"{key}: {left_out}"] if left_out else []
        return self._wrapped(key, f"{rule} {ending}", False, compiler)

    def _wrapped(self, key: str | None, rule: str, is_text: bool, compiler: Compiler) -> str:
        marks = compiler.lexicon.marks
        before, after = self.opens.split("{key}")
        after = after.replace("{text}", "true" if is_text else "false")
        name = ANY_NAME if key is None else literal(key, marks)
        behind = literal(self.behind, marks)
        return f"{literal(before, marks)} {name} {literal(after, marks)} {rule} {behind}"


@dataclass(frozen=True, slots=True)
class InBraces:
    """`key:value,…` with marks of their own for quotation, as Gemma writes it."""

    quote: str
    quoted: None = None

    def arguments(self, schema: Mapping[str, Any], compiler: Compiler, strict: bool) -> Written:
        found = Written("", {"text": _text(self.quote, compiler)}, list(_left_out(schema)))
        found.lines["value"] = self._any(compiler)
        found.rule = self._members(schema, compiler, strict, found, "")
        return found

    def text(self, name: str, rule: str, compiler: Compiler) -> str:
        quote = literal(self.quote, compiler.lexicon.marks)
        return f"{json.dumps(name + ':')} {quote} {rule} {quote}"

    def _members(
        self, schema: Mapping[str, Any], compiler: Compiler, strict: bool, found: Written, at: str
    ) -> str:
        items = [
            (f"{json.dumps(key + ':')} {self._value(value, compiler, strict, found, at + key)}", n)
            for key, value, n in sorted(_properties(schema), key=lambda item: item[0])
        ]
        if not items and schema.get("additionalProperties") is not False:
            return f'({ANY_NAME} ":" value ("," {ANY_NAME} ":" value)*)?'
        return _series(items, '","')

    def _value(self, schema: Any, compiler: Compiler, strict: bool, found: Written, at: str) -> str:
        quote = literal(self.quote, compiler.lexicon.marks)
        types = types_of(schema)
        if _is_text(schema):
            if choices := _choices(schema):
                return f"{quote} ({' | '.join(map(json.dumps, choices))}) {quote}"
            found.left_out += [f"{at}: {each}" for each in sorted(_TEXTS & schema.keys())]
            return f"{quote} text"
        if types and types <= {"integer", "number", "boolean", "null"}:
            rule, left_out = enforced(schema, compiler, strict=strict)
            found.left_out += [f"{at}: {left_out}"] if left_out else []
            return rule
        if types == {"object"} and "properties" in schema:
            found.left_out += [f"{at}: {each}" for each in _left_out(schema)]
            return f'"{{" {self._members(schema, compiler, strict, found, at + ".")} "}}"'
        if types == {"array"} and isinstance(schema.get("items"), Mapping):
            item = self._value(schema["items"], compiler, strict, found, at + "[]")
            return f'"[" ({item} ("," {item})*)? "]"'
        found.left_out.append(f"{at}: its type")
        return "value"

    def _any(self, compiler: Compiler) -> str:
        quote = literal(self.quote, compiler.lexicon.marks)
        return (
            f': {quote} text | %json {{"type": ["number", "boolean", "null"]}}'
            f' | "[" (value ("," value)*)? "]"'
            f' | "{{" ({ANY_NAME} ":" value ("," {ANY_NAME} ":" value)*)? "}}"'
        )


def _text(closes: str, compiler: Compiler) -> str:
    """A rule's definition: any text up to this mark, which is part of it."""
    marks = compiler.lexicon.marks
    if closes in marks:  # no text has that token
        return f": /(?s:.)+/? <[{marks[closes]}]>"
    return f"[suffix={json.dumps(closes)}]: /(?s:.*)/"


def _properties(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any, bool]]:
    """Each with its own schema, complete with the definitions, and whether it must be there."""
    properties, required = schema.get("properties"), schema.get("required")
    shared = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
    if not isinstance(properties, Mapping):
        return
    for key, value in properties.items():
        whole = closed_value(value)
        if isinstance(whole, Mapping) and "$ref" in json.dumps(whole):
            whole = {**whole, **shared}
        yield key, whole, isinstance(required, list) and key in required


def closed_value(schema: Any) -> Any:
    if isinstance(schema, Mapping) and schema.get("type") == "object":
        return closed(schema)
    return schema


def _left_out(schema: Mapping[str, Any]) -> Iterator[str]:
    for keyword in schema.keys() - _PLAIN:
        yield f'"{keyword}"'
    if isinstance(schema.get("additionalProperties"), Mapping):
        yield '"additionalProperties"'


def _is_text(schema: Any) -> bool:
    return isinstance(schema, Mapping) and "string" in types_of(schema)


def _choices(schema: Mapping[str, Any]) -> list[str]:
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if not isinstance(values, list):
        return []
    return [value if isinstance(value, str) else json.dumps(value) for value in values]


def _series(items: Sequence[tuple[str, bool]], separator: str) -> str:
    """Items in their order with separators between; those that need not be there may be missing."""

    def rest(start: int) -> str:
        return " ".join(
            f"{separator} {rule}" if needed else f"({separator} {rule})?"
            for rule, needed in items[start:]
        )

    ways = []
    for number, (rule, needed) in enumerate(items):
        ways.append(f"{rule} {rest(number + 1)}")
        if needed:
            break
    else:
        ways.append('""')
    return f"({' | '.join(ways)})"
