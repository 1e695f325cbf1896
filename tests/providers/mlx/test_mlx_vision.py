"""Images on MLX, read through mlx-vlm where that is installed.

It brings OpenCV, pandas and more than half a gigabyte in all, so it is left out of the usual
environment. To run these: pip install -e '.[vlm]' && pytest tests/providers/mlx/test_mlx_vision.py
"""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from engines import ENDLESS, answer, ask, running, settled
from projector_files import png
from vision_folders import IMAGES, folder

from polystack.core import ir
from polystack.core.canon.errors import ConfigError, ContextOverflow, InvalidRequest
from polystack.providers.local.images import Placed
from polystack.providers.local.job import Job, Output, Token
from polystack.providers.local.provider import Local
from polystack.providers.local.sampling import Sampler
from polystack.providers.mlx.config import Config
from polystack.providers.mlx.seeing import Seer
from polystack.providers.mlx.vision import Picture

pytestmark = pytest.mark.engine
pytest.importorskip("mlx_vlm", reason="mlx-vlm is not installed (the extra `vlm` has it)")

RED, BLUE = png(250, 0, 0, 112, 84), png(0, 0, 250, 56, 56)
LINE_ENDS = {198: -100.0, 363: -100.0}  # of which an answer is that says nothing
TOLD = ir.Sampling(
    max_tokens=12, logprobs=True, top_logprobs=3, temperature=0, logit_bias=LINE_ENDS
)


def image(data: bytes, at: str = "messages.0.content.0") -> ir.Media:
    return ir.Media("image", "image/png", base64.b64encode(data).decode(), at=at)


def shown(*parts: ir.Part | bytes | str, **fields: Any) -> ir.Request:
    content = tuple(
        image(part) if isinstance(part, bytes) else ir.Text(part) if isinstance(part, str) else part
        for part in parts
    )
    fields.setdefault("sampling", TOLD)
    return ir.Request("tiny", (ir.Turn("user", content, at="messages.0"),), **fields)


async def said(provider: Local, request: ir.Request) -> tuple[str, list[float]]:
    """The text, and how likely its tokens were: what was read shows in them."""
    found = await answer(provider, request)
    parts = tuple(part for part in found.parts if isinstance(part, ir.Text))
    return ir.text_of(parts), [each.logprob for part in parts for each in part.logprobs]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    path = tmp_path_factory.mktemp("models")
    return {kind: folder(path / kind, kind) for kind in IMAGES}


@pytest.fixture(params=IMAGES)
async def eyed(folders: dict[str, Path], request: pytest.FixtureRequest) -> AsyncIterator[Local]:
    async with running("mlx", model=str(folders[request.param]), slots=4, context=640) as provider:
        yield provider


@pytest.fixture
async def qwen(folders: dict[str, Path]) -> AsyncIterator[Local]:
    async with running("mlx", model=str(folders["qwen2_vl"]), slots=2, context=640) as provider:
        yield provider


# Read --------------------------------------------------------------------------------------------


Told = tuple[list[int], list[float]]  # tokens, and how likely they were
Pieces = list[str | bytes]  # texts and images


def by_itself(path: Path, pieces: Pieces) -> Told:
    """What mlx-vlm's own generator says."""
    import mlx.core as mx
    from mlx_vlm.generate import stream_generate
    from mlx_vlm.utils import load, prepare_inputs
    from PIL import Image

    model, processor = load(str(path))
    mark, images = IMAGES[path.name], [piece for piece in pieces if isinstance(piece, bytes)]

    def read(text: str, *data: bytes) -> dict[str, Any]:
        opened = [Image.open(BytesIO(each)) for each in data]
        return dict(prepare_inputs(processor, prompts=text, images=opened or None))

    if path.name == "gemma3":  # whose images bring line ends, which would join with the text's
        read_each = [read(p) if isinstance(p, str) else read(mark, p) for p in pieces]
        inputs = read(mark * len(images), *images) if images else {}
        inputs["input_ids"] = mx.concatenate([each["input_ids"] for each in read_each], axis=1)
    else:
        inputs = read("".join(p if isinstance(p, str) else mark for p in pieces), *images)
    inputs.pop("attention_mask", None)
    inputs["mask"] = mx.ones_like(inputs["input_ids"])
    told = stream_generate(model, processor, "", max_tokens=12, temperature=0.0, **inputs)
    steps = [step for step in told if step.finish_reason is None]
    return [step.token for step in steps], [s.logprobs[s.token].item() for s in steps]


