"""What an upstream's error says, in whatever envelope: its words, its numbers, how long to wait.

Pure and forgiving: a body that is no JSON, or holds a page for people, says nothing. Words go to
clients, so the addresses and secrets of this server's side are cut out of them.
"""

from __future__ import annotations

import json
import math
import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ..core.canon.errors import (
    Conflict,
    ContextOverflow,
    InvalidRequest,
    NotFound,
    Overloaded,
    RateLimited,
    StackError,
    TooLarge,
    UpstreamTimeout,
)
from ..core.contract.api import Document, Headers

WORDS_LIMIT = 1000  # characters of an upstream's own words
WAIT_LIMIT = 60  # seconds: clients sleep as long as they are told to

STATUSES: dict[int, type[StackError]] = {  # of an upstream; any other is an `UpstreamError`
    400: InvalidRequest,
    404: NotFound,
    408: UpstreamTimeout,
    409: Conflict,
    413: TooLarge,
    422: InvalidRequest,
    429: RateLimited,
    503: Overloaded,
    504: UpstreamTimeout,
    524: UpstreamTimeout,
    529: Overloaded,
}
REFUSED = (401, 402, 403)  # this server's key or account: no fault of the client's


def complaint(body: bytes) -> Document:
    """The error object of a body; an empty one where there is none."""
    try:
        return unwrapped(json.loads(body))
    except (ValueError, RecursionError):
        return {}


def unwrapped(document: Any) -> Document:
    """The fields of an error, out of the envelopes that are in use."""
    match document:
        case {"error": {} as fields}:
            return dict(fields)
        case {"error": str(words)} | {"detail": str(words)}:
            return {"message": words}
        case {"detail": [{"msg": str(words), "loc": [*place]}, *_]}:  # FastAPI's validation
            return {"message": f"{'.'.join(map(str, place))}: {words}"}
        case {"errors": [first, *_]} | [first]:
            return unwrapped(first)
        case {}:
            return dict(document)
        case _:
            return {}


# Words -------------------------------------------------------------------------------------------

# Each begins where a word does, so that a long text costs no more than its length.
_ADDRESS = re.compile(
    r"""
    (?<![a-z0-9+.-])[a-z][a-z0-9+.-]*://[^\s'"<>)\]]+        # a URL, its credentials and query
    | \[[0-9a-f]*:[0-9a-f:.]+\](?::\d+)?                     # [::1]:8000
    | \b(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{1,4}\b
    | \b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b
    | (?<![\w.-])[\w.-]*?(?:\blocalhost|\.(?:local|internal|corp|lan|svc|intranet))\b(?::\d+)?
    | (?<![\w.-])[a-z][\w-]*(?:\.[a-z][\w-]*)+:\d{2,5}\b      # gateway.example:8443
    | (?<![\w/])/(?:home|root|usr|var|opt|etc|tmp|srv|mnt|run|app|Users)/[^\s'":,)]+
    """,
    re.IGNORECASE | re.VERBOSE,
)
_SECRET = re.compile(
    r"""
    \bbearer\s+(?!token\b|auth)[\w.~+/=-]{3,}
    | \bbasic\s+(?=[\w+/]*[\d=])[\w+/=]{8,}
    | \b(?:sk|pk|rk|gsk|xai|hf|nvapi|pplx|ghp|gho|glpat|r8|tgp)[-_][\w*.-]{6,}
    | \bkey[-_](?=[\w*.-]*[\d*])[\w*.-]{6,}
    | \bAIza[\w-]{20,} | \b(?:AKIA|ASIA)[A-Z0-9]{12,}
    | \beyJ[\w-]{8,}(?:\.[\w-]+)*
    | (?:\b(?:api|access|secret)[-_ ]?key(?:\s+provided)?|\bpassword|\bsecret|\bauthorization)
      ["']?\s*[:=]\s*["']?[^\s"',;)]+
    """,
    re.IGNORECASE | re.VERBOSE,
)
_MARKUP = re.compile(r"<(?:!doctype|html|head|body|title|center|h1|p|div|pre|script)\b", re.I)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def words_of(fields: Document) -> str:
    """What an error object says to people; an empty text where that is nothing of use."""
    words = fields.get("message") or fields.get("detail") or ""
    if not isinstance(words, str) or _MARKUP.search(words):
        return ""
    match fields:
        case {"metadata": {"raw": str(raw)}}:  # what OpenRouter was told by its own upstream
            inner = words_of(complaint(raw.encode("utf-8", "replace")))
            words = f"{words}: {inner}" if inner else words
    return redacted(words)


def redacted(words: str) -> str:
    words = _CONTROL.sub(" ", words[: 2 * WORDS_LIMIT]).strip()
    return _SECRET.sub("[secret]", _ADDRESS.sub("[address]", words))[:WORDS_LIMIT]


