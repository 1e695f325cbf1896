"""GBNF, the grammars of llama.cpp, in the form of Lark that the compiler takes.

Where no rule leads back to itself all of them are one regular expression, which costs the least.
Else literals and classes are matched character by character, as llama.cpp does it: the compiler's
own terminals take as much as they can, and would leave `"a"* "ab"` nothing to go on with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .compiling import BadGrammar

NESTED = 200  # rules that are written out where they are used
LONG = 32 << 10  # characters of what they become

DEPTH = 100  # groups inside of one another
REPEATED = 2000  # llama.cpp's own limit of a repetition

_NAME = re.compile("<([^<>]+)>")
_TOKEN = re.compile(
    r"""
      (?P<space>[ \t]+) | (?P<comment>\#[^\r\n]*) | (?P<newline>\r\n?|\n)
    | (?P<is>::=) | (?P<name>[A-Za-z0-9_-]+)
    | (?P<literal>"(?:[^"\\]|\\.)*") | (?P<class>\[(?:[^]\\]|\\.)*\])
    | \{\s*(?P<least>\d+)\s*(?P<more>,\s*(?P<most>\d*)\s*)?\}
    | (?P<mark>[*+?|().])
    """,
    re.VERBOSE | re.DOTALL,
)
_CHARACTER = re.compile(
    r"""\\x(?P<x>[0-9a-fA-F]{2}) | \\u(?P<u>[0-9a-fA-F]{4}) | \\U(?P<U>[0-9a-fA-F]{8})
    | \\(?P<escape>[nrt"\\\[\]-]) | (?P<plain>[^\\])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_REPEATS = ("*", "+", "?")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int
    found: re.Match[str]


def lark(text: str, *, flat: bool = True) -> str:
    """The same language, with the rule `start` for `root`. Raises `BadGrammar`.

    `flat` makes it one regular expression where it can be.
    """
    rules = _Reader(text).rules()
    if flat and (whole := _Flat(rules).regex("root")) is not None:
        return f"start: /{whole}/"
    numbers = {name: f"r{number}" for number, name in enumerate(rules)}
    lines = [f"{numbers[name]}: {rule}" for name, rule in rules.items()]
    written = "\n".join([f"start: {numbers['root']}", *lines])
    return _NAME.sub(lambda name: numbers[name[1]], written)


class _Flat:
    """Rules written out where they are used."""

    def __init__(self, rules: Mapping[str, str]) -> None:
        self._rules = rules
        self._done: dict[str, str | None] = {}

    def regex(self, name: str) -> str | None:
        """None for what leads back to itself, or becomes too long."""
        if name not in self._done:
            self._done[name] = None  # as long as it is being written out
            if len(self._done) <= NESTED:
                self._done[name] = self._written(self._rules[name])
        return self._done[name]

    def _written(self, rule: str) -> str | None:
        pieces, size = _NAME.split(rule), 0
        for at in range(1, len(pieces), 2):
            inside = self.regex(pieces[at])
            size += len(inside or "")
            if inside is None or size > LONG:
                return None
            pieces[at] = f"({inside})"
        plain = (_plain(piece) if at % 2 == 0 else piece for at, piece in enumerate(pieces))
        return "".join(plain)


def _plain(rule: str) -> str:
    """The marks of Lark taken from between its terminals."""
    return rule.replace('""', "").replace("/", "").replace(" ", "")


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = [token for token in _tokens(text) if token.kind not in ("space", "comment")]
        self._at = 0
        self._used: dict[str, int] = {}  # the line that each name is first used in

    def rules(self) -> dict[str, str]:
        """In Lark's words, but for the names of rules, which stand in angle brackets."""
        rules: dict[str, str] = {}
        while self._skipped_lines():
            name = self._take("name", "the name of a rule").text
            self._take("is", f"::= behind {name!r}")
            self._skipped_lines()
            rules[name] = self._alternatives(0)
            if self._next is not None:
                self._take("newline", "the end of the line")
        if "root" not in rules:
            raise BadGrammar("there is no rule 'root'")
        for name, line in self._used.items():
            if name not in rules:
                raise BadGrammar(f"line {line}: there is no rule {name!r}")
        return rules

    # Tokens --------------------------------------------------------------------------------------

    @property
    def _next(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, kind: str, wanted: str) -> _Token:
        token = self._next
        if token is None or token.kind != kind:
            raise self._wrong(f"expected {wanted}")
        self._at += 1
        return token

    def _takes(self, text: str) -> bool:
        found = self._next is not None and self._next.text == text
        self._at += found
        return found

    def _skipped_lines(self) -> bool:
        """Whether anything is left behind the ends of lines."""
        while self._next is not None and self._next.kind == "newline":
            self._at += 1
        return self._next is not None

    def _wrong(self, problem: str) -> BadGrammar:
        token = self._next
        if token is None:
            return BadGrammar(f"{problem}, not the end of the grammar")
        return BadGrammar(f"line {token.line}: {problem}, not {token.text[:40]!r}")

    # Rules ---------------------------------------------------------------------------------------

    def _alternatives(self, depth: int) -> str:
        if depth > DEPTH:
            raise BadGrammar(f"its groups are nested more than {DEPTH} deep")
        found = [self._sequence(depth)]
        while self._takes("|"):
            self._skipped_lines()
            found.append(self._sequence(depth))
        return " | ".join(found)

    def _sequence(self, depth: int) -> str:
        items: list[str] = []
        while (item := self._item(depth)) is not None:
            while (repeats := self._repetition(depth)) is not None:
                item = f"({item}){repeats}"
            items.append(item)
        return " ".join(items) or '""'

    def _item(self, depth: int) -> str | None:
        if depth:
            self._skipped_lines()
        token = self._next
        if token is None or token.text in ("|", ")") or token.kind in ("newline", "is"):
            return None
        self._at += 1
        match token.kind:
            case "name":
                self._used.setdefault(token.text, token.line)
                return f"<{token.text}>"
            case "literal":
                return "(" + (" ".join(map(_single, _characters(token))) or '""') + ")"
            case "class":
                return _class(token)
        match token.text:
            case ".":
                return "/(?s:.)/"
            case "(":
                inside = self._alternatives(depth + 1)
                self._skipped_lines()
                self._take_closing()
                return f"({inside})"
        self._at -= 1
        raise self._wrong("expected a name, a text, a class or a group")

    def _take_closing(self) -> None:
        if not self._takes(")"):
            raise self._wrong("expected ')'")

    def _repetition(self, depth: int) -> str | None:
        if depth:
            self._skipped_lines()
        token = self._next
        if token is None or (token.text not in _REPEATS and token.kind != "times"):
            return None
        self._at += 1
        if token.kind == "mark":
            return token.text
        least, most = int(token.found["least"]), token.found["most"]
        if max(least, int(most or 0)) > REPEATED:
            raise BadGrammar(f"line {token.line}: {token.text} repeats more than {REPEATED} times")
        return f"{{{least},{most}}}" if token.found["more"] else f"{{{least}}}"


def _tokens(text: str) -> Iterator[_Token]:
    at, line = 0, 1
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise BadGrammar(f"line {line}: {text[at : at + 20]!r} is nothing that GBNF has here")
        kind = "times" if found["least"] else found.lastgroup
        assert kind is not None
        yield _Token(kind, found[0], line, found)
        line += len(re.findall(r"\r\n?|\n", found[0]))
        at = found.end()


# Characters --------------------------------------------------------------------------------------


def _characters(token: _Token, start: int = 1) -> Iterator[int]:
    """What stands between the token's quotation marks or brackets, unescaped."""
    at, end = start, len(token.text) - 1
    while at < end:
        number, at = _character(token, at)
        yield number


def _character(token: _Token, at: int) -> tuple[int, int]:
    found = _CHARACTER.match(token.text, at, len(token.text) - 1)
    if found is None:
        raise BadGrammar(f"line {token.line}: unknown escape {token.text[at : at + 2]!r}")
    if plain := found["plain"]:
        return ord(plain), found.end()
    if escape := found["escape"]:
        return ord(_ESCAPED.get(escape, escape)), found.end()
    number = int(found["x"] or found["u"] or found["U"], 16)
    if number > 0x10FFFF or 0xD800 <= number < 0xE000:
        raise BadGrammar(f"line {token.line}: {found[0]} is no character")
    return number, found.end()


def _single(character: int) -> str:
    return f"/\\u{{{character:x}}}/"


def _class(token: _Token) -> str:
    """A class of characters, in numbers: nothing in it can be taken for an operator."""
    negated = token.text.startswith("[^")
    at, end = 2 if negated else 1, len(token.text) - 1
    members: list[str] = []
    while at < end:
        first, at = _character(token, at)
        member = f"\\u{{{first:x}}}"
        if token.text[at] == "-" and at + 1 < end:
            last, at = _character(token, at + 1)
            if last < first:
                raise BadGrammar(f"line {token.line}: a range in {token.text[:40]} ends early")
            member += f"-\\u{{{last:x}}}"
        members.append(member)
    if members:
        return f"/[{'^' * negated}{''.join(members)}]/"
    if negated:
        return "/(?s:.)/"
    raise BadGrammar(f"line {token.line}: the class [] has no characters")
