"""YAML text as a tree that knows where each of its values was written.

The dialect is YAML 1.2's core schema without what configuration never needs: no tags, one
document, text keys, no key twice, and limits on size, depth and what aliases expand to. So `NO`
is text and `0o17` is a number. A mapping from a program makes the same tree, without lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from ..canon.errors import ConfigError

BYTE_LIMIT = 1 << 20
NODE_LIMIT = 10_000
DEPTH_LIMIT = 64

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written; the command line and library mode have no lines."""

    source: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Node:
    """A value in its place: a dict or a list of nodes, or a scalar.

    `written` is the text before the environment went in, where it did; `secret` marks a value
    that the environment gave, and no error shows it.
    """

    value: Any
    place: Place
    keys: Mapping[str, Place] = field(default_factory=dict)
    written: str | None = None
    secret: bool = False

    def plain(self) -> Any:
        match self.value:
            case dict():
                return {key: child.plain() for key, child in self.value.items()}
            case list():
                return [child.plain() for child in self.value]
            case scalar:
                return scalar

    def child(self, piece: str | int) -> Node | None:
        match self.value:
            case dict():
                return self.value.get(piece)
            case list() if isinstance(piece, int) and 0 <= piece < len(self.value):
                found: Node = self.value[piece]
                return found
            case _:
                return None

    def at(self, path: Path) -> Node | None:
        node: Node | None = self
        for piece in path:
            node = node.child(piece) if node else None
        return node

    def walk(self, path: Path = ()) -> Iterator[tuple[Path, Node]]:
        yield path, self
        pieces: Iterable[str | int] = self.value if isinstance(self.value, dict) else ()
        if isinstance(self.value, list):
            pieces = range(len(self.value))
        for piece in pieces:
            yield from self.value[piece].walk((*path, piece))

    def replaced(self, path: Path, node: Node) -> Node:
        """A copy with another node at the path; what lies between must be mappings."""
        if not path:
            return node
        piece, *rest = path
        child = self.value.get(piece) or Node({}, node.place)
        value = {**self.value, piece: child.replaced(tuple(rest), node)}
        key = self.keys.get(str(piece), node.place) if rest else node.place
        return replace(self, value=value, keys={**self.keys, str(piece): key})


def parse(text: str, source: str, *, lines: bool = True) -> Node:
    """The one document in the text; raises `ConfigError` with its line and column."""
    return _Builder(source, lines).build(text)


def from_mapping(value: object, source: str) -> Node:
    """A program's own mapping as a tree; scalars of any type stay what they are."""
    return _from_value(value, Place(source), 0)


def _from_value(value: object, place: Place, depth: int) -> Node:
    if depth > DEPTH_LIMIT:
        raise ConfigError(f"{place}: nested deeper than {DEPTH_LIMIT} levels")
    match value:
        case Mapping():
            for key in value:
                if not isinstance(key, str):
                    raise ConfigError(f"{place}: the key {key!r} is not text")
            children = {key: _from_value(child, place, depth + 1) for key, child in value.items()}
            return Node(children, place, dict.fromkeys(children, place))
        case Sequence() if not isinstance(value, str | bytes):
            return Node([_from_value(child, place, depth + 1) for child in value], place)
        case _:
            return Node(value, place)


# -- plain scalars: YAML 1.2, section 10.3.2 ------------------------------------------------------

_SCALARS: tuple[tuple[re.Pattern[str], Callable[[str], Any]], ...] = (
    (re.compile(r"|~|null|Null|NULL"), lambda text: None),
    (re.compile(r"true|True|TRUE"), lambda text: True),
    (re.compile(r"false|False|FALSE"), lambda text: False),
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0o[0-7]+"), lambda text: int(text, 8)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text, 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)"), lambda text: float(text.replace(".", ""))),
    (re.compile(r"\.(nan|NaN|NAN)"), lambda text: float("nan")),
)


def _scalar(text: str) -> Any:
    for pattern, convert in _SCALARS:
        if pattern.fullmatch(text):
            return convert(text)
    return text


# -- the tree, from the parser's events -----------------------------------------------------------


@dataclass(slots=True)
class _Open:
    """A mapping or a list whose end has not come yet."""

    place: Place
    anchor: str | None
    nodes_before: int
    value: dict[str, Node] | list[Node]
    keys: dict[str, Place] = field(default_factory=dict)
    key: str | None = None
    height: int = 0


@dataclass(slots=True)
class _Anchored:
    """What an alias stands for; None while its own end has not come."""

    node: Node | None = None
    size: int = 0
    height: int = 0


