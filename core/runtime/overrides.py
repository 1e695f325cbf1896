"""`--set key=value`: one value of a distribution, written over from the command line."""

from __future__ import annotations

import re

from ..canon.errors import ConfigError
from .faults import dotted
from .yaml_source import Node, Place, parse

_PIECE = re.compile(r'"([^"]+)"|([^."=\s]+)')


def override(tree: Node, text: str) -> Node:
    """The tree with one value replaced or added; the value is YAML, as in the file."""
    key, value = _split(text)
    label = f"--set {dotted(key)}"
    _check(tree, key, label)
    node = parse(value, label, lines=False) if value.strip() else Node(None, Place(label))
    return tree.replaced(key, node)


def _split(text: str) -> tuple[tuple[str, ...], str]:
    pieces, at = [], 0
    while match := _PIECE.match(text, at):
        pieces.append(match[1] or match[2])
        at = match.end()
        if text[at : at + 1] != ".":
            break
        at += 1
    if not match or text[at : at + 1] != "=":
        # The value may be a secret: what is shown ends before it.
        raise ConfigError(
            f"--set {text.partition('=')[0]!r}: not of the form key=value; write dotted keys, and "
            "names that hold dots in quotes, as in 'aliases.\"gpt-4.1\"=tiny'"
        )
    return tuple(pieces), text[at + 1 :]


def _check(tree: Node, key: tuple[str, ...], label: str) -> None:
    """What lies on the way must be mappings, or not be there."""
    for end in range(len(key)):
        node = tree.at(key[:end])
        if node is not None and not isinstance(node.value, dict):
            what = "a list" if isinstance(node.value, list) else "a single value"
            raise ConfigError(f"{label}: {dotted(key[:end])} is {what}; set it as a whole")
