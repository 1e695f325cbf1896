"""The checks, and running them against a provider.

Every check starts the provider, looks at one side of the contract, and stops it. What another
check is there to find is no finding of its own: it is then left unchecked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ..canon import ir
from ..contract.provider import Provider
from . import blocking, counting, leaving, lifecycle, natives, offering, streaming, together
from .bench import Bench
from .findings import Breach, ContractBroken, Finding, Unchecked, line, told

Subject: TypeAlias = Provider | Callable[[], Provider]
ProviderCheck: TypeAlias = Callable[..., None]
"""The argument of a test that the pytest plugin gives: `perform` on an event loop of its own."""

PATIENCE = 60.0  # seconds without any sign before something counts as hanging


@dataclass(frozen=True, slots=True)
class Check:
    """One side of the contract. `doc` is a sentence that holds for a sound provider."""

    name: str
    run: Callable[[Bench], Awaitable[None]]

    @property
    def doc(self) -> str:
        return self.run.__doc__ or ""


CHECKS: tuple[Check, ...] = (
    Check("models", offering.models),
    Check("lifecycle", lifecycle.lifecycle),
    Check("grammar", streaming.grammar),
    Check("errors", streaming.errors),
    Check("choices", streaming.choices),
    Check("preparing", leaving.preparing),
    Check("closing", leaving.closing),
    Check("cancelling", leaving.cancelling),
    Check("concurrency", together.concurrency),
    Check("blocking", blocking.blocking),
    Check("token_counts", counting.token_counts),
    Check("natives", natives.natives),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check found; `unchecked` is why it could not look, where it could not."""

    findings: Sequence[Finding] = ()
    unchecked: str | None = None


async def perform(
    check: Check,
    provider: Provider,
    *,
    model: str | None = None,
    requests: Mapping[str, ir.Request] | None = None,
    patience: float = PATIENCE,
) -> Outcome:
    """One check of a provider that is not started, and is stopped afterwards."""
    bench = Bench(provider, check.name, model=model, requests=requests, patience=patience)
    try:
        await check.run(bench)
    except Breach as breach:
        bench.saw(breach.seen, breach.rule)
    except Unchecked as reason:
        return Outcome(bench.findings, str(reason))
    except Exception as error:  # what a provider gave was not even of the right kind
        bench.saw(f"{told(error)} at {line(error)}", check.doc)
    return Outcome(bench.findings)


async def check_provider(
    provider: Subject,
    *,
    model: str | None = None,
    requests: Mapping[str, ir.Request] | None = None,
    only: Collection[str] | None = None,
    patience: float = PATIENCE,
) -> None:
    """Run the checks, or `only` those named; raises `ContractBroken` with every finding.

    `provider` is not started; it is started and stopped around each check. A function that makes
    providers gives each check one of its own. `model` is the one to ask, by default the first.
    `requests`, by name, are asked instead of the kit's own, for a provider that answers few; the
    first of them, or the one called `plain`, has to be answered. Nothing is judged by how fast it
    is: `patience` is how many seconds nothing at all may happen before that is a finding.
    """
    findings: list[Finding] = []
    unchecked: list[Finding] = []
    name = ""
    for check in _chosen(only):
        subject = made(provider)
        name = subject.name
        outcome = await perform(check, subject, model=model, requests=requests, patience=patience)
        findings += outcome.findings
        if outcome.unchecked is not None:
            unchecked.append(Finding(check.name, outcome.unchecked, check.doc))
    if findings or unchecked:
        raise ContractBroken(name, findings or unchecked)


def made(subject: Subject) -> Provider:
    return subject if isinstance(subject, Provider) else subject()


def _chosen(only: Collection[str] | None) -> list[Check]:
    names = {check.name for check in CHECKS}
    if only is not None and (unknown := set(only) - names):
        raise ValueError(f"there is no check {sorted(unknown)[0]!r}; there are {sorted(names)}")
    return [check for check in CHECKS if only is None or check.name in only]
