"""`${env.X}` in the values of a distribution, filled in after parsing.

    ${env.X}            the variable X, which must be set
    ${env.X:=default}   X, or the default
    ${env.X:+value}     `value` if X is set, and else nothing
    $$                  a dollar sign

As in a shell, a variable that is empty counts as not set. What is put in is not looked at again,
and stays text until the field that it is for says what it must be.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from .faults import fault
from .yaml_source import Node, Path

_REFERENCE = re.compile(
    r"\$\$|\$\{env\.(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::(?P<if>[=+])(?P<text>[^{}]*))?\}|\$\{"
)
_FORMS = "${env.NAME}, ${env.NAME:=default} or ${env.NAME:+value}, and $${ for a literal ${"


def substitute(
    node: Node, env: Mapping[str, str], path: Path = (), *, skip: Collection[Path] = ()
) -> Node:
    """The tree with the environment in its text values, but for the paths to skip."""
    if path in skip:
        return node

    def inside(child: Node, piece: str | int) -> Node:
        return substitute(child, env, (*path, piece), skip=skip)

    match node.value:
        case dict() as children:
            return replace(node, value={key: inside(child, key) for key, child in children.items()})
        case list() as items:
            return replace(node, value=[inside(item, i) for i, item in enumerate(items)])
        case str() if "$" in node.value:
            return _fill(node, env, path)
        case _:
            return node


def _fill(node: Node, env: Mapping[str, str], path: Path) -> Node:
    secret = False

    def put(match: re.Match[str]) -> str:
        nonlocal secret
        if match[0] == "$$":
            return "$"
        if match["name"] is None:
            raise fault(node, path, f"a ${{ that stands for nothing known; write {_FORMS}")
        value = env.get(match["name"], "")
        if match["if"] == "+":
            return match["text"] if value else ""
        if value:
            secret = secret or value != match["text"]
            return value
        if match["if"] == "=":
            return str(match["text"])
        name = match["name"]
        remedy = f"set it, or give a default: ${{env.{name}:=…}}"
        raise fault(node, path, f"the environment variable {name} is not set; {remedy}")

    return replace(node, value=_REFERENCE.sub(put, node.value), written=node.value, secret=secret)
