"""Files: given once, named afterwards, and told to every model in the form that it can read."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from typing import Any

import openai
import pytest
from facing import Face
from peer.clients import connected

from polystack.core import ir
from polystack.core.canon.errors import InvalidRequest
from polystack.core.runtime.call import Call

from .telling import ON_ONE_STORE, Telling, telling

pytestmark = ON_ONE_STORE

PIXEL = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def pdf(text: str) -> bytes:
    """A PDF of one page."""
    drawn = f"BT /F1 12 Tf 20 20 Td ({text}) Tj ET".encode() if text else b"BT ET"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 50]/Contents 4 0 R"
        b"/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(drawn), drawn),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    made, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 6\n0000000000 65535 f \n" + table
    return made + head + b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(made)


def seen() -> list[Any]:
    return [part for turn in Telling.seen[-1].turns for part in turn.parts]


async def given(client: Any, name: str, data: bytes, **more: Any) -> Any:
    return await client.files.create(file=(name, data), purpose="user_data", **more)


async def test_a_file_is_kept_listed_read_and_deleted() -> None:
    async with telling() as stack:
        client = stack.openai()
        data = bytes(range(256)) * 10 + b"\r\n--x\r\n"
        made = await given(client, "ä b.bin", data)
        assert (made.object, made.bytes, made.filename) == ("file", len(data), "ä b.bin")
        assert made.purpose == "user_data"
        assert made.expires_at == made.created_at + 30 * 86400
        assert await client.files.retrieve(made.id) == made
        assert (await client.files.content(made.id)).content == data
        assert [file.id for file in (await client.files.list()).data] == [made.id]
        assert (await client.files.delete(made.id)).deleted
        for call in (client.files.retrieve, client.files.content, client.files.delete):
            with pytest.raises(openai.NotFoundError, match=f"no file '{made.id}'"):
                await call(made.id)
        assert (await client.files.list()).data == []


async def test_files_are_listed_in_pages_and_by_purpose() -> None:
    async with telling() as stack:
        client = stack.openai()
        made = [await given(client, f"{n}.txt", b"x") for n in range(3)]
        await client.files.create(file=("v.png", PIXEL), purpose="vision")
        page = client.files.list(limit=2, purpose="user_data", order="asc")
        assert sorted([file.id async for file in page]) == sorted(file.id for file in made)


def asking(api: str, id: str) -> tuple[str, dict[str, Any]]:
    """The operation that asks about a file, and its body."""
    file: dict[str, Any]
    match api:
        case "responses":
            file = {"type": "input_file", "file_id": id}
            return "/responses", {"input": [{"role": "user", "content": [file]}]}
        case "chat":
            file = {"type": "file", "file": {"file_id": id}}
            messages = [{"role": "user", "content": [file]}]
            return "/chat/completions", {"model": "telling", "messages": messages}
        case _:
            file = {"type": "document", "source": {"type": "file", "file_id": id}}
            messages = [{"role": "user", "content": [file]}]
            return "/messages", {"model": "telling", "max_tokens": 9, "messages": messages}


@pytest.mark.parametrize("api", ["responses", "chat", "messages"])
async def test_every_protocol_tells_a_model_what_is_in_a_file(api: str) -> None:
    async with telling() as stack:
        client = stack.openai()
        text = await given(client, "notes.txt", "\ufeffnaïve".encode())
        paper = await given(client, "paper.pdf", pdf("a tidy proof"))
        image = await given(client, "dot", PIXEL)
        for file, expected in [
            (text, ("document", "text/plain", "naïve")),
            (paper, ("document", "text/plain", "a tidy proof")),
            (image, ("image", "image/png", None)),
        ]:
            _, body = asking(api, file.id)
            reply = await stack.handle(api, "create", body)
            (part,) = seen()
            assert isinstance(part, ir.Media)
            assert (part.kind, part.media_type, part.text) == expected
            assert part.file_id is None
            assert part.name == file.filename
            assert ("approximated" in reply.headers["x-stack-fidelity"]) == (file is paper)
        assert b64decode(part.data or "") == PIXEL


async def test_an_image_part_takes_an_image_and_nothing_else() -> None:
    async with telling() as stack:
        client = stack.openai()
        image = await client.files.create(file=("dot.png", PIXEL), purpose="vision")
        part: dict[str, Any] = {"type": "input_image", "file_id": image.id, "detail": "low"}
        await client.responses.create(input=[{"role": "user", "content": [part]}])
        (shown,) = seen()
        assert isinstance(shown, ir.Media)
        assert (shown.kind, shown.detail) == ("image", "low")
        text = await given(client, "a.txt", b"x")
        with pytest.raises(openai.BadRequestError, match=r"input.0.content.0: .* is no image"):
            await client.responses.create(
                input=[{"role": "user", "content": [part | {"file_id": text.id}]}]
            )


@pytest.mark.parametrize("api", ["responses", "chat", "messages"])
async def test_an_unknown_file_is_named(api: str) -> None:
    async with telling() as stack:
        path, body = asking(api, "file-nowhere")
        with pytest.raises(openai.BadRequestError, match="file 'file-nowhere' is not kept here"):
            await stack.openai().post(path, body=body, cast_to=object)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"%PDF-1.4\ngarbage", r"cannot be read as a PDF \("),
        (pdf(""), "is a PDF without text"),
    ],
)
async def test_a_pdf_that_cannot_be_told_is_refused(data: bytes, why: str) -> None:
    async with telling() as stack:
        client = stack.openai()
        file = await given(client, "a.pdf", data)
        path, body = asking("responses", file.id)
        with pytest.raises(openai.BadRequestError, match=why):
            await client.post(path, body=body, cast_to=object)


async def test_a_file_in_a_chain_is_told_again_in_the_next_turn() -> None:
    async with telling() as stack:
        client = stack.openai()
        file = await given(client, "a.txt", b"told twice")
        part: Any = {"type": "input_file", "file_id": file.id}
        first = await client.responses.create(input=[{"role": "user", "content": [part]}])
        await client.responses.create(input="and?", previous_response_id=first.id)
        told = seen()[0]
        assert isinstance(told, ir.Media)
        assert told.text == "told twice"


async def test_tenants_do_not_see_one_anothers_files() -> None:
    async with telling(server={"api_keys": ["one", "two"]}) as stack:
        one = stack.openai()
        two = one.with_options(api_key="two")
        file = await given(one, "a.txt", b"mine")
        with pytest.raises(openai.NotFoundError):
            await two.files.content(file.id)
        path, body = asking("responses", file.id)
        with pytest.raises(openai.BadRequestError, match="is not kept here"):
            await two.post(path, body=body, cast_to=object)
        assert (await two.files.list()).data == []


async def test_a_file_that_is_too_large_is_refused() -> None:
    async with telling(store={"type": "memory", "max_file": "1KiB"}) as stack:
        client = stack.openai()
        await given(client, "a", b"x" * 1024)
        with pytest.raises(openai.APIStatusError, match=r"1024 are the most .*store.max_file") as e:
            await given(client, "a", b"x" * 1025)
        assert e.value.status_code == 413


async def test_a_stack_without_a_store_keeps_no_files() -> None:
    async with telling(store=None) as stack:
        with pytest.raises(openai.BadRequestError, match="name a `store`"):
            await given(stack.openai(), "a", b"x")


async def test_a_file_may_be_kept_for_less_time_than_all_else() -> None:
    async with telling() as stack:
        client = stack.openai()
        soon = {"anchor": "created_at", "seconds": 3600}
        made = await given(client, "a", b"", expires_after=soon)
        assert made.expires_at == made.created_at + 3600
        with pytest.raises(openai.BadRequestError, match=r"expires_after.seconds: must be at"):
            await given(client, "a", b"", expires_after=soon | {"seconds": 9})


BOUNDARY = "multipart/form-data; boundary=b"
WHOLE = b'--b\r\ncontent-disposition: form-data; name="%s"%s\r\n\r\nx\r\n--b--\r\n'


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        ("multipart/form-data", b"", "content-type: must be multipart/form-data with a boundary"),
        ("multipart/mixed; boundary=b", b"--b--", "content-type: must be"),
        (BOUNDARY, b"garbage", "the form cannot be read"),
        (BOUNDARY, WHOLE[:40], "the form ends before its last boundary"),
        (BOUNDARY, WHOLE % (b"purpose", b""), "file: must be a file"),
        (BOUNDARY, WHOLE % (b"file", b""), "file: must be a file"),
        (BOUNDARY, WHOLE % (b"file", b'; filename="a"'), "purpose: must be one of"),
        ("application/json", b"{}", "content-type: must be multipart/form-data"),
    ],
)
async def test_a_form_that_is_none_is_refused_by_name(kind: str, body: bytes, message: str) -> None:
    async with telling() as stack:
        call = Call(body, {"content-type": kind})
        with pytest.raises(InvalidRequest, match=message):
            await stack.handle("responses", "file_create", call)


def test_the_sdk_gives_and_gets_files_over_http_and_in_process(face: Face, tmp_path: Path) -> None:
    source = tmp_path / "files.yaml"
    source.write_text("extends: scripted\nname: files\nstore: {type: memory}\n")
    with face(source) as url, connected(url) as clients:
        client = clients.gpt
        made = client.files.create(file=("a.bin", bytes(range(256))), purpose="user_data")
        assert client.files.content(made.id).read() == bytes(range(256))
        assert [file.id for file in client.files.list()] == [made.id]
        assert client.files.delete(made.id).deleted
        text = client.files.create(file=("a.txt", b"hello"), purpose="user_data")
        part: Any = {"type": "input_file", "file_id": text.id}
        answer = client.responses.create(
            model="scripted", input=[{"role": "user", "content": [part]}]
        )
        assert answer.status == "completed"
