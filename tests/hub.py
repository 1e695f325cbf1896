"""A hub on the loopback: the little of the Hugging Face hub's HTTP that fetching a model takes.

Written after what the `huggingface_hub` package asks for; it serves files from memory.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
Files = Mapping[str, bytes]


@dataclass
class Hub:
    """Repositories by name, the gated ones, and what was asked for in which order."""

    repos: Mapping[str, Files]
    gated: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def sent(self, name: str) -> int:
        """How often the bytes of a file were fetched."""
        return sum(line == f"GET {name}" for line in self.asked)


@contextmanager
def hub(repos: Mapping[str, Files], gated: frozenset[str] = frozenset()) -> Iterator[Hub]:
    state = Hub(repos, gated)

    class Handler(_Handler):
        hub = state

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(False)

    def do_GET(self) -> None:
        self._answer(True)

    def _answer(self, whole: bool) -> None:
        path = self.path.partition("?")[0].strip("/")
        if path.startswith("api/models/"):
            self._described(path.removeprefix("api/models/"))
            return
        owner, name, _, revision, file = path.split("/", 4)
        repo = f"{owner}/{name}"
        files = self._files(repo, revision)
        if files is None:
            return
        if file not in files:
            self._refuse(404, "EntryNotFound")
            return
        data = files[file]
        self.hub.asked.append(f"{'GET' if whole else 'HEAD'} {file}")
        self._send(200, data if whole else b"", "application/octet-stream", len(data))

    def _described(self, asked: str) -> None:
        pieces = asked.split("/")
        repo, revision = "/".join(pieces[:2]), pieces[3] if len(pieces) > 3 else "main"
        files = self._files(repo, revision)
        if files is None:
            return
        if len(pieces) > 2 and pieces[2] == "tree":
            entries = [
                {"type": "file", "path": name, "size": len(data), "oid": _etag(data)}
                for name, data in files.items()
            ]
            self._send(200, json.dumps(entries).encode(), "application/json")
            return
        told = {
            "id": repo,
            "sha": COMMIT,
            "siblings": [{"rfilename": name} for name in files],
            "private": False,
            "tags": [],
            "downloads": 0,
            "likes": 0,
        }
        self._send(200, json.dumps(told).encode(), "application/json")

    def _files(self, repo: str, revision: str) -> Files | None:
        if repo in self.hub.gated and "authorization" not in self.headers:
            self._refuse(403, "GatedRepo")
        elif repo not in self.hub.repos:
            self._refuse(404, "RepoNotFound")
        elif revision not in ("main", COMMIT):
            self._refuse(404, "RevisionNotFound")
        else:
            return self.hub.repos[repo]
        return None

    def _refuse(self, status: int, code: str) -> None:
        self._send(status, b"{}", "application/json", code=code)

    def _send(
        self, status: int, data: bytes, kind: str, size: int | None = None, code: str = ""
    ) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data) if size is None else size))
        self.send_header("x-repo-commit", COMMIT)
        self.send_header("etag", f'"{_etag(data) if size is None or data else "none"}"')
        if code:
            self.send_header("x-error-code", code)
            self.send_header("x-error-message", code)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _etag(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()
