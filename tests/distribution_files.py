"""A small valid distribution, and plugins of which only the metadata exists."""

from __future__ import annotations

from importlib import metadata

from polystack.core.runtime.plugins import Plugins

MINIMAL = """\
version: 1
name: demo
apis: [chat]
providers:
  here: {type: quiet}
models:
  small: {provider: here}
"""


def metadata_only(*names: str) -> Plugins:
    """Plugins that could not be loaded: a test that passes has loaded none."""
    names = names or ("api.chat", "api.messages", "provider.quiet", "distribution.starter")
    return Plugins(metadata.EntryPoint(name, "nowhere", "polystack") for name in names)
