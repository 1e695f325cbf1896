"""Each of these providers breaks the contract in one way; the kit names that way and no other."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import broken_natives as natives
import broken_providers as broken
import pytest

from polystack.core import Model, Provider
from polystack.core.testing import ContractBroken, check_provider, watching

SOURCE = Path(broken.__file__).read_text().splitlines()
PATIENCE = 1.0  # seconds, which only those spend that leave something behind for ever

Make = Callable[[], Provider]

# A provider, the checks that find something, and a piece of what they say.
DEFECTS: list[tuple[Make, str, str]] = [
    (broken.FinishesTwice, "grammar", "Finished cannot come while a stream is done"),
    (broken.SpeaksAfterItsEnd, "grammar", "Delta cannot come while a stream is done"),
    (broken.CountsPartsWrong, "grammar", "part 1 is not open"),
    (broken.JustStops, "grammar", "without Finished or Failed"),
    (broken.LeavesAPartOpen, "grammar", "parts [0] never ended"),
    (broken.StartsWithItsPart, "grammar", "PartStarted cannot come while a stream is idle"),
    (broken.StartsTwice, "grammar", "Started cannot come while a stream is open"),
    (broken.StartsWithText, "grammar", "a part starts empty"),
    (broken.SpeaksInDicts, "grammar", "is no event of ir.py, but {'type': 'started'}"),
    (broken.CountsBackwards, "grammar", "a usage counts from 0"),
    (broken.RefusesEverything, "grammar", "plain: refused with NotSupported"),
    (broken.RaisesAfterStarted, "errors", "ValueError: the engine fell over after Started"),
    (broken.RaisesWhateverComes, "errors", "KeyError: 'tokens' was raised"),
    (broken.FallsOverStrangeRequests, "errors", "no turns: IndexError"),
    (broken.FailsWithAText, "errors", "an unknown model: Failed holds 'no such model'"),
    (broken.SwallowsCancellation, "cancelling", "it was swallowed, and "),
    (broken.TurnsCancellationIntoAnError, "cancelling", "RuntimeError: interrupted instead"),
    (broken.SpeaksWhenClosed, "closing", "async generator ignored GeneratorExit"),
    (broken.KeepsItsSlot, "cancelling closing", "status() still shows running: 1"),
    (broken.EndsInItsOwnTime, "cancelling closing", "answers later status() still shows running"),
    (broken.LeavesItsWorker, "cancelling closing", "the task sleep at "),
    (broken.BeginsWhenPrepared, "preparing closing", "status() still shows running: 32"),
    (broken.SharesItsIterator, "choices concurrency", "stream 1 of 4: "),
    (broken.MixesAnswersUp, "concurrency", "holds another request's word, lantern-7731"),
    (broken.AnswersOneAfterAnother, "concurrency", "while another stream was not read"),
    (broken.Sleeps, "blocking", "time.sleep was called at "),
    (broken.LoadsAtTheFirstCall, "blocking", "time.sleep was called at "),
    (broken.AsksAServer, "blocking", "recv of a blocking socket was called at "),
    (broken.counting(lambda text: 0), "token_counts", "count_tokens() gave 0"),
    (broken.counting(lambda text: -len(text)), "token_counts", "count_tokens() gave -"),
    (broken.counting(lambda text: None), "token_counts", "count_tokens() gave None"),
    (broken.counting(lambda text: 1000 - len(text)), "token_counts", "characters more"),
    (broken.counting(lambda text: 7), "token_counts", "a request counts 7, and 7 with"),
    (broken.counting(lambda text: random.getrandbits(60)), "token_counts", "and then"),
    (broken.counting(len, estimated=False), "token_counts", "Finished has usage.input=7"),
    (broken.RaisesWhenStopped, "lifecycle", "RuntimeError: nothing to stop"),
    (broken.StopsOnce, "lifecycle", "stop() for the second time raised IndexError"),
    (broken.StartsOnce, "lifecycle", "start() after stop() raised RuntimeError"),
    (broken.LeavesItsPoller, "lifecycle", "the task sleep at "),
    (broken.FallsOverItsStatus, "lifecycle", "status() raised KeyError: 'running'"),
    (broken.CannotStart, "lifecycle", "there is no engine"),
    (broken.offering(), "models", "models() is empty"),
    (broken.offering(Model("a"), Model("a")), "models", "2 models are called 'a'"),
    (broken.offering(Model("")), "models", "a model's id is ''"),
    (broken.offering(Model("a", context_window=0)), "models", "context_window is 0"),
    (natives.DeclaresWhatNobodyHas, "models natives", "native holds 'telegraph'"),
    (natives.DeclaresWhatItHasNot, "natives", "chat: forward() raised NotImplementedError"),
    (natives.SpeaksAnotherProtocol, "natives", "none of Anthropic Messages"),
    (natives.StreamsAnotherProtocol, "natives", "does not end as the protocol's streams end"),
    (natives.NeverEnds, "natives", "asked for a stream, forward() gave none"),
    (natives.AlwaysStreams, "natives", "instead of 200 with application/json"),
    (natives.AnswersWithErrors, "natives", 'answered 404 with application/json ({"error": '),
    (natives.GoesOnWhenClosed, "natives", "closing a native stream unread: 5 answers later"),
    (natives.FallsOver, "natives", "forward() raised KeyError: '/v1/chat/completions'"),
]


def sentence(case: object) -> str | None:
    return getattr(case, "__name__", None)


@pytest.mark.parametrize(("make", "checks", "said"), DEFECTS, ids=sentence)
async def test_a_planted_defect_is_found_by_its_own_checks_and_by_no_other(
    make: Make, checks: str, said: str
) -> None:
    with pytest.raises(ContractBroken) as caught:
        await check_provider(make, patience=PATIENCE)
    assert {finding.check for finding in caught.value.findings} == set(checks.split())
    assert said in str(caught.value)


async def test_a_loop_that_stands_still_is_found_with_the_line_that_holds_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watching, "LOOKS", 5)  # the provider then need not stand still for long
    with pytest.raises(ContractBroken) as caught:
        await check_provider(broken.WaitsForAThread)
    (finding,) = caught.value.findings
    line = next(n for n, text in enumerate(SOURCE, 1) if "threading.Event().wait" in text)
    assert finding.check == "blocking"
    assert finding.seen == f"the loop stood still at {broken.__file__}:{line}"


async def test_one_stream_after_another_is_no_defect_where_status_says_so() -> None:
    await check_provider(broken.SaysThatItHasOneSlot)


async def test_sound_natives_have_no_finding() -> None:
    await check_provider(natives.SoundNative)


async def test_the_sound_provider_behind_the_broken_ones_has_no_finding() -> None:
    await check_provider(broken.Sound)
