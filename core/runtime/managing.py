"""The paths under `/stack/`: a running stack's own, which belong to no protocol.

    GET  /stack/models                what there is, and what of it is in memory
    POST /stack/models/{name}/load    bring it in, and answer when it is there
    POST /stack/models/{name}/unload  let it go

The answer to the latter two is the model as it is then. An error is an object `error` with a
`type`, a `message` and perhaps a `code`.
"""

from __future__ import annotations

import logging

from ..canon.errors import MethodNotAllowed, NotFound, StackError
from ..contract.api import Document
from .call import Reply
from .stack import Stack

logger = logging.getLogger("polystack")

PREFIX = "/stack/"
MODELS = "/stack/models"


async def manage(stack: Stack, method: str, path: str) -> Reply:
    """Answer one call, whoever makes it; an error is an answer, too."""
    try:
        return Reply(200, {}, await _done(stack, method, path))
    except StackError as error:
        return refused(error)
    except Exception:
        logger.exception("a request failed")
        return refused(StackError("internal error; see the server's log"))


async def _done(stack: Stack, method: str, path: str) -> Document:
    if path == MODELS:
        _only("GET", method, path)
        return stack.models()
    name, _, verb = path.removeprefix(f"{MODELS}/").rpartition("/")
    verbs = {"load": stack.load_model, "unload": stack.unload_model}
    if not name or verb not in verbs or not path.startswith(f"{MODELS}/"):
        raise NotFound(f"{path} is not served here; there is {MODELS}, and {MODELS}/NAME/load")
    _only("POST", method, path)
    return await verbs[verb](name)


def _only(served: str, method: str, path: str) -> None:
    if method != served:
        raise MethodNotAllowed(f"{method} {path} is not served; use {served}")


def refused(error: StackError) -> Reply:
    told = {"type": error.kind, "message": error.message}
    if error.code is not None:
        told["code"] = error.code
    wait = error.retry_after
    headers = {} if wait is None else {"retry-after": str(max(1, round(wait)))}
    return Reply(error.status, headers, {"error": told})
