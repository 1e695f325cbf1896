"""A running stack, asked what it serves, and told what to keep in memory."""

from __future__ import annotations

import ipaddress
import json
import urllib.error
import urllib.request
from collections.abc import Iterable
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlsplit

from ...canon.errors import ConfigError
from ...contract.api import Action, Api
from ...contract.provider import Model

KEY = "STACK_API_KEY"  # where a key is looked for, here and by clients
TIMEOUT = 3.0  # seconds


class Server:
    """Raises `ConfigError` where nobody answers, or something else does.

    `locked` says whether it wanted a key when it was asked; the key is sent only then.
    """

    def __init__(self, url: str, key: str | None, otherwise: str = "name its distribution") -> None:
        self.url = url.rstrip("/")
        self.locked = False
        self._key = key
        self._otherwise = otherwise  # than to start it, where nobody answers
        proxies = [urllib.request.ProxyHandler({})] if _is_this_machine(self.url) else []
        self._opener = urllib.request.build_opener(*proxies)

    def index(self) -> tuple[str, list[str], str | None]:
        """The name of the distribution, the protocols that it serves, and its default model."""
        match self._get("/"):
            case {"name": str(name), "apis": dict(apis), **rest}:
                default = rest.get("default_model")
                return name, list(apis), default if isinstance(default, str) else None
        raise ConfigError(
            f"{self.url}: what answers there is no polystack; give the URL that `stack run` prints"
        )

    def models(self, apis: Iterable[Api]) -> list[Model]:
        for path in _paths(apis, "models"):
            match self._get(path):
                case {"data": [*entries]} | {"models": [*entries]}:
                    return [model for entry in entries if (model := _model(entry))]
        return []

    def model(self, apis: Iterable[Api], name: str) -> Model | None:
        """The model of a name, which need not be among those that are listed."""
        found = (
            _model(self._get(path.replace("{id}", quote(name))))
            for path in _paths(apis, "model")
            if "{id}" in path
        )
        return next(filter(None, found), None)

    def _get(self, path: str) -> Any:
        """The document at a path, or None where there is none."""
        status, document = self._asked("GET", path, TIMEOUT)
        return document if status == 200 else None

    def told(self, method: str, path: str, timeout: float | None = TIMEOUT) -> Any:
        """The document that answers; raises `ConfigError` with the server's reason against it."""
        status, document = self._asked(method, path, timeout)
        match document:
            case {"error": {"message": str(message)}}:
                raise ConfigError(f"{self.url}: {message}")
            case dict() if status == 200:
                return document
        raise ConfigError(
            f"{self.url}: what answers there is no polystack; give the URL that `stack run` prints"
        )

    def _asked(self, method: str, path: str, timeout: float | None) -> tuple[int, Any]:
        """The status, and the document if it is one."""
        headers = {"Authorization": f"Bearer {self._key}"} if self.locked else {}
        request = urllib.request.Request(self.url + path, headers=headers, method=method)
        try:
            with self._opener.open(request, timeout=timeout) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                said = error.read()
            if error.code != 401:
                return error.code, _parsed(said)
            self._unlock()
            return self._asked(method, path, timeout)
        except (OSError, HTTPException, ValueError) as error:
            raise ConfigError(
                f"{self.url}: no polystack answers there ({getattr(error, 'reason', error)}); "
                f"start it with `stack run`, or {self._otherwise}"
            ) from None

    def _unlock(self) -> None:
        if self.locked:
            raise ConfigError(f"{self.url} does not take the key that is in {KEY}")
        if not self._key:
            raise ConfigError(f"{self.url} wants a key; set {KEY} to one of its server.api_keys")
        self.locked = True


def _parsed(said: bytes) -> Any:
    try:
        return json.loads(said)
    except ValueError:
        return None


def _is_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _paths(apis: Iterable[Api], action: Action) -> list[str]:
    paths = [o.path for api in apis for o in api.operations if o.action == action]
    return list(dict.fromkeys(paths))


def _model(entry: Any) -> Model | None:
    """A model of a list, whichever protocol's; its sizes have one name or another."""
    if not isinstance(entry, dict):
        return None
    id = entry.get("id") or entry.get("model")
    if not isinstance(id, str):
        return None
    return Model(
        id,
        context_window=_size(entry, "context_window", "max_input_tokens", "context_length"),
        max_output=_size(entry, "max_output_tokens", "max_tokens"),
    )


def _size(entry: dict[str, Any], *names: str) -> int | None:
    return next((entry[name] for name in names if isinstance(entry.get(name), int)), None)