@contextmanager
def seeing(path: Path, **config: Any) -> Iterator[Seer]:
    seer = Seer(Config(model=str(path), **({"context": 640} | config)))
    seer.load()
    try:
        yield seer
    finally:
        seer.close()


async def job(seer: Seer, pieces: Pieces) -> Job:
    tokens: list[int] = []
    placed: list[Placed] = []
    for piece in pieces:
        if isinstance(piece, str):
            tokens += seer.vocabulary.tokenize(piece, False)
            continue
        (picture,) = await asyncio.to_thread(seer.eyes.look, piece)
        assert isinstance(picture, Picture)
        placed.append(Placed(len(tokens), len(tokens) + picture.positions, picture))
        tokens += [-1] * picture.positions
    return Job(tokens, 12, Sampler(0, 1, 0, 0, seed=1, logprobs=0), images=placed)


def done(seer: Seer, job: Job) -> Told:
    outputs: list[Output] = []
    while job.state is not None:
        outputs += [output for other, output in seer.step() if other is job]
    likely = [o.logprob.logprob for o in outputs if isinstance(o, Token) and o.logprob is not None]
    return job.tokens[job.prompt_size :], likely


async def by_us(path: Path, pieces: Pieces) -> Told:
    """What the engine says."""
    with seeing(path) as seer:
        asked = await job(seer, pieces)
        assert seer.admit(asked) == 0
        return done(seer, asked)


@pytest.mark.parametrize("data", [[], [RED], [RED, BLUE]], ids=["none", "one", "two"])
@pytest.mark.parametrize("kind", IMAGES)
def test_an_answer_is_the_one_that_mlx_vlm_gives_by_itself(
    folders: dict[str, Path], kind: str, data: list[bytes]
) -> None:
    pieces: Pieces = ["<|im_start|>user\nLook"]
    for each in data:
        pieces += [each, "and"]
    pieces.append(" tell<|im_end|>\n<|im_start|>assistant\n")
    tokens, likely = by_itself(folders[kind], pieces)
    with ThreadPoolExecutor(1) as own:  # an engine's thread ends with it
        ours, ours_likely = own.submit(asyncio.run, by_us(folders[kind], pieces)).result()
    assert ours == tokens
    assert ours_likely == pytest.approx(likely, abs=1e-4)


async def test_two_images_at_the_same_time_do_not_mix(eyed: Local) -> None:
    asked = [shown(RED, "Hm"), shown("Hm", BLUE), shown("Hm"), shown(BLUE, "and", RED)]
    alone = [await said(eyed, each) for each in asked]
    together = await asyncio.gather(*(said(eyed, each) for each in [*asked, *reversed(asked)]))
    assert len({str(each) for each in alone}) == len(alone)
    for before, after in zip([*alone, *reversed(alone)], together, strict=True):
        assert after[0] == before[0]
        assert after[1] == pytest.approx(before[1], abs=1e-3)


async def test_a_model_tells_that_it_sees(qwen: Local) -> None:
    (model,) = await qwen.models()
    assert "vision" in model.features
    assert "prefix_cache" not in model.features  # every turn is read anew
    assert "image" in model.modalities


async def test_an_image_counts_as_the_tokens_that_it_takes(qwen: Local) -> None:
    none, one, two = [
        (await qwen.count_tokens(shown(*parts, "x"))).input for parts in ((), (BLUE,), (BLUE, BLUE))
    ]
    patches, marks, newline = 4, 2, 1
    assert one - none == two - one == patches + marks + newline


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP"])
async def test_these_formats_are_read(qwen: Local, form: str) -> None:
    from PIL import Image

    data = BytesIO()
    Image.new("RGB", (56, 56), (0, 0, 250)).save(data, form)
    other = await said(qwen, shown(RED, "Hm"))
    assert (await said(qwen, shown(data.getvalue(), "Hm"))) != other


# Told --------------------------------------------------------------------------------------------


