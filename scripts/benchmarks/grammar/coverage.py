"""How much of the JSON Schema Test Suite a library can do, and whether it does it right.

A group of the suite is one schema with documents. *Exact* is one that tells all of them apart,
*stricter* refuses valid documents (most of them for the order of their members, which a grammar
fixes), and *wrong* lets invalid ones pass.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from polystack.providers.llamacpp.native import Vocabulary

from .libraries import Library, Refused

VERDICTS = ("exact", "stricter", "wrong", "refused")


def groups(suite: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The mandatory part of draft 2020-12."""
    folder = suite / "tests" / "draft2020-12"
    files = sorted(folder.glob("*.json"))
    if not files:
        raise SystemExit(f"{folder}: no test is there; give a checkout of the suite")
    for path in files:
        for group in json.loads(path.read_text()):
            yield f"{path.stem}: {group['description']}", group


def report(words: Vocabulary, libraries: list[Library], suite: Path) -> None:
    print("\nThe JSON Schema Test Suite, draft 2020-12, by group\n")
    print(f"| library | {' | '.join(VERDICTS)} |\n|---|--:|--:|--:|--:|")
    for library in libraries:
        counts = Counter(_verdict(words, library, group) for _, group in groups(suite))
        print(f"| {library.name} | {' | '.join(str(counts[v]) for v in VERDICTS)} |", flush=True)


def _verdict(words: Vocabulary, library: Library, group: dict[str, Any]) -> str:
    try:
        compiled = library.compile(group["schema"])
    except Refused:
        return "refused"
    passed = [(_passes(words, library, compiled, t["data"]), t["valid"]) for t in group["tests"]]
    if (True, False) in passed:
        return "wrong"
    return "stricter" if (False, True) in passed else "exact"


def _passes(words: Vocabulary, library: Library, compiled: Any, document: Any) -> bool:
    match = library.start(compiled)
    text = json.dumps(document, ensure_ascii=False)
    return all(match.accept(token) for token in words.tokenize(text, False)) and match.complete()
