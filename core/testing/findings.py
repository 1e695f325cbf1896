"""What a check has to say: what was seen, and what the contract says instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where a provider, or a store, breaks the contract."""

    check: str
    seen: str
    rule: str

    def __str__(self) -> str:
        return f"{self.check}: {' '.join(self.seen.split())}; the contract: {self.rule}"


class ContractBroken(AssertionError):
    """Something does not do what all of its kind must; `findings` has a line for each place."""

    def __init__(self, name: str, findings: Sequence[Finding], *, what: str = "provider") -> None:
        lines = "".join(f"\n  {finding}" for finding in findings)
        super().__init__(f"{what} {name!r} breaks the contract:{lines}")
        self.findings = tuple(findings)


class Breach(Exception):
    """Raised by a check that cannot go on after what it saw."""

    def __init__(self, seen: str, rule: str) -> None:
        super().__init__(seen)
        self.seen = seen
        self.rule = rule


class Unchecked(Exception):
    """Raised by a check that has nothing to look at, since something else is broken already."""


def told(error: BaseException) -> str:
    """An exception in a few words."""
    said = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def line(error: BaseException) -> str:
    """Where an exception came from."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return "an unknown place"
    return f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
