"""API keys of clients: `Authorization: Bearer KEY` or `x-api-key: KEY`."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..canon.errors import Unauthenticated
from .call import EVERYBODY

if TYPE_CHECKING:
    from pydantic import SecretStr


class Keys:
    """Lets everybody in where no key is configured. Compares digests, in constant time."""

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        self._digests = [_digest(key.get_secret_value()) for key in keys]

    def check(self, headers: Mapping[str, str]) -> str:
        """Whose request it is; raises `Unauthenticated` for one without one of the keys.

        Each key is a tenant of its own. Its name tells nothing of the key.
        """
        if not self._digests:
            return EVERYBODY
        given = _given(headers)
        if given is None:
            raise Unauthenticated(
                "no API key given; send it as 'Authorization: Bearer KEY' or as 'x-api-key: KEY'"
            )
        digest = _digest(given)
        # Compare with every key, so that time does not tell which one was near.
        if not sum(hmac.compare_digest(digest, known) for known in self._digests):
            raise Unauthenticated("the API key is not one of this stack's keys")
        return hashlib.sha256(b"tenant " + digest).hexdigest()[:32]


def _given(headers: Mapping[str, str]) -> str | None:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    return headers.get("x-api-key") or None


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
