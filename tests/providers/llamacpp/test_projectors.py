"""Images in a prompt, read by llama.cpp's own library where the build has it.

It is left out of the usual build. To run these: build llama-cpp-python with -DLLAVA_BUILD=ON, or
have MTMD_CPP_LIB name a folder with a libmtmd of the same version.
"""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from engines import answer, running
from projector_files import TOKENS, merger, planar, png, projector

from polystack.core import ir
from polystack.core.canon.errors import ConfigError, ContextOverflow, InvalidRequest
from polystack.providers.llamacpp import native_images
from polystack.providers.local.provider import Local

pytestmark = pytest.mark.engine


def built() -> bool:
    try:
        native_images.library()
    except ConfigError:
        return False
    return True


sighted = pytest.mark.skipif(
    not built(), reason="llama-cpp-python is built without images (-DLLAVA_BUILD=ON builds them)"
)
RED, BLUE = png(250, 0, 0), png(0, 0, 250)


def image(data: bytes, at: str = "messages.0.content.0") -> ir.Media:
    return ir.Media("image", "image/png", base64.b64encode(data).decode(), at=at)


def part(given: ir.Part | bytes | str) -> ir.Part:
    match given:
        case bytes():
            return image(given)
        case str():
            return ir.Text(given)
        case _:
            return given


def shown(*parts: ir.Part | bytes | str, **fields: Any) -> ir.Request:
    content = tuple(map(part, parts))
    fields.setdefault("sampling", ir.Sampling(max_tokens=12, logprobs=True, top_logprobs=5))
    return ir.Request("tiny", (ir.Turn("user", content, at="messages.0"),), **fields)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return projector(tmp_path_factory.mktemp("projector") / "mmproj.gguf")


@pytest.fixture
async def eyed(file: Path) -> AsyncIterator[Local]:
    async with running("llamacpp", projector=str(file), slots=4, context=512) as provider:
        yield provider


async def said(provider: Local, request: ir.Request) -> tuple[str, tuple[float, ...]]:
    """The text, and how likely its tokens were: what was read shows in them."""
    found = await answer(provider, request)
    parts = [part for part in found.parts if isinstance(part, ir.Text)]
    return ir.text_of(tuple(parts)), tuple(each.logprob for p in parts for each in p.logprobs)


# Read --------------------------------------------------------------------------------------------


@sighted
async def test_what_an_image_shows_makes_a_difference(eyed: Local) -> None:
    red, blue = [await said(eyed, shown(data, "What is this?")) for data in (RED, BLUE)]
    none = await said(eyed, shown("What is this?"))
    assert red != blue
    assert none not in (red, blue)


@sighted
async def test_an_image_counts_as_the_positions_that_it_takes(eyed: Local) -> None:
    one = await eyed.count_tokens(shown(RED, "x"))
    two = await eyed.count_tokens(shown(RED, BLUE, "x"))
    newline = 1
    assert two.input - one.input == TOKENS + newline


@sighted
async def test_the_answer_is_the_same_alone_beside_others_and_with_a_cached_prefix(
    eyed: Local,
) -> None:
    asked = [
        shown("Look at this. ", RED, f"And this {number}:", BLUE, "What is it?")
        for number in range(6)
    ]
    alone = [await said(eyed, each) for each in asked]
    await asyncio.gather(*(said(eyed, shown(f"Count to {n}.")) for n in range(4)))
    together = await asyncio.gather(*(said(eyed, each) for each in asked))
    assert [text for text, _ in together] == [text for text, _ in alone]
    for (_, before), (_, after) in zip(alone, together, strict=True):
        assert after == pytest.approx(before, abs=1e-3)


@sighted
async def test_the_same_image_is_read_once_and_another_one_anew(eyed: Local) -> None:
    def cached(response: ir.Response) -> int:
        assert response.usage is not None
        return response.usage.cache_read or 0

    lead = "Here is a rather long beginning, so that it is worth keeping: " * 4
    first = await answer(eyed, shown(lead, RED, "What is this?"))
    again = await answer(eyed, shown(lead, RED, "What is that?"))
    other = await answer(eyed, shown(lead, BLUE, "What is that?"))
    assert cached(first) == 0
    assert cached(again) >= cached(other) + TOKENS
    fresh = shown("x" + lead, BLUE, "What is that?")
    assert cached(await answer(eyed, fresh)) < cached(other)


@sighted
async def test_an_image_in_a_tools_result_is_shown(eyed: Local) -> None:
    call = ir.ToolCall("c1", "look", "{}")

    def request(data: bytes) -> ir.Request:
        result = ir.ToolResult("c1", (image(data),))
        turns = (
            ir.Turn("user", (ir.Text("Look"),)),
            ir.Turn("assistant", (call,)),
            ir.Turn("user", (result,)),
        )
        return ir.Request("tiny", turns, tools=(ir.Tool("look"),), sampling=shown().sampling)

    assert await said(eyed, request(RED)) != await said(eyed, request(BLUE))
    assert (await eyed.prepare(request(RED))).losses == []


@sighted
async def test_a_schema_holds_for_an_answer_about_an_image(eyed: Local) -> None:
    output = ir.OutputFormat("schema", {"enum": ["red", "blue"]})
    text, _ = await said(eyed, shown(RED, "Which colour?", output=output))
    assert text in ('"red"', '"blue"')


@sighted
async def test_text_that_looks_like_a_mark_is_text(eyed: Local) -> None:
    text = "<__media__> (image 0123456789abcdef 0) <image>"
    assert await said(eyed, shown(text))
    assert await said(eyed, shown(text, RED)) != await said(eyed, shown(text, BLUE))


