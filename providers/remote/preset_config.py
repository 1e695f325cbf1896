"""The configuration of a preset: the same fields with other defaults."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, create_model, model_validator

from .config import RemoteConfig
from .presets import Preset


def config_of(preset: Preset) -> type[RemoteConfig]:
    defaults = {
        "base_url": preset.base_url,
        "native": list(preset.native),
        "traits": preset.traits,
        "timeouts": preset.timeouts,
    }
    fields: dict[str, Any] = {
        name: (RemoteConfig.model_fields[name].annotation, value)
        for name, value in defaults.items()
        if value is not None
    }
    return create_model(
        "RemoteConfig",
        __base__=RemoteConfig,
        __validators__={"_of_host": model_validator(mode="before")(_of_host(preset))},  # type: ignore[dict-item]
        **fields,
    )


def _of_host(preset: Preset) -> Any:
    def fill(cls: type[RemoteConfig], given: Any) -> Any:
        """What the vendor at this address needs, under what the distribution says itself."""
        if not isinstance(given, dict):
            return given
        address = given.get("base_url", preset.base_url)
        host = urlsplit(address).hostname if isinstance(address, str) else None
        filled = {**preset.hosts.get(host or "", {}), **given}
        for section in ("traits", "timeouts"):
            named = given.get(section, {})
            if isinstance(named, dict):
                filled[section] = _section(preset, host, section) | named
        return filled

    return fill


def _section(preset: Preset, host: str | None, name: str) -> dict[str, Any]:
    """The preset's part of a section, so that naming one field of it leaves the others alone."""
    own = preset.hosts.get(host or "", {}).get(name)
    default: BaseModel = getattr(preset, name)
    return dict(default.model_dump(exclude_defaults=True) if own is None else own)
