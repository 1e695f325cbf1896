"""Seals in a call: what an upstream marked goes to the client sealed, and comes back opened."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from polystack.core import ConfigError, Stack, collect, ir
from polystack.core.contract.losses import Ledger
from polystack.core.contract.seal import LIMIT, REQUEST_LIMIT, is_seal
from polystack.core.runtime.sealing import UNKNOWN, Opaque, Sealing, Seals, opened

SEALS = Seals("k" * 32)
END = (ir.Finished(ir.Stop("end")),)


def answer(
    events: Iterable[ir.Event], opaque: Opaque, losses: Ledger | None = None
) -> tuple[ir.Part, ...]:
    sealing = Sealing(opaque, "up", SEALS, Ledger() if losses is None else losses)
    fed = [
        shown for event in (ir.Started("a", "m"), *events, *END) for shown in sealing.feed(event)
    ]
    return collect(fed).parts


def thought(
    text: str = "", summary: tuple[str, ...] = (), **marks: str | None
) -> tuple[ir.Event, ...]:
    said = (ir.Delta(0, text),) if text else ()
    told = tuple(ir.PartAnnotated(0, ir.Reasoning(summary=(each,))) for each in summary)
    marked = (ir.PartAnnotated(0, ir.Reasoning(**marks)),) if marks else ()  # type: ignore[arg-type]
    return (ir.PartStarted(0, ir.Reasoning()), *said, *told, *marked, ir.PartEnded(0))


def asked(*parts: ir.Part) -> ir.Request:
    return ir.Request("m", (ir.Turn("assistant", parts),), origin="messages")


def reopened(part: ir.Part, losses: Ledger | None = None) -> ir.Part:
    request = opened(asked(part), SEALS, Ledger() if losses is None else losses)
    return request.turns[0].parts[0]


MARKS: list[tuple[str, tuple[str, ...], dict[str, str | None]]] = [
    ("thinking", (), {"signature": "EqQB"}),
    ("thinking", (), {}),
    ("", (), {"sealed": "gAAA"}),
    ("", ("one", "two"), {"sealed": "gAAA", "id": "rs_1"}),
    ("thinking", ("one",), {"sealed": "gAAA", "id": "rs_1"}),
]


@pytest.mark.parametrize("opaque", ["signature", "sealed"])
@pytest.mark.parametrize(("text", "summary", "marks"), MARKS)
def test_what_was_marked_comes_back_to_its_maker_as_it_was(
    text: str, summary: tuple[str, ...], marks: dict[str, Any], opaque: Opaque
) -> None:
    (part,) = answer(thought(text, summary, **marks), opaque)
    assert isinstance(part, ir.Reasoning)
    assert (part.text, part.summary) == (text, summary), "what is shown stays as it is"
    shown = part.signature if opaque == "signature" and (text or summary) else part.sealed
    assert is_seal(shown)
    assert part.id is None
    assert {part.signature, part.sealed} == {shown, None}, "no mark goes out bare"
    assert reopened(part) == ir.Reasoning(text, summary, **marks, origin="up")


def test_a_client_that_keeps_the_seal_alone_loses_nothing() -> None:
    (part,) = answer(thought("thinking", signature="EqQB"), "sealed")
    assert isinstance(part, ir.Reasoning)
    alone = ir.Reasoning(sealed=part.sealed)
    assert reopened(alone) == ir.Reasoning("thinking", signature="EqQB", origin="up")


def test_a_text_that_the_client_gives_back_is_not_held_twice() -> None:
    (part,) = answer(thought("t" * LIMIT, signature="EqQB"), "signature")
    assert isinstance(part, ir.Reasoning)
    assert part.signature is not None
    assert len(part.signature) < 200
    assert reopened(part) == ir.Reasoning("t" * LIMIT, signature="EqQB", origin="up")


def test_an_empty_thought_has_nothing_to_seal() -> None:
    assert answer(thought(), "signature") == (ir.Reasoning(),)


def test_everything_else_passes_through() -> None:
    said = (ir.PartStarted(0, ir.Text("")), ir.Delta(0, "hi"), ir.PartEnded(0))
    assert answer(said, "signature") == (ir.Text("hi"),)


def test_a_seal_that_was_tampered_with_is_dropped_and_noted() -> None:
    losses = Ledger()
    (part,) = answer(thought("thinking", signature="EqQB"), "signature")
    assert isinstance(part, ir.Reasoning)
    assert part.signature is not None
    forged = ir.Reasoning(
        part.text, signature=part.signature[:-2] + "AA", at="messages.1.content.0"
    )
    assert reopened(forged, losses) == ir.Reasoning("thinking", origin=UNKNOWN)
    assert [loss.path for loss in losses] == ["messages.1.content.0.seal"]


def test_a_bare_mark_is_none_of_ours_and_stays() -> None:
    part = ir.Reasoning("thinking", signature="EqQB")
    assert reopened(part) == part


def test_a_mark_that_no_field_can_hold_is_a_loss() -> None:
    losses = Ledger()
    noise = random.Random(1).randbytes(LIMIT).hex()
    (part,) = answer(thought("", sealed=noise), "sealed", losses)
    assert part == ir.Reasoning()
    assert [loss.path for loss in losses] == ["reasoning.seal"]


def test_the_seals_of_a_request_have_a_limit_together() -> None:
    losses = Ledger()
    noise = random.Random(1).randbytes(LIMIT // 4).hex()
    (part,) = answer(thought("", sealed=noise), "sealed")
    assert isinstance(part, ir.Reasoning)
    assert part.sealed is not None
    count = REQUEST_LIMIT // len(part.sealed) + 2
    request = opened(asked(*[part] * count), SEALS, losses)
    assert [loss.verdict for loss in losses] == ["dropped"]
    assert request.turns[0].parts[0] == ir.Reasoning(sealed=noise, origin="up")
    assert request.turns[0].parts[-1] == ir.Reasoning(origin=UNKNOWN)


# The key -----------------------------------------------------------------------------------------


def test_a_key_is_made_on_first_need_and_outlives_the_process(tmp_path: Path) -> None:
    env = {"POLYSTACK_HOME": str(tmp_path / "home")}
    seals = Seals(None, env)
    assert not (tmp_path / "home").exists(), "not before there is something to seal"
    seal = seals.sealer.seal(ir.Reasoning("x", origin="up"))
    assert seal is not None
    assert Seals(None, env).sealer.open(seal) == ir.Reasoning("x", origin="up")
    (key,) = (tmp_path / "home").iterdir()
    assert key.stat().st_mode & 0o777 == 0o600


def test_without_a_place_for_the_key_there_is_one_for_the_process_and_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING, "polystack"):
        seals = Seals(None, {"POLYSTACK_HOME": str(tmp_path / "file")})
        seal = seals.sealer.seal(ir.Reasoning("x", origin="up"))
    assert seal is not None
    assert seals.sealer.open(seal) is not None
    assert "set seals.key" in caplog.text


def test_a_key_that_can_be_guessed_is_refused() -> None:
    source = {
        "version": 1,
        "name": "t",
        "apis": ["chat"],
        "providers": {"s": {"type": "scripted"}},
        "seals": {"key": "short"},
    }
    with pytest.raises(ConfigError, match=r"seals\.key.*fewer than 32 characters"):
        Stack.load(source)
