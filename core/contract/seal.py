"""Foreign reasoning in a field that a client echoes unread, and out of it again.

What an upstream signed, encrypted or merely thought is needed by that same upstream in the next
turn, and the client's protocol may have no field for it. So it is packed, with the name of the
provider that made it, and encrypted and authenticated by a key: nobody but this stack can make a
seal or read one, and a client that changes one has made it worthless.

A seal is `pst1.` (its version) and base64url of JSON under zlib under AES-SIV (RFC 5297). That
needs no nonce, so one thought under one key has one seal, and conversations stay the same from turn
to turn. A seal needs no escapes in JSON.
"""

from __future__ import annotations

import binascii
import hashlib
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode

import orjson

from ..canon import ir

PREFIX = "pst1."
LIMIT = 64 << 10  # bytes of one seal
REQUEST_LIMIT = 1 << 20  # bytes of all seals of a request
UNPACKED_LIMIT = 1 << 20  # bytes of one seal's contents
KEY_SIZE = 32

_VERSION = [PREFIX.encode()]


class Sealer:
    """Makes and opens seals with one key of at least `KEY_SIZE` bytes."""

    def __init__(self, key: bytes) -> None:
        if len(key) < KEY_SIZE:
            raise ValueError(f"a key for seals has at least {KEY_SIZE} bytes")
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        self._cipher = AESSIV(hashlib.sha512(key).digest())

    def seal(self, reasoning: ir.Reasoning) -> str | None:
        """The reasoning as a client's field can hold it; None where it is more than a field holds.

        `origin` must name the provider that made it.
        """
        fields = {
            "origin": reasoning.origin,
            "text": reasoning.text or None,
            "summary": list(reasoning.summary) or None,
            "signature": reasoning.signature,
            "sealed": reasoning.sealed,
            "id": reasoning.id,
        }
        given = {name: value for name, value in fields.items() if value is not None}
        payload = zlib.compress(orjson.dumps(given), 6)
        text = _written(self._cipher.encrypt(payload, _VERSION))
        return text if len(text) <= LIMIT else None

    def open(self, text: str) -> ir.Reasoning | None:
        """What a seal holds, with its origin; None where it is none that this key made."""
        if not is_seal(text) or len(text) > LIMIT:
            return None
        from cryptography.exceptions import InvalidTag

        try:
            packed = urlsafe_b64decode(text[len(PREFIX) :])
            payload = self._cipher.decrypt(packed, _VERSION)
        except (binascii.Error, ValueError, InvalidTag):
            return None
        return _unpacked(payload) if text == _written(packed) else None


def is_seal(text: str | None) -> bool:
    return text is not None and text.startswith(PREFIX)


def _written(packed: bytes) -> str:
    # Base64 has several spellings of the same bytes, and takes letters that it does not know.
    return PREFIX + urlsafe_b64encode(packed).decode()


def _unpacked(payload: bytes) -> ir.Reasoning | None:
    unpacker = zlib.decompressobj()
    try:
        fields = orjson.loads(unpacker.decompress(payload, UNPACKED_LIMIT))
    except (zlib.error, ValueError):
        return None
    return ir.Reasoning(
        fields.get("text", ""),
        tuple(fields.get("summary", ())),
        fields.get("signature"),
        fields.get("sealed"),
        fields.get("origin"),
        fields.get("id"),
    )
