"""Which plugins are installed, as the metadata of their packages tells it; imports none of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata

GROUP = "polystack"  # of entry points


@dataclass(frozen=True, slots=True)
class Plugin:
    """One entry point, as its package's metadata tells it."""

    kind: str
    type: str
    package: str
    version: str
    value: str

    def __str__(self) -> str:
        return (
            f"plugin '{self.kind}.{self.type}' ({self.value}, from {self.package} {self.version})"
        )


class Census:
    """Who is installed, in order, and what of it is unusable."""

    def __init__(self, given: Iterable[metadata.EntryPoint] | None = None) -> None:
        self.broken: list[str] = []
        found = {}
        for entry_point in self._installed() if given is None else given:
            if plugin := self._plugin(entry_point):
                found[plugin] = entry_point
        order = sorted(found, key=lambda plugin: (plugin.kind, plugin.type, plugin.package))
        self.plugins = {plugin: found[plugin] for plugin in order}

    def _plugin(self, entry_point: metadata.EntryPoint) -> Plugin | None:
        package, version = _origin(entry_point)
        kind, _, type = entry_point.name.partition(".")
        if kind and type:
            return Plugin(kind, type, package, version, entry_point.value)
        self.broken.append(
            f"entry point {entry_point.name!r} of {package} {version} is not named kind.type "
            "(as in provider.mine), so nothing can use it"
        )
        return None

    def _installed(self) -> Iterable[metadata.EntryPoint]:
        try:
            return metadata.entry_points(group=GROUP)
        except Exception:  # one damaged package; it must not hide the others
            return self._one_by_one()

    def _one_by_one(self) -> Iterator[metadata.EntryPoint]:
        seen = set()
        for dist in metadata.distributions():
            try:
                name, ours = dist.name, dist.entry_points.select(group=GROUP)
            except Exception as error:
                self.broken.append(f"the metadata at {dist.locate_file('')} is damaged: {error}")
                continue
            if name not in seen:  # the first on the path is the one that imports
                seen.add(name)
                yield from ours


def _origin(entry_point: metadata.EntryPoint) -> tuple[str, str]:
    dist = entry_point.dist
    if dist is None:
        return entry_point.value.partition(":")[0].partition(".")[0], "unknown"
    return dist.name, dist.version