class _Builder:
    """Builds from events and not by recursion, so that a limit stops a bomb as it is read."""

    def __init__(self, source: str, lines: bool) -> None:
        self.source = source
        self.lines = lines
        self.open: list[_Open] = []
        self.anchors: dict[str, _Anchored] = {}
        self.nodes = 0
        self.root: Node | None = None
        self.last = Place(source)

    def build(self, text: str) -> Node:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError
        from ruamel.yaml.reader import ReaderError

        try:
            # The parser of `safe` keeps no comments, which makes it faster than the round-trip one.
            for event in YAML(typ="safe", pure=True).parse(text):
                self.take(event)
        except MarkedYAMLError as error:
            said = ", ".join(filter(None, [error.context, error.problem]))
            raise self.error(self.place(error.problem_mark), f"not YAML: {said}") from None
        except ReaderError as error:
            line = text.count("\n", 0, error.position)
            column = error.position - (text.rfind("\n", 0, error.position) + 1)
            place = Place(self.source, line + 1, column + 1) if self.lines else Place(self.source)
            raise self.error(place, f"not YAML: {error.reason}") from None
        except (ValueError, OverflowError) as error:  # an escape or a number beyond all bounds
            raise self.error(self.last, f"not YAML: {error}") from None
        if self.root is None:
            raise self.error(Place(self.source), "the file is empty; it must hold a mapping")
        return self.root

    def take(self, event: Any) -> None:
        self.last = self.place(event.start_mark)
        match type(event).__name__:
            case "DocumentStartEvent":
                if self.root is not None:
                    raise self.error(self.last, "a second document begins; one file holds one")
            case "ScalarEvent":
                self.check_tag(event)
                self.scalar(event)
            case "AliasEvent":
                self.alias(event.anchor)
            case "MappingStartEvent" | "SequenceStartEvent" as name:
                self.check_tag(event)
                self.begin({} if name == "MappingStartEvent" else [], event.anchor)
            case "MappingEndEvent" | "SequenceEndEvent":
                self.end()

    def scalar(self, event: Any) -> None:
        self.count(1)
        value = _scalar(event.value) if event.implicit[0] else event.value
        node = Node(value, self.before_nothing() if value is None else self.last)
        if event.anchor:
            self.anchors[event.anchor] = _Anchored(node, 1)
        self.add(node, 0)

    def before_nothing(self) -> Place:
        """An empty value is where its key is; the parser only sees it at the next token."""
        parent = self.open[-1] if self.open else None
        return parent.keys[parent.key] if parent and parent.key is not None else self.last

    def alias(self, name: str) -> None:
        anchored = self.anchors.get(name)
        if anchored is None:
            raise self.error(self.last, f"the alias *{name} has no anchor above it")
        if anchored.node is None:
            raise self.error(self.last, f"the alias *{name} stands within what it stands for")
        self.count(anchored.size)
        self.add(anchored.node, anchored.height)

    def begin(self, value: dict[str, Node] | list[Node], anchor: str | None) -> None:
        self.check_depth(1)
        self.check_key_position()
        self.open.append(_Open(self.last, anchor, self.nodes, value))
        self.count(1)
        if anchor:
            self.anchors[anchor] = _Anchored()

    def end(self) -> None:
        done = self.open.pop()
        node = Node(done.value, done.place, done.keys)
        if done.anchor:
            size = self.nodes - done.nodes_before
            self.anchors[done.anchor] = _Anchored(node, size, done.height)
        self.add(node, done.height)

    def add(self, node: Node, height: int) -> None:
        self.check_depth(height)
        if not self.open:
            self.root = node
            return
        parent = self.open[-1]
        parent.height = max(parent.height, height + 1)
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif parent.key is None:
            self.key(parent, node)
        else:
            parent.value[parent.key] = node
            parent.key = None

    def key(self, parent: _Open, node: Node) -> None:
        if not isinstance(node.value, str):
            raise self.error(self.last, f"the key {node.value!r} is not text; put it in quotes")
        if node.value in parent.keys:
            first = parent.keys[node.value]
            where = f", first in line {first.line}" if first.line else ""
            raise self.error(self.last, f"the key {node.value[:60]!r} stands here twice{where}")
        if "${" in node.value:
            raise self.error(self.last, "environment values can be values, never keys")
        parent.key = node.value
        parent.keys[node.value] = self.last

    def check_key_position(self) -> None:
        parent = self.open[-1] if self.open else None
        if parent and isinstance(parent.value, dict) and parent.key is None:
            raise self.error(self.last, "a key must be text, not a mapping or a list")

    def check_tag(self, event: Any) -> None:
        if event.tag is not None:
            raise self.error(self.last, "tags have no meaning here; put text in quotes instead")

    def check_depth(self, height: int) -> None:
        if len(self.open) + height > DEPTH_LIMIT:
            raise self.error(self.last, f"nested deeper than {DEPTH_LIMIT} levels")

    def count(self, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > NODE_LIMIT:
            raise self.error(self.last, f"more than {NODE_LIMIT} values, aliases expanded")

    def place(self, mark: Any) -> Place:
        if not self.lines or mark is None:
            return Place(self.source)
        return Place(self.source, mark.line + 1, mark.column + 1)

    def error(self, place: Place, problem: str) -> ConfigError:
        return ConfigError(f"{place}: {problem}")
