"""A call's body, read no more than its route needs.

What passes through is only scanned for its top level; what is translated is decoded whole. A
glance at the bytes guesses which of the two will be wanted, so that most bodies are read once;
the guess decides nothing else.
"""

from __future__ import annotations

import re
from functools import cached_property

import orjson

from ..canon import ir
from ..contract.api import Api, Operation
from . import body as json_body
from .call import Call
from .scan import Scan, scan

_MODEL = re.compile(rb'"model"\s*:\s*"([^"\\]{1,256})"')


class Asked:
    def __init__(self, api: Api, operation: Operation, call: Call, max_depth: int) -> None:
        self._api = api
        self._operation = operation
        self._body = call.body
        self._max_depth = max_depth

    @cached_property
    def raw(self) -> bytes:
        return self._body if isinstance(self._body, bytes) else orjson.dumps(self._body)

    def guess(self) -> str | None:
        """What is probably the model's name."""
        found = _MODEL.search(self.raw)
        return found[1].decode("utf-8", "replace") if found else None

    @cached_property
    def scanned(self) -> Scan:
        return scan(self.raw, self._max_depth)

    @cached_property
    def request(self) -> ir.Request:
        document: object = self._body
        if isinstance(self._body, bytes):
            document = json_body.parse(self._body, self._max_depth)
        return self._api.decode(document, self._operation.name)

    def read(self, scanning: bool) -> None:
        """Read the body in one of the two ways; raises `InvalidRequest`."""
        if scanning:
            self.scanned  # noqa: B018 (cached)
        else:
            self.request  # noqa: B018

    @property
    def model(self) -> str | None:
        """The name asked for, by whichever reading there has been."""
        if "scanned" in self.__dict__:
            name = self.scanned.model
            if name is None or isinstance(name, str):
                return name
        return self.request.model  # which refuses a name that is no text, in the API's own words
