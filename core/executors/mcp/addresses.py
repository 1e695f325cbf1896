"""Which addresses of tool servers a client may name: those that the operator's patterns allow.

A pattern is an address whose host and path may hold `*`, for any characters: in a host it stands
for names below what follows, and it never reaches from one of the two into the other. Scheme and
port must be the pattern's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from urllib.parse import SplitResult, unquote, urlsplit

_PORTS = {"http": 80, "https": 443}


def check_pattern(pattern: str) -> str | None:
    """What is wrong with a pattern."""
    found = _split(pattern)
    if found is None:
        return f"{pattern!r} is no http or https address"
    if (found.hostname or "").strip("*.") == "":
        return f"{pattern!r} allows every host; name the ones that clients may reach"
    return None


def allowed(url: str, patterns: Iterable[str]) -> bool:
    address = _split(url)
    if address is None or _wild(url):
        return False
    return any(_fits(address, other) for pattern in patterns if (other := _split(pattern)))


def _split(url: str) -> SplitResult | None:
    try:
        found = urlsplit(url)
        _ = found.port
    except ValueError:
        return None
    plain = "@" not in found.netloc and "\\" not in url and url.isprintable() and " " not in url
    return found if plain and found.scheme in _PORTS and found.hostname else None


def _wild(url: str) -> bool:
    """Whether an address means another place than it seems to."""
    path = unquote(urlsplit(url).path)
    return "*" in url or "[" in url or ".." in path.split("/")


def _fits(address: SplitResult, pattern: SplitResult) -> bool:
    return (
        address.scheme == pattern.scheme
        and _port(address) == _port(pattern)
        and fnmatchcase(address.hostname or "", pattern.hostname or "")
        and fnmatchcase(address.path or "/", pattern.path or "/")
    )


def _port(address: SplitResult) -> int:
    return address.port or _PORTS[address.scheme]
