"""`extends:` in a distribution: what it is written on top of, by template's name or by path.

    extends: starter
    extends: [starter, ../shared/keys.yaml]   # the later comes on top of the earlier

Mappings are merged key by key; a list or a single value replaces what was there; `null` removes
a key. What a file writes itself comes first in every mapping, so that its glob aliases are tried
before those below it. Every value keeps the place where it was written. The environment and
`--set` come after the merging.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import TypeAlias

from ..canon.errors import ConfigError
from . import yaml_source
from .faults import fault, shown
from .plugins import Plugins
from .sources import locate, mapping, text_of
from .yaml_source import Node

KEY = "extends"
DEPTH_LIMIT = 16  # files, each of which extends the next
FILE_LIMIT = 64  # files in all

Chain: TypeAlias = tuple[Path, ...]


def extended(tree: Node, path: Path | None, plugins: Plugins) -> Node:
    """A distribution on top of what it extends; one from a mapping, without a path, looks around
    in the working directory.
    """
    chain = () if path is None else (path.resolve(),)
    return _Family(plugins).whole(tree, Path() if path is None else path.parent, chain)


def merged(base: Node, own: Node) -> Node:
    """`own` on top of `base`."""
    if not (isinstance(base.value, dict) and isinstance(own.value, dict)):
        return own
    value: dict[str, Node] = {}
    for key, node in own.value.items():
        below = base.value.get(key)
        if below is None:
            value[key] = node
        elif node.value is not None:
            value[key] = merged(below, node)
    value |= {key: node for key, node in base.value.items() if key not in own.value}
    return replace(own, value=value, keys={**base.keys, **own.keys})


class _Family:
    """The distributions that one stands on, each read once."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins
        self._known: dict[Path, Node] = {}

    def whole(self, tree: Node, folder: Path, chain: Chain) -> Node:
        named = list(_named(tree))
        own = replace(tree, value={k: node for k, node in tree.value.items() if k != KEY})
        parents = [self._parent(node, path, folder, chain) for path, node in named]
        return reduce(merged, [*parents, own])

    def _parent(self, node: Node, at: yaml_source.Path, folder: Path, chain: Chain) -> Node:
        with _blaming(node, at):
            path = locate(node.value, self._plugins, folder)
            identity = path.resolve()
            self._check(identity, chain)
            if identity in self._known:
                return self._known[identity]
            text = text_of(path)
        tree = mapping(text, path)
        self._known[identity] = self.whole(tree, path.parent, (*chain, identity))
        return self._known[identity]

    def _check(self, path: Path, chain: Chain) -> None:
        if path in chain:
            ring = " -> ".join(each.name for each in (*chain[chain.index(path) :], path))
            raise ConfigError(
                f"a distribution cannot extend itself: {ring}; a template's name has no '.yaml'"
            )
        if len(chain) >= DEPTH_LIMIT:
            raise ConfigError(f"more than {DEPTH_LIMIT} distributions, one on top of the other")
        if len(self._known) >= FILE_LIMIT:
            raise ConfigError(f"more than {FILE_LIMIT} distributions to extend")


def _named(tree: Node) -> Iterator[tuple[yaml_source.Path, Node]]:
    """What a distribution extends, each with its path in the tree."""
    node = tree.child(KEY)
    if node is None:
        return
    if not isinstance(node.value, list):
        yield _checked(tree, (KEY,), node)
        return
    seen = set()
    for i, item in enumerate(node.value):
        yield _checked(tree, (KEY, i), item)
        if item.value in seen:
            raise fault(item, (KEY, i), f"{item.value!r} stands here twice; remove one")
        seen.add(item.value)


def _checked(tree: Node, path: yaml_source.Path, node: Node) -> tuple[yaml_source.Path, Node]:
    if not isinstance(node.value, str | Path) or not str(node.value):
        wanted = "must be a template's name or a path, or a list of them"
        raise fault(node, path, f"{wanted}, not {shown(tree, path)}")
    if "${" in str(node.value):
        raise fault(node, path, "is read before the environment; write a name or a path")
    return path, node


@contextmanager
def _blaming(node: Node, path: yaml_source.Path) -> Iterator[None]:
    """What keeps a distribution from being read is a fault of the line that names it."""
    try:
        yield
    except ConfigError as error:
        raise fault(node, path, error.message) from None
