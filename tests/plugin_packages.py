"""Third-party packages on disk, as pip would have left them: metadata and one module."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from polystack.core.runtime.plugins import Plugins

PROVIDER = '''
"""A provider that says nothing.

More about it.
"""
from pydantic import BaseModel
from polystack.core import Provider, hookimpl

class Quiet(Provider):
    type = "quiet"

    class Config(BaseModel):
        model_config = {"extra": "forbid"}
        pin: int = 0

    async def models(self):
        return []

@hookimpl
def register_providers(register):
    register(Quiet)
'''


def install(
    site: Path, package: str, entry_points: str, source: str | None, version: str = "1.0"
) -> None:
    info = site / f"{package}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\nSummary: About {package}\n"
    )
    (info / "entry_points.txt").write_text(f"[polystack]\n{entry_points}\n")
    if source is not None:
        (site / f"{package}.py").write_text(source)


def plugins_at(site: Path) -> Plugins:
    """The plugins of the packages in one folder, and no others."""
    found = [
        entry_point
        for dist in metadata.distributions(path=[str(site)])
        for entry_point in dist.entry_points
    ]
    return Plugins(found)
