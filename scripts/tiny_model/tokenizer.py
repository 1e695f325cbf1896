"""Byte-level BPE of 1,024 tokens, pre-split as Qwen2 does, with Qwen's chat tokens."""

from __future__ import annotations

import random
import re

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from .chat import render
from .data import conversation
from .words import Words

VOCABULARY = 1024
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
# As in Qwen, these are ordinary text to a client: they must survive detokenisation.
MARKUP = [
    *["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"],
    *["<think>", "</think>"],
]
QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _texts(conversations: int) -> list[str]:
    """Corpus text without the chat tokens, which no merge may cross."""
    w = Words(random.Random(7))
    split = re.compile("|".join(map(re.escape, CONTROL + MARKUP)))
    texts: list[str] = []
    for _ in range(conversations):
        for segment in render(conversation(w)):
            texts += [text for text in split.split(segment.text) if text]
    return texts


def train_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(CONTROL) - len(MARKUP),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        min_frequency=20,
    )
    tokenizer.train_from_iterator(_texts(6000), trainer)
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in CONTROL])
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in MARKUP])
    if tokenizer.get_vocab_size() != VOCABULARY:
        raise ValueError(f"vocabulary has {tokenizer.get_vocab_size()} tokens, not {VOCABULARY}")
    return tokenizer
