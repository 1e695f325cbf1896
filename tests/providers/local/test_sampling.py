"""Numbers are checked before native code sees them."""

from __future__ import annotations

from typing import Any

import pytest

from polystack.core.canon import ir
from polystack.core.canon.errors import InvalidRequest
from polystack.providers.local.sampling import SEEDS, Defaults, check, sampler

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 2**31}, "max_tokens"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": NAN}, "temperature"),
        ({"temperature": INF}, "temperature"),
        ({"top_p": 1.01}, "top_p"),
        ({"top_k": -2}, "top_k"),
        ({"top_k": 2**31}, "top_k"),
        ({"min_p": NAN}, "min_p"),
        ({"presence_penalty": -2.5}, "presence_penalty"),
        ({"frequency_penalty": INF}, "frequency_penalty"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"logit_bias": {1000: 1.0}}, "logit_bias.1000"),
        ({"logit_bias": {-1: 1.0}}, "logit_bias.-1"),
        ({"logit_bias": {5: NAN}}, "logit_bias.5"),
        ({"logit_bias": {5: 101}}, "logit_bias.5"),
        ({"stop": ("a", "")}, "stop"),
    ],
)
def test_a_number_out_of_range_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check(ir.Sampling(**fields), 1000)
    assert caught.value.param == param
    assert caught.value.message.startswith(f"{param}: ")


def test_what_the_client_left_out_comes_from_the_defaults() -> None:
    made = sampler(ir.Sampling(temperature=0.5), Defaults(0.8, 0.9, 40, 0.1), 0, 1000)
    assert (made.temperature, made.top_p, made.top_k, made.min_p) == (0.5, 0.9, 40, 0.1)
    assert made.logprobs is None


def test_every_choice_has_its_own_seed_and_the_last_one_is_never_used() -> None:
    # 2**32 - 1 asks llama.cpp for a seed of its own.
    seeds = [sampler(ir.Sampling(seed=SEEDS - 1), Defaults(), n, 9).seed for n in range(2)]
    assert seeds == [SEEDS - 1, 0]
    assert sampler(ir.Sampling(seed=-1), Defaults(), 0, 9).seed == SEEDS - 1


def test_what_is_forbidden_never_comes_unless_the_client_says_how_likely_it_is() -> None:
    asked = ir.Sampling(logit_bias={3: 5.0})
    made = sampler(asked, Defaults(), 0, 9, forbidden=[3, 4])
    assert made.forbidden == {4}
    assert made.biases == {3: 5.0, 4: -INF}


def test_logprobs_without_a_number_ask_for_no_alternatives() -> None:
    assert sampler(ir.Sampling(logprobs=True), Defaults(), 0, 9).logprobs == 0
    assert sampler(ir.Sampling(logprobs=True, top_logprobs=3), Defaults(), 0, 9).logprobs == 3
