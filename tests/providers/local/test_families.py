"""Models without a chat template get their family's, known by the marks of their vocabulary."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from engines import answer, ask, running

from polystack.core import ir
from polystack.core.canon.errors import ConfigError
from polystack.providers.llamacpp.gguf import read_header
from polystack.providers.local.config import BUILTIN
from polystack.providers.local.families import FAMILIES, family
from polystack.providers.local.template import ChatTemplate

SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}
TALK = [
    {"role": "system", "content": "SYSTEM"},
    {"role": "user", "content": "QUESTION"},
    {"role": "assistant", "content": "ANSWER"},
    {"role": "user", "content": "AGAIN"},
]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_familys_template_tells_all_that_was_said_in_its_order(name: str) -> None:
    template = ChatTemplate(FAMILIES[name].template, SPECIAL)
    text = template.render(TALK).text
    places = [text.index(word) for word in ("SYSTEM", "QUESTION", "ANSWER", "AGAIN")]
    assert places == sorted(places)
    assert template.takes_system_first
    assert len(template.render(TALK[:2]).text) < len(text)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_turn_goes_on_where_the_last_prompt_ended(name: str) -> None:
    template = ChatTemplate(FAMILIES[name].template, SPECIAL)
    before, after = template.render(TALK[:2]).text, template.render(TALK).text
    assert after.startswith(before.rstrip())


def test_what_llama_3_was_trained_on() -> None:
    text = ChatTemplate(FAMILIES["llama3"].template, SPECIAL).render(TALK[1:2]).text
    assert text == (
        "<s><|start_header_id|>user<|end_header_id|>\n\nQUESTION<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )


def test_a_family_is_known_by_all_of_its_marks() -> None:
    assert family({"<|im_start|>", "<|im_end|>"}.__contains__) == "chatml"
    assert family({"<|im_start|>"}.__contains__) is None
    assert family({"<|user|>", "<|assistant|>", "<|end|>"}.__contains__) == "phi3"


def without_template(folder: Path) -> Path:
    """The model that ships, its template renamed in the file."""
    path = folder / "bare.gguf"
    data = BUILTIN["builtin:tiny"].read_bytes()
    path.write_bytes(data.replace(b"tokenizer.chat_template", b"tokenizer.chat_tempxxxx"))
    return path


@pytest.mark.engine
async def test_a_file_without_a_template_talks_like_its_family(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = without_template(tmp_path)
    assert read_header(path).family == "chatml"
    with caplog.at_level(logging.WARNING):
        async with running("llamacpp", model=str(path)) as provider:
            request = ask("Say hello", sampling=ir.Sampling(temperature=0, max_tokens=30))
            assert ir.text_of((await answer(provider, request)).parts)
    assert "the marks of chatml" in caplog.text


@pytest.mark.engine
async def test_a_family_can_be_named_in_the_configuration() -> None:
    async with running("llamacpp", chat_template="chatml") as provider:
        request = ask("Say hello", sampling=ir.Sampling(temperature=0, max_tokens=30))
        assert ir.text_of((await answer(provider, request)).parts)


@pytest.mark.engine
async def test_a_model_of_no_family_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = without_template(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"<|im_end|>", b"<|im_xxx|>"))
    with pytest.raises(ConfigError, match="no chat template; give one as `chat_template`, or the"):
        async with running("llamacpp", model=str(path)):
            pass
