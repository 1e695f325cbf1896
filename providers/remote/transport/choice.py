"""Which transport a provider gets."""

from __future__ import annotations

from . import Tls, Transport


def transport(tls: Tls, proxy: str | None) -> Transport:
    from .pooled import Pooled

    return Pooled(tls, proxy)