# Numbers -----------------------------------------------------------------------------------------

_N = r"(?P<{}>\d[\d,]*)"
_TOKENS, _MORE, _LIMIT = (_N.format(name) for name in ("tokens", "more", "limit"))

# What servers say of a prompt that does not fit: Anthropic, OpenAI and those that copy it (vLLM,
# SGLang, OpenRouter, DeepSeek), llama-server, LM Studio, Gemini, Mistral, xAI, TGI, llama.cpp.
OVERFLOWS = [
    re.compile(pattern.replace(" ", r"\s+"), re.IGNORECASE)
    for pattern in (
        rf"prompt is too long:? {_TOKENS} tokens > {_LIMIT}",
        rf"exceed context limit: {_TOKENS} \+ {_MORE} > {_LIMIT}",
        rf"maximum context length is {_LIMIT} tokens\D*?(?:requested|resulted in)\D*?{_TOKENS}",
        rf"is too large: {_MORE}\. This model's maximum context length is {_LIMIT} tokens"
        rf" and your request has {_TOKENS}",
        rf"passed {_TOKENS} input tokens and requested {_MORE} output tokens\D*?context length"
        rf" is only {_LIMIT}",
        rf"context length of {_LIMIT} tokens\D*?total of {_TOKENS}",
        rf"length {_TOKENS}\) is (?:too )?long\D*?(?:length of|context length) {_LIMIT}",
        rf"\({_TOKENS} tokens\) is (?:too long|longer)\D*?{_LIMIT}",
        rf"\({_TOKENS} tokens\) exceeds the available context size \({_LIMIT} tokens",
        rf"first {_TOKENS} tokens when\D*?context length of only {_LIMIT}",
        rf"token count \({_TOKENS}\) exceeds the maximum number of tokens allowed \({_LIMIT}",
        rf"contains {_TOKENS} tokens\D*\d*\D*?too large for model with {_LIMIT}",
        rf"maximum prompt length is {_LIMIT} but the request contains {_TOKENS}",
        rf"must be <= {_LIMIT}\. Given: {_TOKENS} \W?inputs\W? tokens and {_MORE}",
        rf"requested tokens \({_TOKENS}\) exceed context window of {_LIMIT}",
        rf"prompt exceeds n_ctx: {_TOKENS} > {_LIMIT}",
    )
]
_OVERFLOW_WORDS = re.compile(
    r"prompt is too long|input is too long|context[_ ]length[_ ]exceeded|maximum context length"
    r"|exceeds? (?:the )?(?:available |maximum |model's )?context",
    re.IGNORECASE,
)
_TWO_NUMBERS = re.compile(r"(\d{3,})\D+?(\d{3,})")


def overflow(fields: Document, words: str) -> ContextOverflow | None:
    """A prompt that is too long, where the upstream gave both of its numbers."""
    match fields:
        case {"n_prompt_tokens": int(tokens), "n_ctx": int(limit)}:  # llama-server
            return ContextOverflow(tokens, limit)
    for pattern in OVERFLOWS:
        if found := pattern.search(words):
            numbers = {name: int(text.replace(",", "")) for name, text in found.groupdict().items()}
            return ContextOverflow(numbers["tokens"] + numbers.get("more", 0), numbers["limit"])
    if fields.get("code") == ContextOverflow.code and (found := _TWO_NUMBERS.search(words)):
        limit, tokens = sorted((int(found[1]), int(found[2])))
        return ContextOverflow(tokens, limit)
    return None


def overflows(fields: Document, words: str) -> bool:
    """Whether a prompt was too long, with or without numbers."""
    named = (ContextOverflow.code, "exceed_context_size_error")
    by_name = fields.get("code") in named or fields.get("type") in named
    return by_name or bool(_OVERFLOW_WORDS.search(words))


# Waiting -----------------------------------------------------------------------------------------


def retry_after(headers: Headers | None) -> float | None:
    """In seconds; a date is read against the answer's own, since there is no clock here."""
    headers = headers or {}
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "")
        try:
            seconds = float(value) * unit
        except ValueError:
            seconds = _until(value, headers.get("date", ""))
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return None


def _until(date: str, now: str) -> float:
    then, here = _moment(date), _moment(now)
    return max(0.0, (then - here).total_seconds()) if then and here else math.nan


def _moment(date: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def waiting(seconds: float | None, retried: bool) -> dict[str, str]:
    """The headers that tell a client whether to come again, and when."""
    headers = {} if seconds is None else {"retry-after": str(_whole(seconds))}
    return headers | ({"x-should-retry": "false"} if retried else {})


def _whole(seconds: float) -> int:
    return min(max(math.ceil(seconds), 0), WAIT_LIMIT)
