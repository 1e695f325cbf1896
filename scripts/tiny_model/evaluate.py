"""Score the model on held-out turns and write the score sheet.

    python -m tiny_model.evaluate build/tiny               # a checkpoint, in torch
    python -m tiny_model.evaluate build/tiny-q8_0.gguf     # the shipped form, through llama.cpp

Every assistant turn of fresh conversations is one case: given the true history, the greedy answer
must be right to the character. All invented words are ones that training never sees.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from .chat import END, TEMPLATE, render
from .data import conversation
from .words import Words

SEED = 54321
LONGEST_ANSWER = 500


class Case(NamedTuple):
    """A prompt and the one right answer to it."""

    skill: str
    prompt: str
    answer: str


Grade = Callable[[Case], tuple[bool, str]]


def cases(conversations: int) -> list[Case]:
    w = Words(random.Random(SEED), held_out=True)
    found: list[Case] = []
    for number in range(conversations):
        chat = conversation(w, long=number % 5 == 4)
        before = ""
        for segment in render(chat):
            if segment.skill:
                answer = segment.text.removesuffix(END)
                skill = "thinking" if answer.startswith("<think>") else segment.skill
                found.append(Case(skill, before, answer))
            before += segment.text
    return found


def check_template(conversations: int) -> None:
    """The training text must be exactly what the shipped template renders.

    Some hosts trim white space around blocks and some do not: the template has to suit both.
    """
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    w = Words(random.Random(SEED), held_out=True)
    templates = [
        ImmutableSandboxedEnvironment(trim_blocks=trim, lstrip_blocks=trim).from_string(TEMPLATE)
        for trim in (False, True)
    ]
    for number in range(conversations):
        chat = conversation(w, long=number % 2 == 1)
        text = "".join(segment.text for segment in render(chat))
        for template in templates:
            if template.render(**chat.template_arguments()) != text:
                raise AssertionError(f"the template renders this otherwise:\n{text}")


def torch_grader(stem: Path) -> Grade:
    """Grades a checkpoint in one pass per case.

    Greedy decoding gives the answer if and only if every token of the answer is the most likely
    one after the true tokens before it, so nothing needs to be generated.
    """
    import torch
    from tokenizers import Tokenizer

    from .model import Config, TinyModel

    torch.set_num_threads(1)
    stored = torch.load(stem.with_suffix(".pt"))
    model = TinyModel(Config(**stored["config"]))
    model.load_state_dict(stored["weights"])
    print("step", stored["step"])
    tokenizer = Tokenizer.from_file(str(stem.with_suffix(".tok.json")))

    def grade(case: Case) -> tuple[bool, str]:
        prompt = tokenizer.encode(case.prompt, add_special_tokens=False).ids
        answer = tokenizer.encode(case.answer + END, add_special_tokens=False).ids
        with torch.inference_mode():
            logits = model(torch.tensor([prompt + answer]))
        likely = logits[0, len(prompt) - 1 : -1].argmax(-1).tolist()
        right = next((i for i, t in enumerate(answer) if likely[i] != t), len(answer))
        text = tokenizer.decode(likely[: right + 1], skip_special_tokens=False)
        return right == len(answer), text + "..."

    return grade


def llama_grader(path: Path) -> Grade:
    """Grades a GGUF file by greedy generation with llama.cpp."""
    from llama_cpp import Llama

    llama = Llama(str(path), n_ctx=4096, verbose=False)

    def grade(case: Case) -> tuple[bool, str]:
        tokens = llama.tokenize(case.prompt.encode(), add_bos=False, special=True)
        made: Any = llama.create_completion(
            tokens, max_tokens=LONGEST_ANSWER, temperature=0.0, repeat_penalty=1.0
        )
        text: str = made["choices"][0]["text"]
        return text == case.answer, text

    return grade


def write_sheet(folder: Path, model: Path, scores: dict[str, list[int]]) -> None:
    """`scores.json` for programs and `SCORES.md` for people."""
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    total = [sum(pair[i] for pair in scores.values()) for i in (0, 1)]
    record = {
        "file": model.name,
        "sha256": digest,
        "seed": SEED,
        "scores": {skill: {"right": r, "of": n} for skill, (r, n) in scores.items()},
        "total": {"right": total[0], "of": total[1]},
    }
    (folder / "scores.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    rows = [f"| {skill} | {r} | {n} | {r / n:.1%} |" for skill, (r, n) in scores.items()]
    rows.append(f"| **all** | {total[0]} | {total[1]} | {total[0] / total[1]:.1%} |")
    lines = [
        "# Scores of the tiny model",
        "",
        f"`{model.name}`, sha256 `{digest}`.",
        "",
        "Greedy answers of llama.cpp to held-out turns, right only if right to the character; no",
        f"grammar, no retries. Written by `evaluate.py` (seed {SEED}).",
        "",
        "Values are held out (invented words that training never sees). The wording of requests is",
        "not: small talk, counting and sums come from the same short lists as in training; those",
        "rows show that the model kept what it learned, not that it generalises.",
        "",
        "| skill | right | of | share |",
        "|---|---:|---:|---:|",
        *rows,
    ]
    (folder / "SCORES.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="the trainer's --out, or a .gguf file")
    parser.add_argument("--conversations", type=int, default=400)
    parser.add_argument("--sheet", type=Path, help="folder for SCORES.md and scores.json")
    parser.add_argument("--misses", type=int, default=0, help="wrong answers to show per skill")
    given = parser.parse_args()
    check_template(300)
    started = time.monotonic()
    grade = (llama_grader if given.model.suffix == ".gguf" else torch_grader)(given.model)
    right: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for case in cases(given.conversations):
        good, text = grade(case)
        seen[case.skill] += 1
        right[case.skill] += good
        if not good and seen[case.skill] - right[case.skill] <= given.misses:
            print(f"{case.skill}: wanted {case.answer!r}\n  got {text!r}")
    scores = {skill: [right[skill], seen[skill]] for skill in sorted(seen)}
    for skill, (r, n) in scores.items():
        print(f"{skill:15} {r:4}/{n}")
    print(f"{seen.total()} turns in {time.monotonic() - started:.0f} s")
    if given.sheet:
        write_sheet(given.sheet, given.model, scores)


if __name__ == "__main__":
    main()
