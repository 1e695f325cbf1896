"""The model that ships, out of its GGUF file: MLX reads its quantised weights as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..local.config import CONTEXT
from .loading import Loaded
from .vocabulary import Vocabulary

BITS, GROUP = 8, 32  # of q8_0
CONTROL = 3  # a token's type in the file: no text

# A tensor's name in the file, and in mlx-lm's Qwen3.
_NAMES = {
    r"^token_embd": "model.embed_tokens",
    r"^output_norm": "model.norm",
    r"^blk\.(\d+)\.attn_norm": r"model.layers.\1.input_layernorm",
    r"^blk\.(\d+)\.ffn_norm": r"model.layers.\1.post_attention_layernorm",
    r"^blk\.(\d+)\.attn_(q|k)_norm": r"model.layers.\1.self_attn.\2_norm",
    r"^blk\.(\d+)\.attn_(q|k|v)": r"model.layers.\1.self_attn.\2_proj",
    r"^blk\.(\d+)\.attn_output": r"model.layers.\1.self_attn.o_proj",
    r"^blk\.(\d+)\.ffn_(gate|up|down)": r"model.layers.\1.mlp.\2_proj",
}


def load(path: Path, context: int | None) -> Loaded:
    import mlx.core as mx
    import mlx.nn as nn
    from mlx_lm.models import qwen3

    read: Any = mx.load(str(path), return_metadata=True)
    arrays, told = read
    weights = {_renamed(name): array for name, array in arrays.items()}
    model = qwen3.Model(_arguments(qwen3.ModelArgs, told))

    def quantised(name: str, module: object) -> bool:
        return f"{name}.scales" in weights

    nn.quantize(model, GROUP, BITS, class_predicate=quantised)
    model.load_weights(list(weights.items()))
    mx.eval(model.parameters())
    limit = int(told["qwen3.context_length"])
    return Loaded(model, _vocabulary(told), context or min(limit, CONTEXT))


def _renamed(name: str) -> str:
    for pattern, ours in _NAMES.items():
        found, count = re.subn(pattern, ours, name)
        if count:
            return found
    return name


def _arguments(kind: Any, told: Mapping[str, Any]) -> Any:
    def number(name: str) -> int:
        return int(told[f"qwen3.{name}"])

    return kind(
        model_type="qwen3",
        hidden_size=number("embedding_length"),
        num_hidden_layers=number("block_count"),
        intermediate_size=number("feed_forward_length"),
        num_attention_heads=number("attention.head_count"),
        num_key_value_heads=number("attention.head_count_kv"),
        head_dim=number("attention.key_length"),
        max_position_embeddings=number("context_length"),
        rms_norm_eps=float(told["qwen3.attention.layer_norm_rms_epsilon"]),
        rope_theta=float(told["qwen3.rope.freq_base"]),
        vocab_size=len(told["tokenizer.ggml.tokens"]),
        tie_word_embeddings=True,
    )


def _vocabulary(told: Mapping[str, Any]) -> Vocabulary:
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

    words, kinds = told["tokenizer.ggml.tokens"], told["tokenizer.ggml.token_type"].tolist()
    merges = [tuple(pair.split(" ", 1)) for pair in told["tokenizer.ggml.merges"]]
    bpe = models.BPE({word: id for id, word in enumerate(words)}, merges)
    tokenizer = Tokenizer(bpe)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_QWEN2), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [word for word, kind in zip(words, kinds, strict=True) if kind >= CONTROL]
    tokenizer.add_special_tokens([AddedToken(word, normalized=False) for word in special])
    end = int(told["tokenizer.ggml.eos_token_id"])
    texts = {"bos_token": "", "eos_token": words[end]}
    return Vocabulary(tokenizer, [end], texts)


# How Qwen 2 and 3 cut a text before they look for tokens; from the tokenizer.json of either.
_QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
