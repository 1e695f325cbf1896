import json
from base64 import b64encode
from pathlib import Path

import pytest
from notes.folder import Folder, FolderConfig
from notes.plain import Plain

from polystack.core import Context, collect, ir
from polystack.core.canon.errors import InvalidRequest
from polystack.core.contract.store import Key, Page
from polystack.core.testing import check_store

EVENTS: list[ir.Event] = [
    ir.Started("1", "m"),
    ir.PartStarted(0, ir.Text("")),
    ir.Delta(0, "Hello, "),
    ir.Delta(0, "you"),
    ir.PartEnded(0),
    ir.Finished(ir.Stop("end"), ir.Usage(3, 2)),
]


def test_a_question_is_one_turn() -> None:
    request = Plain().decode({"model": "m", "ask": "Who?"})
    assert request.turns == (ir.Turn("user", (ir.Text("Who?"),)),)
    with pytest.raises(InvalidRequest, match="ask: field required"):
        Plain().decode({"model": "m"})


def test_what_is_streamed_is_what_the_whole_answer_says() -> None:
    plain, request = Plain(), ir.Request("m", ())
    encoder = plain.encoder(request, Context("0" * 32, 0, "m"))
    sent = b"".join(encoder.feed(event) for event in EVENTS)
    assert sent == (
        b'event: say\ndata: "Hello, "\n\nevent: say\ndata: "you"\n\n'
        b': x-stack-fidelity exact\n\nevent: end\ndata: {"end":"end","asked":3,"answered":2}\n\n'
    )
    whole = plain.document(request, [collect(EVENTS)], Context("0" * 32, 0, "m"))
    assert whole == {"answer": "Hello, you", "end": "end", "asked": 3, "answered": 2}
    assert ir.text_of(collect(plain.events(whole)).parts) == "Hello, you"


def test_what_a_question_cannot_hold_is_in_the_ledger() -> None:
    turns = (ir.Turn("user", (ir.Text("a"),)), ir.Turn("assistant", (ir.Text("b"),)))
    request = ir.Request("m", turns, sampling=ir.Sampling(top_k=3))
    document, losses = Plain().encode(request, "theirs")
    assert document == {"model": "theirs", "ask": "a\n\nb", "stream": False}
    assert {(loss.path, loss.verdict) for loss in losses} == {
        ("sampling", "dropped"),
        ("turns", "approximated"),
    }


async def test_records_outlive_the_store_and_the_oldest_make_room(tmp_path: Path) -> None:
    first = Folder(FolderConfig(path=tmp_path, max_records=2))
    await first.start()
    for id in ("..", "b", "a/c"):
        await first.put(Key("me", "note", id), id.encode())
    await first.put(Key("me", "note", "late"), b"", expires=1.0)
    second = Folder(FolderConfig(path=tmp_path))
    assert await second.list("me", "note") == Page([("a/c", b"a/c")])
    assert await second.get(Key("me", "note", "..")) is None
    assert await second.delete(Key("me", "note", "a/c"))
    assert not await second.delete(Key("me", "note", "late"))


async def test_the_folder_does_what_every_store_must(tmp_path: Path) -> None:
    await check_store(lambda: Folder(FolderConfig(path=tmp_path)))


async def test_what_a_killed_process_had_begun_is_finished(tmp_path: Path) -> None:
    folder, keys = Folder(FolderConfig(path=tmp_path)), [Key("me", "note", id) for id in "ab"]
    await folder.put(keys[0], b"old")
    names = [f"{tmp_path}/=me/=note/={id}" for id in "ab"]
    journal = [[name, b64encode(b"\nnew").decode()] for name in names]
    (tmp_path / "journal").write_text(json.dumps(journal))
    assert [await folder.get(key) for key in keys] == [b"new", b"new"]