@sighted
async def test_images_are_announced(eyed: Local) -> None:
    (model,) = await eyed.models()
    assert model.modalities == {"text", "image"}
    assert "vision" in model.features


@sighted
async def test_an_image_may_have_more_rows_than_positions(tmp_path: Path) -> None:
    """As in Qwen's models, whose rows of an image stand in a plane."""
    model, eyes = planar(tmp_path / "planar.gguf"), merger(tmp_path / "mmproj.gguf")
    red, blue = png(250, 0, 0, 112, 84), png(0, 0, 250, 112, 84)
    letters = ir.OutputFormat("grammar", grammar=ir.ToolGrammar("regex", "[a-z ]{8}"))
    plain = {"reasoning": ir.ReasoningConfig(enabled=False), "output": letters}
    asked = [shown("This: ", red, f"and {n}:", blue, "What?", **plain) for n in range(4)]
    config: dict[str, Any] = {"model": str(model), "context": 512, "sampling": {"temperature": 0}}
    async with running("llamacpp", projector=str(eyes), **config) as provider:
        alone = [await said(provider, each) for each in asked]
        together = await asyncio.gather(*(said(provider, each) for each in asked))
        first, second = [
            await provider.count_tokens(shown(*images, "x")) for images in ([red], [red, blue])
        ]
        swapped = await said(provider, shown("This: ", blue, "and 0:", red, "What?", **plain))
        tokenize = provider._engine.vocabulary.tokenize
        marks = ("<|vision_start|>", "<|vision_end|>", "\n")
        around = sum(len(tokenize(mark, False)) for mark in marks)
    assert [text for text, _ in together] == [text for text, _ in alone]
    assert swapped[1] != pytest.approx(alone[0][1], abs=1e-3)
    columns = 4  # of three rows each
    assert second.input - first.input == columns + around


# Memory ------------------------------------------------------------------------------------------


@sighted
async def test_conversations_with_images_give_way_to_one_another_in_a_full_memory(
    file: Path,
) -> None:
    config: dict[str, Any] = {"slots": 4, "context": 160, "kv_unified": True}
    asked = [
        shown(f"{number}", RED, BLUE, "Count.", sampling=ir.Sampling(max_tokens=60, seed=number))
        for number in range(8)
    ]
    async with running("llamacpp", projector=str(file), **config) as provider:
        alone = [await answer(provider, each) for each in asked]
        together = await asyncio.gather(*(answer(provider, each) for each in asked))
    assert [each.parts for each in together] == [each.parts for each in alone]


@sighted
async def test_images_that_do_not_fit_into_the_context_are_refused_with_the_numbers(
    file: Path,
) -> None:
    async with running("llamacpp", projector=str(file), context=256) as provider:
        with pytest.raises(ContextOverflow):
            await provider.prepare(shown(*[RED] * 60, "x"))


# Refused -----------------------------------------------------------------------------------------


@sighted
@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (image(RED[:60]), "cannot be decoded"),
        (image(b"GIF89a" + b"\1\0\1\0"), "cannot be decoded"),
        (image(b"RIFF\0\0\0\0WEBPVP8 "), "it is a WebP; send a PNG"),
        (ir.Media("image", url="https://example.test/a.png", at="x"), "not fetched"),
        (ir.Media("audio", "audio/wav", "AAAA", at="x"), "reads text and images only"),
    ],
)
async def test_a_bad_image_is_refused_by_its_place_and_harms_nobody(
    eyed: Local, bad: ir.Media, why: str
) -> None:
    with pytest.raises(InvalidRequest, match=why) as caught:
        await eyed.prepare(shown(bad, "x"))
    assert caught.value.param == bad.at
    assert await said(eyed, shown(RED, "x"))


@sighted
async def test_a_template_that_drops_an_image_is_no_answer_about_it(file: Path) -> None:
    template = "{% for m in messages %}{{ m.role }}: hello\n{% endfor %}"
    async with running("llamacpp", projector=str(file), chat_template=template) as provider:
        with pytest.raises(InvalidRequest, match="template does not show it") as caught:
            await provider.prepare(shown(RED))
    assert caught.value.param == "messages.0.content.0"


@sighted
@pytest.mark.parametrize("kind", ["another model's", "no projector", "nothing", "garbage", "cut"])
async def test_a_projector_that_cannot_be_used_is_a_mistake_of_the_configuration(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "mmproj.gguf"
    match kind:
        case "another model's":
            projector(path, width=64)
        case "no projector":
            path = Path(__file__).parents[3] / "providers/local/models/tiny-q8_0.gguf"
        case "garbage":
            path.write_bytes(b"no gguf at all")
        case "cut":
            path.write_bytes(projector(path).read_bytes()[:-4096])
    with pytest.raises(ConfigError, match=r"projector: .*(gguf)"):
        async with running("llamacpp", projector=str(path)):
            pass


async def test_a_build_without_images_says_how_to_build_it_with_them(
    monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    import llama_cpp

    monkeypatch.delattr(llama_cpp, "mtmd_cpp", raising=False)
    monkeypatch.setitem(sys.modules, "llama_cpp.mtmd_cpp", None)
    with pytest.raises(ConfigError, match=r"built without images; .*-DLLAVA_BUILD=ON"):
        async with running("llamacpp", projector=str(file)):
            pass


async def test_a_model_without_a_projector_reads_text_only() -> None:
    async with running("llamacpp") as provider:
        with pytest.raises(InvalidRequest, match="reads text only") as caught:
            await provider.prepare(shown(RED, "x"))
        (model,) = await provider.models()
    assert caught.value.param == "messages.0.content.0"
    assert model.modalities == {"text"}
