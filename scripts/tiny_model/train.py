"""Train the tiny chat model on the CPU, by steps.

    python -m tiny_model.train --out build/tiny

Writes `OUT.pt` (weights, at every checkpoint) and `OUT.tok.json` (the tokenizer).
"""

from __future__ import annotations

import argparse
import dataclasses
import random
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from .chat import render
from .data import conversation
from .model import Config, TinyModel
from .tokenizer import CONTROL, MARKUP, VOCABULARY, train_tokenizer
from .words import Words

TOKENS_PER_STEP = 3072
SHORT, LONG = 192, 768
LONG_EVERY = 5  # one step in five uses long sequences: many tools, long system prompts and counts
PROMPT_WEIGHT = 0.05
WARMUP = 80


def _random_repeats(r: random.Random, length: int) -> tuple[list[int], list[float]]:
    """Random tokens, said again: nothing to learn here but copying, which forms early this way."""
    period = r.randint(8, length // 3)
    ordinary = VOCABULARY - len(CONTROL) - len(MARKUP)
    once = [r.randrange(ordinary) for _ in range(period)]
    ids = (once * (length // period + 2))[:length]
    return ids, [0.0] * period + [0.3] * (length - period)


class Corpus:
    """Seeded batches of packed conversations with a weight for every token."""

    def __init__(self, tokenizer: Tokenizer, seed: int) -> None:
        self.tokenizer = tokenizer
        self.words = Words(random.Random(seed))
        self.end_of_text = tokenizer.get_vocab()[CONTROL[0]]

    def sequence(self, length: int, repeats: float) -> tuple[list[int], list[float]]:
        if self.words.chance(repeats):
            return _random_repeats(self.words.rng, length)
        ids: list[int] = []
        weights: list[float] = []
        while len(ids) < length:
            for segment in render(conversation(self.words, length > SHORT + 1)):
                new = self.tokenizer.encode(segment.text, add_special_tokens=False).ids
                ids += new
                weights += [1.0 if segment.skill else PROMPT_WEIGHT] * len(new)
            ids.append(self.end_of_text)
            weights.append(PROMPT_WEIGHT)
        return ids[:length], weights[:length]

    def batch(self, step: int, repeats: float) -> tuple[Tensor, Tensor]:
        length = LONG if step % LONG_EVERY == LONG_EVERY - 1 else SHORT
        drawn = [self.sequence(length + 1, repeats) for _ in range(TOKENS_PER_STEP // length)]
        return torch.tensor([ids for ids, _ in drawn]), torch.tensor([w for _, w in drawn])


def rate(step: int, steps: int) -> float:
    """Learning-rate factor: warm up, hold for half the run, then fall linearly to 1 %."""
    held = steps // 2
    if step < held:
        return min(1.0, (step + 1) / WARMUP)
    return max(0.01, 1 - (step - held) / (steps - held))


def optimizers(model: TinyModel, peak: float) -> list[torch.optim.Optimizer]:
    """Muon for the hidden matrices, AdamW for embedding and norms."""
    hidden = [p for n, p in model.named_parameters() if p.dim() == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.dim() != 2 or "embed" in n]
    muon = torch.optim.Muon(hidden, lr=peak, weight_decay=0.05, adjust_lr_fn="match_rms_adamw")
    adam = torch.optim.AdamW(others, lr=peak, betas=(0.9, 0.97), weight_decay=0.0, fused=True)
    return [muon, adam]


def save(model: TinyModel, out: Path, step: int) -> None:
    checkpoint = {
        "weights": model.state_dict(),
        "config": dataclasses.asdict(model.c),
        "step": step,
    }
    part = out.with_suffix(".part")
    torch.save(checkpoint, part)
    part.replace(out.with_suffix(".pt"))


def start(out: Path, resume: Path | None) -> tuple[Tokenizer, TinyModel]:
    """A new model, or the one of an earlier run; its tokenizer is stored beside `out`."""
    out.parent.mkdir(parents=True, exist_ok=True)
    model = TinyModel(Config())
    if resume:
        tokenizer = Tokenizer.from_file(str(resume.with_suffix(".tok.json")))
        model.load_state_dict(torch.load(resume.with_suffix(".pt"))["weights"])
    else:
        tokenizer = train_tokenizer()
    tokenizer.save(str(out.with_suffix(".tok.json")))
    return tokenizer, model


def train(out: Path, resume: Path | None, steps: int, seed: int, peak: float) -> None:
    torch.manual_seed(seed)
    tokenizer, model = start(out, resume)
    print("parameters", sum(p.numel() for p in model.parameters()), flush=True)
    corpus, steppers = Corpus(tokenizer, seed), optimizers(model, peak)
    started, smooth = time.monotonic(), 0.0
    copying = 0 if resume else steps // 4  # the steps with more of the copying exercise
    for step in range(steps):
        for stepper in steppers:
            for group in stepper.param_groups:
                group["lr"] = peak * rate(step, steps)
        ids, weights = corpus.batch(step, repeats=0.2 if step < copying else 0.08)
        weights = weights[:, 1:].reshape(-1)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(ids[:, :-1])
        targets = ids[:, 1:].reshape(-1)
        losses = functional.cross_entropy(logits.float().flatten(0, 1), targets, reduction="none")
        for stepper in steppers:
            stepper.zero_grad()
        torch.autograd.backward((losses * weights).sum() / weights.sum())
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for stepper in steppers:
            stepper.step()
        answers = losses.detach()[weights > 0.9].mean().item()
        smooth = answers if step == 0 else 0.98 * smooth + 0.02 * answers
        if (step + 1) % 50 == 0:
            elapsed = time.monotonic() - started
            print(f"step {step + 1} loss of answers {smooth:.4f} after {elapsed:.0f} s", flush=True)
        if (step + 1) % 250 == 0 or step + 1 == steps:
            save(model, out, step + 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/tiny"))
    parser.add_argument("--resume", type=Path, help="the --out of an earlier run to go on from")
    parser.add_argument("--steps", type=int, default=8400)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--peak", type=float, default=3e-3, help="highest learning rate")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    train(given.out, given.resume, given.steps, given.seed, given.peak)


if __name__ == "__main__":
    main()
