"""Calls about an answer that is kept nowhere here: an upstream may have kept it.

An answer that passed through bears its upstream's own id, which tells nothing of where it came
from. So such a call goes on only where there is one provider that it can have been.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ..contract.api import Api, Operation
from ..contract.provider import NativeCall, Provider
from .call import Call
from .forwarding import passed_on
from .registry import Target

# An id goes into the path of a call that bears our key: nothing that could lead elsewhere.
_ID = re.compile(r"[A-Za-z0-9_-]{1,256}")


def keeper(
    api: Api, targets: Iterable[Target], providers: Mapping[str, Provider]
) -> Provider | None:
    """The only provider that speaks a protocol itself; None where there is none, or several."""
    known = {target.provider.name for target in targets if api.name in target.model.native}
    known |= {name for name, provider in providers.items() if _takes_any(provider, api)}
    return providers[known.pop()] if len(known) == 1 else None


def _takes_any(provider: Provider, api: Api) -> bool:
    """Whether it would try a model of any name, and speaks the protocol to it."""
    model = provider.offer("any")
    return model is not None and api.name in model.native


def asked(api: Api, operation: Operation, call: Call) -> NativeCall | None:
    """The same call for an upstream; None for a name that cannot be one of its ids."""
    if not _ID.fullmatch(call.item):
        return None
    body = call.body if isinstance(call.body, bytes) else b""
    return passed_on(api, operation, call, body, "stream=true" in call.query.split("&"))
