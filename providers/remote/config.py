"""What a distribution may say about a remote server; a preset only changes the defaults."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from .traits import Traits
from .transport import Timeouts, Tls

Protocol: TypeAlias = Literal["messages", "responses", "chat"]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TimeoutsConfig(_Section):
    """Seconds, one figure for each phase of a call; null waits for ever."""

    connect: Seconds = 5.0
    """Until there is a connection."""
    first_byte: Seconds | None = 60.0
    """From a request's last byte to the head of its stream."""
    idle: Seconds | None = 60.0
    """Between two pieces of an answer."""
    total: Seconds | None = 600.0
    """Of a call that is not streamed; a stream may last as long as it is alive."""

    def of(self, stream: bool) -> Timeouts:
        # A whole answer has no first byte before its last token.
        first_byte = self.first_byte if stream else self.total
        return Timeouts(self.connect, first_byte, self.idle, None if stream else self.total)


class TlsConfig(_Section):
    """What holds for an `https://` address."""

    verify: bool = True
    """Whether the server has to prove who it is."""
    ca: str | None = None
    """A file (PEM) of authorities to trust beside the system's."""
    certificate: str | None = None
    """A file (PEM) with the certificate that this client shows."""
    key: str | None = None
    """The key of `certificate`, where it is in a file of its own."""

    def settings(self) -> Tls:
        return Tls(self.verify, self.ca, self.certificate, self.key)


class ModelConfig(_Section):
    """What is known of a model, or of all whose ids match a pattern such as `gpt-5*`."""

    native: list[Protocol] | None = None
    """What the server speaks for this model, where it differs."""
    context_window: int | None = Field(None, gt=0)
    """Tokens of a conversation, whatever the server says."""
    max_output: int | None = Field(None, gt=0)
    """Tokens of an answer, whatever the server says."""


class RemoteConfig(_Section):
    base_url: str = Field(description="where the server's API is, up to and including its /v1")
    api_key: SecretStr | None = None
    """The key that the server asks for."""
    api_keys: list[SecretStr] = []
    """Several keys, which take turns; instead of `api_key`."""
    auth: Literal["auto", "bearer", "x-api-key", "none"] = "auto"
    """The header that shows the key: `auto` is `x-api-key` in Messages, and `bearer` elsewhere."""
    headers: dict[str, SecretStr] = {}
    """Headers that are sent with every call."""
    native: list[Protocol] = Field(min_length=1, description="what the server itself speaks")
    models: dict[str, ModelConfig] = {}
    """What is known of models, by id or pattern."""
    discover: bool = True
    """Whether the server is asked for its models."""
    timeouts: TimeoutsConfig = TimeoutsConfig()
    retries: int = Field(1, ge=0, le=5, description="before the first byte of an answer")
    proxy: str | None = None
    """The address of a proxy on the way to the server."""
    tls: TlsConfig = TlsConfig()
    traits: Traits = Traits()

    @field_validator("base_url", "proxy")
    @classmethod
    def _is_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        try:
            parts = urlsplit(url)
            valid = parts.scheme in ("http", "https") and bool(parts.hostname)
            valid = valid and (parts.port is None or parts.port > 0)
        except ValueError:
            valid = False
        if not valid or parts.query or parts.fragment:
            raise ValueError("an http:// or https:// address, without a query, is required")
        return url.rstrip("/")

    @field_validator("native")
    @classmethod
    def _once_each(cls, native: list[Protocol]) -> list[Protocol]:
        return list(dict.fromkeys(native))

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in headers.items():
            text = name + value.get_secret_value()
            if not name or any(c in "\r\n\0" for c in text) or not text.isascii():
                raise ValueError(f"{name!r}: a header's name and value are plain ASCII, in a line")
        return {name.lower(): value for name, value in headers.items()}

    @model_validator(mode="after")
    def _one_spelling_of_keys(self) -> RemoteConfig:
        if self.api_key is not None and self.api_keys:
            raise ValueError("give either api_key or api_keys, not both")
        for key in self.keys():
            if any(c in "\r\n\0" for c in key) or not key.isascii():
                raise ValueError("an API key is plain ASCII, in one line")
        return self

    def keys(self) -> list[str]:
        given = [self.api_key] if self.api_key is not None else self.api_keys
        return [key.get_secret_value() for key in given if key.get_secret_value().strip()]
