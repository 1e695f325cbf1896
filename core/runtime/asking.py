"""A call's body, read no more than its route needs.

What passes through is only scanned for its top level; what is translated is decoded whole. A
glance at the bytes guesses which of the two will be wanted, so that most bodies are read once;
the guess decides nothing else.
"""

from __future__ import annotations

import re

import orjson

from ..canon import ir
from ..canon.errors import InvalidRequest
from ..contract.api import Api, Operation
from . import body as json_body
from .call import Call
from .scan import Scan, scan

_MODEL = re.compile(rb'"model"\s*:\s*"([^"\\]{1,256})"')


class Asked:
    def __init__(self, api: Api, operation: Operation, call: Call, max_depth: int) -> None:
        self._api = api
        self._reading = call.reading(operation)
        self._body = call.body
        self._max_depth = max_depth
        self._written = b""
        self._scanned: Scan | None = None
        self._document: object = None
        self._parsed = False
        self._request: ir.Request | None = None

    @property
    def raw(self) -> bytes:
        if not isinstance(self._body, bytes):
            self._written = self._written or orjson.dumps(self._body)
            return self._written
        return self._body

    def guess(self) -> str | None:
        """What is probably the model's name."""
        found = _MODEL.search(self.raw)
        return found[1].decode("utf-8", "replace") if found else None

    @property
    def scanned(self) -> Scan:
        if self._scanned is None:
            self._scanned = scan(self.raw, self._max_depth)
        return self._scanned

    @property
    def document(self) -> object:
        if not self._parsed:
            body = self._body
            self._document = (
                json_body.parse(body, self._max_depth) if isinstance(body, bytes) else body
            )
            self._parsed = True
        return self._document

    @property
    def request(self) -> ir.Request:
        if self._request is None:
            self._request = self._api.decode(self.document, self._reading)
        return self._request

    def read(self, scanning: bool) -> None:
        """Read the body in one of the two ways; raises `InvalidRequest`.

        One that cannot be decoded may pass through all the same: its upstream judges it then.
        """
        if scanning:
            _ = self.scanned
            return
        try:
            _ = self.request
        except InvalidRequest as error:
            try:
                _ = self.scanned
            except InvalidRequest:
                raise error from None

    @property
    def model(self) -> str | None:
        """The name asked for, by whichever reading there has been."""
        if self._scanned is not None:
            name = self._scanned.model
            if name is None or isinstance(name, str):
                return name
        return self.request.model  # which refuses a name that is no text, in the API's own words
