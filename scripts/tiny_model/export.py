"""Write a checkpoint as GGUF and as a Hugging Face folder.

    python -m tiny_model.export build/tiny

The folder (safetensors, config, tokenizer) is what MLX and transformers load.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Quantization
from numpy.typing import NDArray
from safetensors.numpy import save_file

from .chat import END, TEMPLATE
from .model import Config
from .tokenizer import CONTROL

NAME = "stack-tiny"
FORMATS = {
    "f16": (Quantization.F16, gguf.LlamaFileType.MOSTLY_F16),
    "q8_0": (Quantization.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}
GGUF_NAMES = {
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
    "q_norm": "attn_q_norm",
    "k_norm": "attn_k_norm",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "gate_proj": "ffn_gate",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
}
Array = NDArray[np.float32]


class Checkpoint(NamedTuple):
    """A trained model with its tokenizer (`tokenizer.json` as parsed)."""

    config: Config
    weights: dict[str, Array]
    tokenizer: dict[str, Any]


class Vocabulary(NamedTuple):
    """The tokenizer in the terms of GGUF."""

    tokens: list[str]
    types: list[int]
    merges: list[str]
    end_of_text: int
    end_of_turn: int


def load(stem: Path) -> Checkpoint:
    stored = torch.load(stem.with_suffix(".pt"))
    weights = {name: tensor.float().numpy() for name, tensor in stored["weights"].items()}
    tokenizer = json.loads(stem.with_suffix(".tok.json").read_text(encoding="utf-8"))
    return Checkpoint(Config(**stored["config"]), weights, tokenizer)


def vocabulary(tokenizer: dict[str, Any]) -> Vocabulary:
    known: dict[str, int] = tokenizer["model"]["vocab"]
    kinds = dict.fromkeys(known, int(gguf.TokenType.NORMAL))
    for added in tokenizer["added_tokens"]:
        known = {**known, added["content"]: added["id"]}
        kind = gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
        kinds[added["content"]] = int(kind)
    tokens = sorted(known, key=known.__getitem__)
    merges = [m if isinstance(m, str) else " ".join(m) for m in tokenizer["model"]["merges"]]
    return Vocabulary(tokens, [kinds[t] for t in tokens], merges, known[CONTROL[0]], known[END])


def gguf_name(name: str) -> str:
    """`layers.0.q_proj.weight` -> `blk.0.attn_q.weight`."""
    if not name.startswith("layers."):
        return {"embed_tokens": "token_embd", "norm": "output_norm"}[name[:-7]] + ".weight"
    _, layer, part, kind = name.split(".")
    return f"blk.{layer}.{GGUF_NAMES[part]}.{kind}"


def hugging_face_name(name: str) -> str:
    """`layers.0.q_proj.weight` -> `model.layers.0.self_attn.q_proj.weight`."""
    if name.startswith("layers."):
        _, layer, part, kind = name.split(".")
        group = "mlp." if part in ("gate_proj", "up_proj", "down_proj") else ""
        group = "self_attn." if part[:2] in ("q_", "k_", "v_", "o_") else group
        name = f"layers.{layer}.{group}{part}.{kind}"
    return "model." + name


def write_gguf(model: Checkpoint, path: Path, quantization: Quantization, file_type: int) -> None:
    c, v = model.config, vocabulary(model.tokenizer)
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_name(NAME)
    writer.add_context_length(c.context)
    writer.add_embedding_length(c.width)
    writer.add_block_count(c.layers)
    writer.add_feed_forward_length(c.feed_forward)
    writer.add_head_count(c.heads)
    writer.add_head_count_kv(c.kv_heads)
    writer.add_key_length(c.head_width)
    writer.add_value_length(c.head_width)
    writer.add_layer_norm_rms_eps(c.epsilon)
    writer.add_rope_freq_base(c.rope_base)
    writer.add_file_type(file_type)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(v.tokens)
    writer.add_token_types(v.types)
    writer.add_token_merges(v.merges)
    writer.add_bos_token_id(v.end_of_text)
    writer.add_pad_token_id(v.end_of_text)
    writer.add_eos_token_id(v.end_of_turn)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    for name, weight in model.weights.items():
        if weight.ndim == 1:
            writer.add_tensor(gguf_name(name), weight)
        else:
            packed = gguf.quants.quantize(weight, quantization)
            writer.add_tensor(gguf_name(name), packed, raw_dtype=quantization)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_hugging_face(model: Checkpoint, folder: Path) -> None:
    c, v = model.config, vocabulary(model.tokenizer)
    config = {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "vocab_size": c.vocabulary,
        "hidden_size": c.width,
        "intermediate_size": c.feed_forward,
        "num_hidden_layers": c.layers,
        "num_attention_heads": c.heads,
        "num_key_value_heads": c.kv_heads,
        "head_dim": c.head_width,
        "rms_norm_eps": c.epsilon,
        "rope_theta": c.rope_base,
        "tie_word_embeddings": True,
        "max_position_embeddings": c.context,
        "torch_dtype": "float16",
        "bos_token_id": v.end_of_text,
        "eos_token_id": v.end_of_turn,
        "hidden_act": "silu",
        "attention_bias": False,
    }
    tokenizer_config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": CONTROL[0],
        "eos_token": END,
        "pad_token": CONTROL[0],
        "model_max_length": c.context,
        "chat_template": TEMPLATE,
        "clean_up_tokenization_spaces": False,
    }
    ends = {"eos_token_id": [v.end_of_turn, v.end_of_text], "bos_token_id": v.end_of_text}
    folder.mkdir(parents=True, exist_ok=True)
    halves = {hugging_face_name(n): w.astype(np.float16) for n, w in model.weights.items()}
    save_file(halves, folder / "model.safetensors", metadata={"format": "pt"})
    for name, content in {
        "config.json": config,
        "generation_config.json": ends,
        "tokenizer.json": model.tokenizer,
        "tokenizer_config.json": tokenizer_config,
    }.items():
        (folder / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="the trainer's --out")
    parser.add_argument("--out", type=Path, help="prefix of the files to write (default: the same)")
    given = parser.parse_args()
    out: Path = given.out or given.checkpoint
    model = load(given.checkpoint)
    for name, (quantization, file_type) in FORMATS.items():
        path = out.with_name(f"{out.name}-{name}.gguf")
        write_gguf(model, path, quantization, int(file_type))
        print(path, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
    folder = out.with_name(out.name + "-hf")
    write_hugging_face(model, folder)
    print(folder, sum(file.stat().st_size for file in folder.iterdir()))


if __name__ == "__main__":
    main()
