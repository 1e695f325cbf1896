"""The numbers of a request, checked: nothing else ever reaches native code."""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from ...core.canon import ir
from ...core.canon.errors import InvalidRequest

# Inclusive ranges, by the canonical name of the field.
RANGES: dict[str, tuple[float, float]] = {
    "max_tokens": (0, 2**31 - 1),
    "temperature": (0.0, 10.0),
    "top_p": (0.0, 1.0),
    "top_k": (-1, 2**31 - 1),
    "min_p": (0.0, 1.0),
    "presence_penalty": (-2.0, 2.0),
    "frequency_penalty": (-2.0, 2.0),
    "top_logprobs": (0, 20),
}
BIAS = (-100.0, 100.0)
SEEDS = 2**32 - 1  # the last 32-bit value means "any seed" to llama.cpp


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where the client says nothing."""

    temperature: float = 0.8
    top_p: float = 0.95
    top_k: int = 40
    min_p: float = 0.05


@dataclass(frozen=True, slots=True)
class Sampler:
    """How tokens are chosen; a temperature of 0 is greedy. `logprobs` counts the alternatives.

    A token that is `forbidden` never comes. Most samplers forbid the same few, and engines need
    not look at each of their rows for that.
    """

    temperature: float
    top_p: float
    top_k: int
    min_p: float
    seed: int
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: dict[int, float] = field(default_factory=dict)
    logprobs: int | None = None
    forbidden: frozenset[int] = frozenset()

    @property
    def biases(self) -> dict[int, float]:
        """What is added to the logits, for what is forbidden, too."""
        return self.logit_bias | dict.fromkeys(self.forbidden, -math.inf)


def sampler(
    sampling: ir.Sampling,
    defaults: Defaults,
    choice: int,
    vocabulary: int,
    forbidden: Iterable[int] = (),
) -> Sampler:
    """The sampler of one choice; raises `InvalidRequest` naming the first field out of range.

    A bias of the client's goes before what is forbidden.
    """
    check(sampling, vocabulary)
    bias = dict(sampling.logit_bias or {})
    seed = secrets.randbelow(SEEDS) if sampling.seed is None else (sampling.seed + choice) % SEEDS
    return Sampler(
        temperature=_given(sampling.temperature, defaults.temperature),
        top_p=_given(sampling.top_p, defaults.top_p),
        top_k=max(0, int(_given(sampling.top_k, defaults.top_k))),  # -1 is another word for off
        min_p=_given(sampling.min_p, defaults.min_p),
        seed=seed,
        presence_penalty=sampling.presence_penalty or 0.0,
        frequency_penalty=sampling.frequency_penalty or 0.0,
        logit_bias=bias,
        logprobs=(sampling.top_logprobs or 0) if sampling.logprobs else None,
        forbidden=frozenset(forbidden).difference(bias),
    )


def check(sampling: ir.Sampling, vocabulary: int) -> None:
    for name, (low, high) in RANGES.items():
        value = getattr(sampling, name)
        if value is not None and not low <= value <= high:  # NaN is in no range
            bound = f"at least {low:g}" if high > 2**30 else f"between {low:g} and {high:g}"
            raise _wrong(sampling, name, f"must be {bound}, not {value:g}")
    for token, bias in (sampling.logit_bias or {}).items():
        where = f"logit_bias.{token}"
        if not 0 <= token < vocabulary:
            raise _wrong(sampling, where, f"the model has tokens 0 to {vocabulary - 1} only")
        if math.isnan(bias) or not BIAS[0] <= bias <= BIAS[1]:
            raise _wrong(sampling, where, f"must be between -100 and 100, not {bias:g}")
    if any(not string for string in sampling.stop):
        raise _wrong(sampling, "stop", "a stop string must not be empty")


def _given(value: float | None, default: float) -> float:
    return default if value is None else value


def _wrong(sampling: ir.Sampling, name: str, why: str) -> InvalidRequest:
    path = f"{sampling.at}.{name}" if sampling.at else name
    return InvalidRequest(f"{path}: {why}", param=path)
