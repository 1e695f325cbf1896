"""The error tree. A class says what went wrong; each API renders it in its own envelope.

StackError                    500  internal          something broke here
├── InvalidRequest            400  invalid_request   the client must change the request
│   ├── ContextOverflow       400                    the prompt is longer than the context
│   └── NotSupported          400                    well formed, but nothing here can do it
├── Unauthenticated           401  authentication    no key, or a wrong one
├── PermissionDenied          403  permission
├── NotFound                  404  not_found
│   └── UnknownModel          404
├── MethodNotAllowed          405  invalid_request
├── Conflict                  409  conflict
├── TooLarge                  413  too_large
├── RateLimited               429  rate_limited      the client's own limit, or an upstream's
├── Overloaded                503  overloaded        a full queue (529 in Messages)
├── UpstreamError             502  upstream          the upstream failed or made no sense
├── UpstreamTimeout           504  timeout
├── ProtocolViolation         500  internal          a provider broke the order of events
└── ConfigError               500  config            a distribution, a plugin or an engine is wrong
"""

from __future__ import annotations

from typing import ClassVar


class StackError(Exception):
    """Anything that a client or an operator is told about.

    `message` says what is wrong and what to do about it; `param` is the path of the offending
    field in the client's document; `code` is a machine-readable word where protocols have one;
    `retry_after` is in seconds; `retried` says that trying again was tried here, and is no use.
    """

    kind: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    code: str | None = None

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after: float | None = None,
        retried: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code or type(self).code
        self.retry_after = retry_after
        self.retried = retried

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r})"


class InvalidRequest(StackError):
    kind = "invalid_request"
    status = 400


class ContextOverflow(InvalidRequest):
    """The prompt does not fit; each API has its own words for this, which its clients parse."""

    code = "context_length_exceeded"

    def __init__(self, tokens: int, limit: int) -> None:
        super().__init__(
            f"prompt is too long: {tokens} tokens > {limit} maximum; shorten the conversation "
            "or load the model with a larger context"
        )
        self.tokens = tokens
        self.limit = limit


class NotSupported(InvalidRequest):
    code = "unsupported_value"


class Unauthenticated(StackError):
    kind = "authentication"
    status = 401
    code = "invalid_api_key"


class PermissionDenied(StackError):
    kind = "permission"
    status = 403


class NotFound(StackError):
    kind = "not_found"
    status = 404


class UnknownModel(NotFound):
    code = "model_not_found"


class MethodNotAllowed(StackError):
    kind = "invalid_request"
    status = 405


class Conflict(StackError):
    kind = "conflict"
    status = 409


class TooLarge(StackError):
    kind = "too_large"
    status = 413
    code = "request_too_large"


class RateLimited(StackError):
    kind = "rate_limited"
    status = 429
    code = "rate_limit_exceeded"


class Overloaded(StackError):
    kind = "overloaded"
    status = 503
    code = "server_is_overloaded"


class UpstreamError(StackError):
    kind = "upstream"
    status = 502


class UpstreamTimeout(StackError):
    kind = "timeout"
    status = 504


class ProtocolViolation(StackError):
    pass


class ConfigError(StackError):
    """Wrong before anything runs; the command line prints the message and exits with 2."""

    kind = "config"
