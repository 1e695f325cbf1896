"""Folders of MLX models that see, written in a moment: what they see and say means nothing.

The weights are random and the same every time; the words are those of the tiny model.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

MARKS = (
    "<|vision_start|> <|image_pad|> <|vision_end|> <|video_pad|> "
    "<start_of_image> <image_soft_token> <end_of_image>"
).split()
END = "<|im_end|>"
TEMPLATE = (
    "{%- for m in messages %}<|im_start|>{{ m.role + '\\n' }}"
    "{%- if m.content is string %}{{ m.content }}{% else %}{% for part in m.content %}"
    "{% if part.type == 'image' %}IMAGE{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
IMAGES = {
    "qwen2_vl": "<|vision_start|><|image_pad|><|vision_end|>",
    "gemma3": "<start_of_image>",
}
TEXT = {
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "intermediate_size": 96,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-6,
    "max_position_embeddings": 4096,
}


def folder(path: Path, kind: str) -> Path:
    """The folder of a model of this kind."""
    path.mkdir(parents=True, exist_ok=True)
    ids = _tokenizer(path, IMAGES[kind])
    described, processor = _KINDS[kind](ids)
    _write(path / "config.json", {"model_type": kind, "eos_token_id": ids[END], **described})
    _write(path / "preprocessor_config.json", processor)
    _write(path / "processor_config.json", {"image_seq_length": 4})
    _weights(path, kind, described)
    return path


def _tokenizer(path: Path, image: str) -> dict[str, int]:
    import mlx.core as mx
    from tokenizers import AddedToken

    from polystack.providers.local.config import BUILTIN
    from polystack.providers.mlx.gguf import _vocabulary

    read: Any = mx.load(str(BUILTIN["builtin:tiny"]), return_metadata=True)
    tokenizer = _vocabulary(read[1])._tokenizer
    tokenizer.add_special_tokens([AddedToken(mark, normalized=False) for mark in MARKS])
    tokenizer.save(str(path / "tokenizer.json"))
    named = {
        "image_token": "<image_soft_token>",
        "boi_token": "<start_of_image>",
        "eoi_token": "<end_of_image>",
    }
    special = named if image == IMAGES["gemma3"] else {}
    _write(
        path / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": END,
            "pad_token": END,
            "extra_special_tokens": special,
        },
    )
    (path / "chat_template.jinja").write_text(TEMPLATE.replace("IMAGE", image))
    found: dict[str, int] = tokenizer.get_vocab()
    return found


def _qwen2_vl(ids: dict[str, int]) -> tuple[dict[str, Any], dict[str, Any]]:
    sight = {"depth": 2, "embed_dim": 32, "hidden_size": 64, "num_heads": 2, "mlp_ratio": 2}
    described = TEXT | {
        "vocab_size": len(ids),
        "tie_word_embeddings": False,
        "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]},
        "image_token_id": ids["<|image_pad|>"],
        "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_config": {"model_type": "qwen2_vl", "patch_size": 14} | sight,
    }
    pixels = {"min_pixels": 28 * 28, "max_pixels": 112 * 112, "patch_size": 14, "merge_size": 2}
    return described, {"image_processor_type": "Qwen2VLImageProcessor"} | pixels


def _gemma3(ids: dict[str, int]) -> tuple[dict[str, Any], dict[str, Any]]:
    sight = {"num_hidden_layers": 2, "hidden_size": 32, "intermediate_size": 48}
    sight |= {"num_attention_heads": 2, "image_size": 56, "patch_size": 14}
    text = TEXT | {"head_dim": 16, "sliding_window": 16, "sliding_window_pattern": 2}
    text |= {"mm_tokens_per_image": 4}
    described = {
        "vocab_size": len(ids),
        "image_token_index": ids["<image_soft_token>"],
        "text_config": {"model_type": "gemma3_text", "vocab_size": len(ids)} | text,
        "vision_config": {"model_type": "siglip_vision_model"} | sight,
    }
    sizes = {"size": {"height": 56, "width": 56}}
    return described, {"image_processor_type": "Gemma3ImageProcessor"} | sizes


_KINDS = {"qwen2_vl": _qwen2_vl, "gemma3": _gemma3}


def _weights(path: Path, kind: str, described: dict[str, Any]) -> None:
    import mlx.core as mx
    from mlx.utils import tree_flatten
    from mlx_vlm.utils import update_module_configs

    module = import_module(f"mlx_vlm.models.{kind}")
    config = json.loads((path / "config.json").read_text())
    config.setdefault("text_config", {})
    made = update_module_configs(
        module.ModelConfig.from_dict(config), module, config, ["text", "vision"]
    )
    mx.random.seed(7)
    model = module.Model(made)
    weights = {
        name: mx.random.normal(array.shape) * 0.2
        for name, array in tree_flatten(model.parameters())
    }
    mx.save_safetensors(str(path / "model.safetensors"), weights, metadata={"format": "mlx"})


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content))
