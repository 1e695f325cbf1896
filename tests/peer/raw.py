"""Asking without an SDK: the bytes of a body as they are given, and the answer's as they come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

from judging import judge_body


@dataclass(frozen=True)
class Reply:
    """`headers` have their names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def post(url: str, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        sent = {"content-type": "application/json", **(headers or {})}
        connection.request("POST", path, body, sent)
        answer = connection.getresponse()
        shown = {name.lower(): value for name, value in answer.getheaders()}
        read = answer.read()
        judge_body(read)
        return Reply(answer.status, shown, read)
    finally:
        connection.close()
