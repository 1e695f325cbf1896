"""Remote servers that speak one or more of the protocols: OpenAI- and Anthropic-compatible.

`Remote` is the base; the presets are subclasses that only differ in their defaults, and a third
party's provider can be one more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...core.contract.hookspecs import hookimpl
from ...core.contract.provider import Provider

if TYPE_CHECKING:
    from .presets import Preset
    from .provider import Remote


@hookimpl
def register_providers(register: Callable[[type[Provider]], None]) -> None:
    from .presets import PRESETS

    for preset in PRESETS:
        register(provider_of(preset))


def provider_of(preset: Preset) -> type[Remote]:
    """The provider class of a preset: `Remote` under another name and with other defaults."""
    from .preset_config import config_of
    from .provider import Remote

    return type(
        f"Remote[{preset.type}]",
        (Remote,),
        {"__doc__": preset.title, "type": preset.type, "Config": config_of(preset)},
    )
