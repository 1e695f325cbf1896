"""How the next token of one generation is chosen, as mlx-lm wants it said.

Each generation has random numbers of its own, drawn once for each of its tokens, so that a seed
gives the same answer whatever else is in the batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from ...core.canon.ir import TokenLogprob
from ..local.constraints.constraint import Constraint, Unmet
from ..local.sampling import Sampler
from .vocabulary import Vocabulary

Array = Any  # an mlx.core.array
Choose = Callable[[Array], Array]
Processor = Callable[[Array, Array], Array]

NEVER = float("-inf")


def greedy(logprobs: Array) -> Array:
    import mlx.core as mx

    return mx.argmax(logprobs, axis=-1)


class Greedy:
    """One function for all who must not say the same: mlx-lm then chooses for them together.

    A processor would have it take the batch apart, row by row, in every step.
    """

    def __init__(self) -> None:
        self._found: dict[frozenset[int], Choose] = {frozenset(): greedy}

    def without(self, forbidden: frozenset[int]) -> Choose:
        if forbidden not in self._found:
            self._found[forbidden] = _without(forbidden)
        return self._found[forbidden]


def _without(forbidden: frozenset[int]) -> Choose:
    import mlx.core as mx

    row: Array = None

    def choose(logprobs: Array) -> Array:
        nonlocal row
        if row is None:
            row = _row(dict.fromkeys(forbidden, NEVER), logprobs.shape[-1])
        return mx.argmax(logprobs + row, axis=-1)

    return choose


def chooser(sampler: Sampler) -> Choose:
    if sampler.temperature == 0:
        return greedy
    import mlx.core as mx
    from mlx_lm.sample_utils import apply_min_p, apply_top_k, apply_top_p

    keys = [mx.random.key(sampler.seed)]

    def choose(logprobs: Array) -> Array:
        if 0 < sampler.top_k < logprobs.shape[-1]:
            logprobs = apply_top_k(logprobs, sampler.top_k)
        if 0 < sampler.top_p < 1:
            logprobs = apply_top_p(logprobs, sampler.top_p)
        if sampler.min_p > 0:
            logprobs = apply_min_p(logprobs, sampler.min_p)
        keys[0], key = mx.random.split(keys[0])
        return mx.random.categorical(logprobs / sampler.temperature, key=key)

    return choose


def processors(sampler: Sampler, bias: Mapping[int, float], size: int) -> list[Processor]:
    """What is done to a row of logits first; `size` is the number of tokens there are."""
    found: list[Processor] = []
    if bias:
        found.append(_biased(bias, size))
    if sampler.presence_penalty or sampler.frequency_penalty:
        found.append(_penalised(sampler))
    return found


def _row(values: Mapping[int, float], size: int) -> Array:
    import mlx.core as mx

    row = [0.0] * size
    for token, value in values.items():
        row[token] = value
    return mx.array(row)


def _biased(bias: Mapping[int, float], size: int) -> Processor:
    import mlx.core as mx

    row = _row(bias, size)

    def process(tokens: Array, logits: Array) -> Array:
        # A model may have more rows than its tokenizer has words.
        return mx.concatenate([logits[:, :size] + row, logits[:, size:]], axis=-1)

    return process


def _penalised(sampler: Sampler) -> Processor:
    """Of what was generated, not of the prompt; the first call is about the prompt's last token."""
    import mlx.core as mx

    counts: dict[int, int] = {}
    calls = 0

    def process(tokens: Array, logits: Array) -> Array:
        nonlocal calls
        if calls:
            last = int(tokens[-1].item())
            counts[last] = counts.get(last, 0) + 1
        calls += 1
        if not counts:
            return logits
        at = mx.array(list(counts))
        paid = [sampler.presence_penalty + sampler.frequency_penalty * n for n in counts.values()]
        logits[:, at] = logits[:, at] - mx.array(paid)
        return logits

    return process


class Held:
    """Keeps one generation to its constraint.

    mlx-lm asks for the next token in the same step in which it hands over the last one, so by then
    the constraint has seen that one. `unmet` says why nothing can follow; a step is others', too.
    """

    def __init__(self, constraint: Constraint, told: bool) -> None:
        self.constraint = constraint
        self.unmet: Unmet | None = None
        self._begun = False
        self._told = told  # whether the client is told how likely its tokens were
        self._rows: deque[Array] = deque()

    def own(self) -> Array:
        """What the model itself thought of the tokens, for the oldest that was not asked about."""
        return self._rows.popleft()

    def __call__(self, tokens: Array, logits: Array) -> Array:
        if self._told:
            import mlx.core as mx

            self._rows.append((logits - mx.logsumexp(logits, axis=-1, keepdims=True))[0])
        try:
            if self._begun:
                self.constraint.accept(int(tokens[-1].item()))
            self._begun = True
            return _masked(logits, self.constraint.allowed())
        except Unmet as unmet:
            self.unmet = unmet
            return logits


class Chosen:
    """Chooses one generation's token where a batch has one sampler: it leaves nothing else."""

    def __init__(self, choose: Choose, told: bool) -> None:
        self._choose = choose
        self._told = told
        self._rows: deque[Array] = deque()

    def own(self) -> Array:
        """How likely the tokens were, for the oldest that was not asked about."""
        return self._rows.popleft()

    def __call__(self, tokens: Array, logits: Array) -> Array:
        import mlx.core as mx

        logprobs = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
        if self._told:
            self._rows.append(logprobs[0])
        only = mx.arange(logits.shape[-1]) == self._choose(logprobs)[:, None]
        return mx.where(only, 0.0, float("-inf"))


def _masked(logits: Array, allowed: Any) -> Array:
    if allowed is None:
        return logits
    import mlx.core as mx

    # A model may have more rows than its tokenizer has words: none of those is allowed.
    rows = mx.concatenate(
        [mx.array(allowed), mx.zeros(logits.shape[-1] - len(allowed), dtype=mx.bool_)]
    )
    return mx.where(rows, logits, float("-inf"))


def logprob(logprobs: Array, token: int, alternatives: int, vocabulary: Vocabulary) -> TokenLogprob:
    """What a token's probability was, and those of the likeliest; of one row."""
    import mlx.core as mx

    found: tuple[TokenLogprob, ...] = ()
    if alternatives:
        best: Any = mx.argsort(-logprobs)[:alternatives].tolist()
        found = tuple(_one(logprobs, other, vocabulary) for other in best)
    one = _one(logprobs, token, vocabulary)
    return TokenLogprob(one.token, one.logprob, one.data, found)


def _one(logprobs: Array, token: int, vocabulary: Vocabulary) -> TokenLogprob:
    data = vocabulary.piece(token)
    return TokenLogprob(data.decode("utf-8", "replace"), float(logprobs[token].item()), data)
