"""A model's formats, by texts of its chat template or by their names in the configuration."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from polystack.core.canon.errors import ConfigError
from polystack.providers.local.config import LocalConfig
from polystack.providers.local.formats import harmony
from polystack.providers.local.formats.detection import CALLS, THOUGHTS, formats
from polystack.providers.local.formats.reasoning import REASONING
from polystack.providers.local.formats.table import FORMATS

HERMES = (
    'For each function call, return a json object within <tool_call></tool_call> tags:\n{"name"'
)
# What stands in the templates of these families, or most of it.
TEMPLATES = {
    "Qwen3": (f"{HERMES} {{%- set content = '<think>\\n' %}}", "hermes", "think"),
    "Qwen3-Coder": ("<tool_call>\n<function=example>\n<parameter=x>", "qwen3-coder", "think"),
    "GLM 4.6": ("<tool_call>{{name}}<arg_key>{{k}}</arg_key><think>", "glm", "think"),
    "Seed-OSS": ("<seed:tool_call>\n<function=f><seed:think>", "seed", "seed"),
    "MiniMax M2": ('<minimax:tool_call>\n<invoke name="f">', "minimax", "think"),
    "MiniMax M3": ("{%- set ns = ']<]minimax[>[' %}{{ ns ~ '<tool_call>' }}", "generic", "think"),
    "DeepSeek V3.1": ("<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>", "deepseek", "think"),
    "DeepSeek V3.2": ("<{{ '｜DSML｜' }}function_calls>", "deepseek-v3.2", "think"),
    "Kimi K2": ("<|tool_calls_section_begin|><|tool_call_begin|>", "kimi-k2", "think"),
    "Llama 3.1": ("Environment: ipython <|python_tag|>", "llama3", "think"),
    "Llama 3.2": ("Environment: ipython\n{{- '\"parameters\": ' }}", "llama3", "think"),
    "gpt-oss": (
        "<|start|>assistant<|channel|>analysis<|message|>",
        "harmony",
        "harmony",
    ),
    "Mistral Nemo": ("[TOOL_CALLS][", "mistral", "think"),
    "Ministral 3": ("[TOOL_CALLS] + [ARGS] [THINK] [/THINK]", "mistral", "mistral"),
    "Gemma 4": ("<|tool_call>call:{{ name }} '<|channel>thought\\n'", "gemma", "gemma"),
    "FunctionGemma": ("<start_function_call>call:", "gemma", "think"),
    "LFM2": ("List of tools: <|tool_list_start|>[", "pythonic", "think"),
    "Granite 3.3": ("respond only with <|tool_call|> followed by a JSON list", "granite", "think"),
    "Nemotron Nano 2": ('<TOOLCALL>[{{"name": "tool_name1"', "nemotron", "think"),
    "Apriel": ("<tool_call></tool_call> XML tags <tool_calls>[", "apriel", "think"),
    "Command R7B": ("<|START_THINKING|> <|START_ACTION|>[", "command", "command"),
    "LFM2.5": ('"List of tools: [" <|im_start|>', "pythonic", "think"),
    "Functionary 3.1": (
        "format:\\n<{start_tag}={function_name}>{parameters}{end_tag} <|python_tag|>",
        "functionary",
        "think",
    ),
    "MiniCPM 5": ('<function name="f"><param name="p">', "minicpm", "think"),
    "Hunyuan 3": ("'<tool_sep{}>'.format(':opensource') <think{}>", "hunyuan", "hunyuan"),
    "any other": ("{{ messages }}", "generic", "think"),
}


@pytest.mark.parametrize(("template", "tools", "reasoning"), TEMPLATES.values(), ids=TEMPLATES)
def test_a_template_tells_the_formats(template: str, tools: str, reasoning: str) -> None:
    found = formats(template)
    assert (found.tools.name, found.reasoning.name) == (tools, reasoning)


def test_the_tables_name_what_there_is() -> None:
    assert {name for name, _ in CALLS} <= set(FORMATS)
    assert {name for name, _ in THOUGHTS} <= set(REASONING)


def test_the_document_names_every_format() -> None:
    document = Path(__file__).parents[4] / "docs" / "tool-formats.md"
    told = re.findall(r"^\| `(.+?)` \| (.+) \|$", document.read_text(), re.MULTILINE)
    calls = [(row.name, row.families) for row in FORMATS.values()]
    assert told == calls + [(row.name, row.families) for row in REASONING.values()]


def test_a_name_outweighs_the_template() -> None:
    found = formats(HERMES, "mistral", "none")
    assert (found.tools.name, found.reasoning.name) == ("mistral", "none")
    assert found.marks == {"[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"}


@pytest.mark.parametrize("field", ["tool_format", "reasoning_format"])
def test_an_unknown_name_is_an_error_that_lists_the_known(field: str) -> None:
    with pytest.raises(ValidationError, match=rf"{field}\n.*'qwen' is no format; known are auto, "):
        LocalConfig.model_validate({"model": "m", field: "qwen"})
    assert LocalConfig.model_validate({"model": "m", field: "auto"})


READ_BY_PACKAGE = harmony.loaded  # before any test takes another


@pytest.mark.parametrize(
    ("package", "remedy"),
    [
        (None, r"install 'polystack\[harmony\]'"),
        (SimpleNamespace(HarmonyEncodingName=SimpleNamespace(HARMONY_GPT_OSS="x")), "TIKTOKEN_"),
    ],
)
def test_harmony_without_its_package_or_vocabulary_names_the_remedy(
    package: Any, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openai_harmony", package)
    with pytest.raises(ConfigError, match=remedy):
        READ_BY_PACKAGE.__wrapped__()
