"""Write a model of the shape of Qwen3 0.6B with random weights: speed does not depend on sense.

`python big.py SOURCE OUT`, where SOURCE is llama.cpp's, which has the library that writes the
format and a file with the vocabulary.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

LAYERS, WIDTH, FEED_FORWARD, HEADS, KEY_HEADS, HEAD = 28, 1024, 3072, 16, 8, 128
END = 151645
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
BLOCK = {  # name: rows and columns
    "attn_q": (HEADS * HEAD, WIDTH),
    "attn_k": (KEY_HEADS * HEAD, WIDTH),
    "attn_v": (KEY_HEADS * HEAD, WIDTH),
    "attn_output": (WIDTH, HEADS * HEAD),
    "ffn_gate": (FEED_FORWARD, WIDTH),
    "ffn_up": (FEED_FORWARD, WIDTH),
    "ffn_down": (WIDTH, FEED_FORWARD),
}
NORMS = {"attn_norm": WIDTH, "ffn_norm": WIDTH, "attn_q_norm": HEAD, "attn_k_norm": HEAD}


def write(source: Path, out: Path) -> None:
    sys.path.insert(0, str(source / "gguf-py"))
    import gguf  # type: ignore[import-not-found]

    words = gguf.GGUFReader(source / "models" / "ggml-vocab-qwen2.gguf")
    part = out.with_suffix(".part")
    writer = gguf.GGUFWriter(part, "qwen3")
    _describe(writer, gguf)
    _vocabulary(writer, words)
    _weights(writer, gguf, len(words.fields["tokenizer.ggml.tokens"].data))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.rename(out)


def _describe(writer: Any, gguf: Any) -> None:
    writer.add_name("bench")
    writer.add_context_length(32768)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)


def _vocabulary(writer: Any, words: Any) -> None:
    def texts(name: str) -> list[bytes]:
        field = words.fields[f"tokenizer.ggml.{name}"]
        return [bytes(field.parts[place]) for place in field.data]

    kinds = words.fields["tokenizer.ggml.token_type"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(texts("tokens"))
    writer.add_token_types([int(kinds.parts[place][0]) for place in kinds.data])
    writer.add_token_merges(texts("merges"))
    writer.add_eos_token_id(END)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)


def _weights(writer: Any, gguf: Any, tokens: int) -> None:
    import numpy

    random = numpy.random.default_rng(0)
    kinds = gguf.GGMLQuantizationType

    def matrix(name: str, rows: int, columns: int, kind: Any) -> None:
        values = random.standard_normal((rows, columns), dtype=numpy.float32) / columns**0.5
        writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)

    def ones(name: str, size: int) -> None:
        writer.add_tensor(name, numpy.ones(size, numpy.float32))

    matrix("token_embd.weight", tokens, WIDTH, kinds.Q8_0)
    ones("output_norm.weight", WIDTH)
    for layer in range(LAYERS):
        for name, size in NORMS.items():
            ones(f"blk.{layer}.{name}.weight", size)
        for name, (rows, columns) in BLOCK.items():
            matrix(f"blk.{layer}.{name}.weight", rows, columns, kinds.Q4_0)


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
