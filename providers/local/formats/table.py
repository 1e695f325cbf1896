"""The formats by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field

from . import functionary, gemma, harmony, llama, marked, mistral, objects, pythonic
from .calls import Reader
from .glm import GLM, HUNYUAN, HUNYUAN_CALL, LONGCAT, pairs
from .glm import section as paired
from .hermes import CALL, CALL_END, hermes
from .sections import DEEPSEEK, KIMI, called, opened
from .tagged import DSML, DSML4, MINICPM, MINIMAX, QWEN, SEED, function, section


@dataclass(frozen=True, slots=True)
class ToolFormat:
    """How a call is written: the marks that begin one anywhere, each with what reads on behind it.

    `starts` count only where a part of the answer begins, and as plain text without a word if no
    call follows. `answer` reads a whole answer that is no text with marks in it, and `text` begins
    the text of one. `others` are the further marks that have to be seen.
    """

    name: str
    families: str
    marks: Mapping[str, Reader] = field(default_factory=dict)
    starts: Mapping[str, Reader] = field(default_factory=dict)
    answer: Reader | None = None
    text: str = ""
    others: tuple[str, ...] = ()
    ready: Callable[[], object] | None = None  # raises `ConfigError` where something is missing

    @property
    def tokens(self) -> tuple[str, ...]:
        """The texts that are one token each in the vocabularies of such models, or may be."""
        return tuple(filter(None, (*self.marks, *self.others)))


FORMATS = {
    row.name: row
    for row in (
        ToolFormat("hermes", "Qwen 2.5 and 3, Hermes", {CALL: hermes}, others=(CALL_END,)),
        ToolFormat(
            "qwen3-coder",
            "Qwen3-Coder, Qwen3-Next and later, Nemotron 3, Step 3.5",
            {CALL: section(QWEN), QWEN.function: function(QWEN)},
            others=(CALL_END,),
        ),
        ToolFormat(
            "seed",
            "Seed-OSS",
            {"<seed:tool_call>": section(SEED), CALL: hermes},
            others=(SEED.section_end, CALL_END),
        ),
        ToolFormat(
            "minimax",
            "MiniMax M2",
            {"<minimax:tool_call>": section(MINIMAX), CALL: hermes},
            others=(MINIMAX.section_end, CALL_END),
        ),
        ToolFormat("glm", "GLM 4.5 and later", {CALL: pairs(GLM)}, others=(*astuple(GLM),)),
        ToolFormat(
            "longcat",
            "LongCat",
            {"<longcat_tool_call>": pairs(LONGCAT), CALL: hermes},
            others=(*astuple(LONGCAT), CALL_END),
        ),
        ToolFormat(
            "deepseek",
            "DeepSeek V3, R1 and V3.1",
            {DEEPSEEK.begin: opened(DEEPSEEK), DEEPSEEK.call: called(DEEPSEEK), CALL: hermes},
            others=(*DEEPSEEK.marks, CALL_END),
        ),
        ToolFormat(
            "kimi-k2",
            "Kimi K2",
            {KIMI.begin: opened(KIMI), KIMI.call: called(KIMI), CALL: hermes},
            others=(*KIMI.marks, CALL_END),
        ),
        ToolFormat(
            "deepseek-v3.2",
            "DeepSeek V3.2 and V4",
            {
                "<｜DSML｜function_calls>": section(DSML),
                "<｜DSML｜tool_calls>": section(DSML4),
                CALL: hermes,
            },
            others=("｜DSML｜", CALL_END),
        ),
        ToolFormat(
            "llama3",
            "Llama 3.1 to 3.3",
            {llama.PYTHON: llama.tagged},
            {"{": llama.untagged},
        ),
        ToolFormat(
            "pythonic",
            "Llama 4, LFM2, and others that call as Python does",
            {
                "<|tool_call_start|>": pythonic.listed("<|tool_call_end|>"),
                "<|python_start|>": pythonic.listed("<|python_end|>"),
            },
            {"[": pythonic.bare},
            others=("<|tool_call_end|>", "<|python_end|>"),
        ),
        ToolFormat(
            "mistral",
            "Mistral, Devstral, Magistral, Ministral",
            {mistral.CALLS: mistral.mistral},
            others=(mistral.CALL_ID, mistral.ARGS),
        ),
        ToolFormat(
            "gemma",
            "Gemma 4, FunctionGemma, and Gemma 3's blocks of code",
            {
                gemma.GEMMA4.begin: gemma.called(gemma.GEMMA4),
                gemma.FUNCTION_GEMMA.begin: gemma.called(gemma.FUNCTION_GEMMA),
                pythonic.FENCE: pythonic.fenced,
            },
            others=(*astuple(gemma.GEMMA4), *astuple(gemma.FUNCTION_GEMMA)),
        ),
        ToolFormat(
            "harmony",
            "gpt-oss",
            answer=harmony.harmony,
            text=harmony.FINAL,
            others=harmony.MARKS,
            ready=lambda: harmony.loaded(),
        ),
        ToolFormat("granite", "Granite 3, Phi 4 mini", {"<|tool_call|>": marked.marked()}),
        ToolFormat(
            "nemotron",
            "Nemotron Nano 2",
            {"<TOOLCALL>": marked.marked("</TOOLCALL>")},
            others=("</TOOLCALL>",),
        ),
        ToolFormat(
            "apriel",
            "Apriel, MiniMax M1, Jamba",
            {"<tool_calls>": marked.marked("</tool_calls>"), CALL: hermes},
            others=("</tool_calls>", CALL_END),
        ),
        ToolFormat(
            "command",
            "Command R7B and A",
            {"<|START_ACTION|>": marked.marked("<|END_ACTION|>")},
            others=("<|END_ACTION|>",),
        ),
        ToolFormat("functionary", "Functionary 3.1", {functionary.BEGIN: functionary.function}),
        ToolFormat("minicpm", "MiniCPM 5", {MINICPM.function: function(MINICPM)}),
        ToolFormat(
            "hunyuan",
            "Hunyuan 3",
            {
                "<tool_calls:opensource>": paired(
                    HUNYUAN_CALL, HUNYUAN, "</tool_calls:opensource>"
                ),
                HUNYUAN_CALL: pairs(HUNYUAN),
            },
            others=(*astuple(HUNYUAN), "</tool_calls:opensource>"),
        ),
        ToolFormat(
            "generic",
            "all others: JSON that names an offered tool",
            {CALL: hermes},
            {"{": objects.bare, "[": objects.bare, marked.FENCE: marked.fenced},
            others=(CALL_END,),
        ),
    )
}
