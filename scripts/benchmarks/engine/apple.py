"""MLX's side: the tiny model as a folder, `BatchGenerator` used directly, and what it rests on."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from polystack.providers.local.config import BUILTIN

from .sample import Answer, Sample
from .setup import Setup

QUANTISED = {"group_size": 32, "bits": 8}  # as in the GGUF file
# The model's own template has it think first for mlx-lm, and not for others: another prompt, and an
# answer that ends. With this one all are asked the same.
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def folder(target: Path) -> Path:
    """The model that ships as others read it, with the same weights."""
    import mlx.core as mx
    from mlx.utils import tree_flatten

    from polystack.providers.mlx.gguf import load

    source = BUILTIN["builtin:tiny"]
    loaded = load(source, None)
    target.mkdir(parents=True)
    weights: Any = dict(tree_flatten(loaded.model.parameters()))
    mx.save_safetensors(str(target / "model.safetensors"), weights)
    end = loaded.vocabulary.special_texts["eos_token"]
    told = dict(vars(loaded.model.args))
    told |= {"eos_token_id": loaded.vocabulary.tokenize(end, False), "quantization": QUANTISED}
    (target / "config.json").write_text(json.dumps(told))
    loaded.vocabulary._tokenizer.save(str(target / "tokenizer.json"))
    tokenizer = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": end,
        "chat_template": TEMPLATE,
    }
    (target / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    return target


class Direct:
    """The limit: mlx-lm's own continuous batching, with nobody to tell."""

    def __init__(self, setup: Setup) -> None:
        import mlx.core as mx
        from mlx_lm import load
        from mlx_lm.generate import BatchGenerator

        self._model, self._tokenizer, *_ = load(setup.model)
        self._generator: Any = BatchGenerator(
            self._model,
            completion_batch_size=setup.slots,
            prefill_batch_size=setup.slots,
            stream=mx.default_stream(mx.default_device()),
        )

    def run(self, prompts: list[str], tokens: int) -> Sample:
        began = time.perf_counter()
        read = [
            self._tokenizer.apply_chat_template(
                [{"role": "user", "content": text}], add_generation_prompt=True, return_dict=False
            )
            for text in prompts
        ]
        running = set(self._generator.insert(read, [tokens] * len(read)))
        first: dict[int, float] = {}
        answers = []
        counts = dict.fromkeys(running, 0)
        while running:
            for response in self._generator.next()[1]:
                now = time.perf_counter() - began
                first.setdefault(response.uid, now)
                counts[response.uid] += 1
                if response.finish_reason:
                    running.discard(response.uid)
                    answers.append(Answer(counts[response.uid], first[response.uid], now))
        return Sample.of(answers, time.perf_counter() - began)


class Products:
    """What no engine that runs this model can do without: its matrix products, and nothing else.

    No attention, no norms, no prompt, no choice of a token.
    """

    def __init__(self, setup: Setup) -> None:
        import mlx.nn as nn
        from mlx_lm import load

        model, *_ = load(setup.model)
        found = [each for _, each in model.named_modules()]
        self._linear = [each for each in found if isinstance(each, nn.QuantizedLinear)]
        self._head = next(each for each in found if isinstance(each, nn.QuantizedEmbedding))

    def run(self, prompts: list[str], tokens: int) -> Sample:
        import mlx.core as mx

        streams = len(prompts)
        multiplied = [*self._linear, self._head.as_linear]
        layers = [*self._linear, self._head]
        given = [mx.random.normal((streams, 1, _width(layer))) for layer in layers]
        mx.eval(given)
        began = time.perf_counter()
        for _ in range(tokens):
            mx.eval([times(rows) for times, rows in zip(multiplied, given, strict=True)])
        seconds = time.perf_counter() - began
        return Sample.of([Answer(tokens, seconds / tokens, seconds)] * streams, seconds)


def _width(layer: Any) -> int:
    """Numbers of a row that a quantised layer takes; its weights are packed into 32 bits each."""
    return int(layer.weight.shape[-1] * 32 // layer.bits)
