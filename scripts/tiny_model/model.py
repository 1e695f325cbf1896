"""The Qwen3 architecture in torch, small enough for two CPU cores."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Config:
    """Shape of the model; `context` is only declared, training uses far shorter sequences."""

    vocabulary: int = 1024
    width: int = 192
    layers: int = 4
    heads: int = 6
    kv_heads: int = 2
    head_width: int = 32
    feed_forward: int = 512
    rope_base: float = 10000.0
    epsilon: float = 1e-6
    context: int = 65536


class Norm(nn.Module):
    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return functional.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.epsilon)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat((-b, a), -1) * sin


def _linear(inputs: int, outputs: int) -> nn.Linear:
    return nn.Linear(inputs, outputs, bias=False)


class Block(nn.Module):
    """One layer. The module names are those of Hugging Face's Qwen3, so exporting is a rename."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.c = c
        self.q_proj = _linear(c.width, c.heads * c.head_width)
        self.k_proj = _linear(c.width, c.kv_heads * c.head_width)
        self.v_proj = _linear(c.width, c.kv_heads * c.head_width)
        self.o_proj = _linear(c.heads * c.head_width, c.width)
        self.q_norm = Norm(c.head_width, c.epsilon)
        self.k_norm = Norm(c.head_width, c.epsilon)
        self.input_layernorm = Norm(c.width, c.epsilon)
        self.post_attention_layernorm = Norm(c.width, c.epsilon)
        self.gate_proj = _linear(c.width, c.feed_forward)
        self.up_proj = _linear(c.width, c.feed_forward)
        self.down_proj = _linear(c.feed_forward, c.width)

    def _attend(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        c = self.c
        batch, length, _ = x.shape

        def split(y: Tensor, heads: int) -> Tensor:
            return y.view(batch, length, heads, c.head_width)

        q = _rotate(self.q_norm(split(self.q_proj(x), c.heads)).transpose(1, 2), cos, sin)
        k = _rotate(self.k_norm(split(self.k_proj(x), c.kv_heads)).transpose(1, 2), cos, sin)
        v = split(self.v_proj(x), c.kv_heads).transpose(1, 2)
        groups = c.heads // c.kv_heads
        k, v = (x.repeat_interleave(groups, 1).to(q.dtype) for x in (k, v))
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        out: Tensor = self.o_proj(mixed.transpose(1, 2).reshape(batch, length, -1))
        return out

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self._attend(self.input_layernorm(x), cos, sin)
        h = self.post_attention_layernorm(x)
        out: Tensor = x + self.down_proj(functional.silu(self.gate_proj(h)) * self.up_proj(h))
        return out


class TinyModel(nn.Module):
    def __init__(self, c: Config) -> None:
        super().__init__()
        self.c = c
        self.embed_tokens = nn.Embedding(c.vocabulary, c.width)
        self.layers = nn.ModuleList(Block(c) for _ in range(c.layers))
        self.norm = Norm(c.width, c.epsilon)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                into_stream = name.endswith(("o_proj.weight", "down_proj.weight"))
                scale = 0.02 / math.sqrt(2 * c.layers) if into_stream else 0.02
                nn.init.normal_(parameter, 0.0, scale)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits for every position (the embedding is tied to the output)."""
        c = self.c
        frequencies = c.rope_base ** -(torch.arange(0, c.head_width, 2).float() / c.head_width)
        angles = torch.arange(ids.shape[1]).float()[:, None] * frequencies
        angles = torch.cat((angles, angles), -1)
        x = self.embed_tokens(ids)
        kind = torch.bfloat16 if torch.is_autocast_enabled("cpu") else x.dtype
        cos, sin = angles.cos().to(kind), angles.sin().to(kind)
        for layer in self.layers:
            x = layer(x, cos, sin)
        return functional.linear(self.norm(x), self.embed_tokens.weight)
