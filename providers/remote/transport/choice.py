"""Which transport a provider gets: the direct one wherever it can go."""

from __future__ import annotations

from importlib.util import find_spec

from . import Tls, Transport


def transport(tls: Tls, proxy: str | None) -> Transport:
    if proxy is None and find_spec("httptools") is not None:
        from .direct import Direct

        return Direct(tls)
    from .pooled import Pooled

    return Pooled(tls, proxy)
