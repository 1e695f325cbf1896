"""What a section of the README tells to type, and what it says will be answered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Step:
    """A command, or with `python` a program that wants the packages of `needs` installed.

    `expected` is what the README shows as its output, and is empty where it shows none.
    """

    line: int
    command: str
    expected: str = ""
    python: bool = False
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, its lines without the fences, and the paragraph before it."""

    line: int
    kind: str
    lines: Sequence[str]
    before: str


def steps(readme: str, section: str) -> list[Step]:
    """The steps of a section, in its order. A block of no language is the last command's output."""
    found: list[Step] = []
    for block in _blocks(readme, section):
        match block.kind:
            case "console":
                found += _typed(block)
            case "python":
                needs = re.search(r"`pip install ([^`]+)`", block.before)
                program = "\n".join(block.lines) + "\n"
                found.append(Step(block.line, program, "", True, needs[1] if needs else ""))
            case "" if found and not found[-1].expected:
                found[-1] = replace(found[-1], expected="\n".join(block.lines))
            case other:
                raise ValueError(f"README.md:{block.line}: nobody knows how to type {other!r}")
    if not found:
        raise ValueError(f"README.md: the section {section!r} has nothing to type")
    return found


def _blocks(readme: str, section: str) -> Iterator[Block]:
    inside, fence, opened, before = False, None, 0, ""
    lines: list[str] = []
    for number, line in enumerate(readme.splitlines(), 1):
        if fence is not None:
            if line == "```":
                yield Block(opened, fence, tuple(lines), before)
                fence, before = None, ""
            else:
                lines.append(line)
        elif line.startswith("## "):
            inside = line == f"## {section}"
        elif inside and line.startswith("```"):
            fence, opened, lines = line[3:], number + 1, []
        elif line:
            before += line + "\n"


def _typed(block: Block) -> Iterator[Step]:
    """The commands of a console, each after a `$ `, with the output that follows it."""
    step: Step | None = None
    for number, line in enumerate(block.lines, block.line):
        if line.startswith("$ "):
            if step:
                yield step
            step = Step(number, line[2:])
        elif step is None:
            raise ValueError(f"README.md:{number}: a console begins with a command after '$ '")
        elif step.command.endswith("\\"):
            step = replace(step, command=f"{step.command}\n{line}")
        else:
            step = replace(step, expected=f"{step.expected}{line}\n")
    if step:
        yield step


# What an answer never has twice, and how a README breaks its lines.
_CHANGING = (
    (re.compile(r"\s+"), ""),
    (re.compile(r"[0-9a-f]{32}"), "ID"),
    (re.compile(r'("(?:created|created_at|completed_at)":)\d+'), r"\1TIME"),
)


def difference(expected: str, said: str) -> str | None:
    """What the README shows and was not said; None where they agree.

    `…` stands for anything. Identifiers, times and white space do not count.
    """
    if not expected.strip():
        return None
    pieces, said = [_steady(piece) for piece in expected.split("…")], _steady(said)
    patterns = [re.escape(piece) for piece in pieces]
    for count, piece in enumerate(pieces, 1):
        if not re.match(".*?".join(patterns[:count]), said):
            return piece
    return None if re.fullmatch(".*?".join(patterns), said) else f"{pieces[-1]} at the end"


def _steady(text: str) -> str:
    for pattern, instead in _CHANGING:
        text = pattern.sub(instead, text)
    return text