async def test_a_seed_gives_the_same_text_whatever_else_runs(qwen: Local) -> None:
    sampling = ir.Sampling(max_tokens=12, temperature=1.5, seed=11)
    request = shown(RED, "Hm", sampling=sampling)
    alone = ir.text_of((await answer(qwen, request)).parts)
    other = shown(BLUE, "Hm", sampling=ir.Sampling(max_tokens=12, temperature=1.5, seed=12))
    found, beside = await asyncio.gather(answer(qwen, request), answer(qwen, other))
    assert ir.text_of(found.parts) == alone
    assert ir.text_of(beside.parts) != alone


async def test_a_schema_holds_for_an_answer_about_an_image(qwen: Local) -> None:
    output = ir.OutputFormat("schema", {"enum": ["red", "blue"]})
    told = await said(qwen, shown(RED, "Which?", output=output))
    assert told[0] in ('"red"', '"blue"')
    assert told[1]


async def test_a_logit_bias_and_a_stop_string_hold(qwen: Local) -> None:
    (token,) = qwen._engine.vocabulary.tokenize(" today", False)
    sampling = ir.Sampling(max_tokens=4, temperature=0, logit_bias={token: 100.0})
    assert (await said(qwen, shown(RED, sampling=sampling)))[0] == " today" * 4
    stopped = ir.Sampling(
        max_tokens=9, temperature=0, logit_bias={token: 100.0}, stop=("day today",)
    )
    assert (await said(qwen, shown(RED, sampling=stopped)))[0] == " to"


async def test_a_cancelled_answer_leaves_its_slot(qwen: Local) -> None:
    endless = ir.Sampling(max_tokens=500, temperature=0, logit_bias={198: 100.0})
    runs = [asyncio.create_task(answer(qwen, shown(RED, sampling=endless))) for _ in range(3)]
    async with asyncio.timeout(30):
        while qwen.status()["running"] < 2:
            await asyncio.sleep(0.001)
    for run in runs:
        run.cancel()
    await asyncio.gather(*runs, return_exceptions=True)
    await settled(qwen)
    assert all(run.cancelled() for run in runs)
    assert (await said(qwen, shown(BLUE, "Hm")))[1]


async def half_read(path: Path) -> tuple[Told, Told]:
    """What is said alone, and beside a prompt that is dropped in the midst of being read."""
    with seeing(path, prefill_chunk=16) as seer:
        prompts: list[Pieces] = [["Hm", RED], ["Hm", RED], ["word " * 100, BLUE]]
        alone, beside, long = [await job(seer, pieces) for pieces in prompts]
        seer.admit(alone)
        first = done(seer, alone)
        seer.admit(beside)
        seer.admit(long)
        while long.state.uid is None:
            seer.step()
        assert long.sampled == 0
        assert beside.sampled < 12
        seer.drop(long)
        return first, done(seer, beside)


def test_a_prompt_that_is_dropped_half_read_leaves_the_others_alone(
    folders: dict[str, Path],
) -> None:
    with ThreadPoolExecutor(1) as own:
        alone, beside = own.submit(asyncio.run, half_read(folders["qwen2_vl"])).result()
    # The answer began before the other prompt was read, and goes on without it.
    assert beside[0] == alone[0]


# Refused -----------------------------------------------------------------------------------------


async def test_a_damaged_image_is_named(qwen: Local) -> None:
    at = "messages.0.content.1.image_url"
    request = shown("Look", image(RED[:60], at))
    with pytest.raises(InvalidRequest, match="cannot be decoded") as caught:
        await qwen.prepare(request)
    assert caught.value.param == at


async def test_more_images_than_the_context_holds_are_refused_with_the_numbers(
    qwen: Local,
) -> None:
    with pytest.raises(ContextOverflow):
        await qwen.prepare(shown(*[RED] * 60, "Hm"))


async def test_code_that_comes_with_a_model_is_not_run(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    copied = tmp_path / "model"
    shutil.copytree(folders["qwen2_vl"], copied)
    described = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps(described | {"model_file": "evil.py"}))
    (copied / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(ConfigError, match="code of its own"):
        async with running("mlx", model=str(copied)):
            pass
    assert not (tmp_path / "ran").exists()


async def test_vision_false_serves_the_model_for_text(folders: dict[str, Path]) -> None:
    pytest.importorskip("mlx_lm.models.qwen2_vl")
    async with running("mlx", model=str(folders["qwen2_vl"]), vision=False) as provider:
        (model,) = await provider.models()
        assert "vision" not in model.features
        assert (await answer(provider, ask(ENDLESS, sampling=TOLD))).usage is not None
