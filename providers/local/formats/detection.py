"""Which formats a model uses, by what its chat template says; the most telling texts come first."""

from __future__ import annotations

from dataclasses import dataclass

from .reasoning import REASONING, ReasoningFormat
from .table import FORMATS, ToolFormat

AUTO = "auto"

# Each with the texts that a template must have, all of them.
CALLS = (
    ("hunyuan", ("<tool_sep{}>", ":opensource")),
    ("seed", ("<seed:tool_call>",)),
    ("minimax", ("<minimax:tool_call>",)),
    ("generic", ("]<]minimax[>[",)),  # M3, whose marks look like those of Hermes
    ("longcat", ("<longcat_tool_call>",)),
    ("deepseek-v3.2", ("｜DSML｜",)),
    ("deepseek", ("<｜tool▁calls▁begin｜>",)),
    ("kimi-k2", ("<|tool_calls_section_begin|>",)),
    ("harmony", ("<|channel|>", "<|message|>")),
    ("mistral", ("[TOOL_CALLS]",)),
    ("gemma", ("<|tool_call>call:",)),
    ("gemma", ("<start_function_call>",)),
    ("gemma", ("tool_code",)),
    ("pythonic", ("<|tool_list_start|>",)),
    ("pythonic", ("<|tool_call_start|>",)),
    ("pythonic", ("<|python_start|>",)),
    ("pythonic", ("List of tools: [", "<|im_start|>")),
    ("nemotron", ("<TOOLCALL>",)),
    ("command", ("<|START_ACTION|>",)),
    ("apriel", ("<tool_calls>",)),
    ("granite", ("<|tool_call|>",)),
    ("minicpm", ("<function name=", "<param name=")),
    ("functionary", ("<{start_tag}={function_name}>{parameters}{end_tag}",)),
    ("glm", ("<arg_key>",)),
    ("qwen3-coder", ("<function=", "<tool_call>")),
    ("llama3", ("<|python_tag|>",)),
    ("llama3", ("ipython", '"parameters"')),
    ("hermes", ("<tool_call>",)),
)
THOUGHTS = (
    ("hunyuan", "<think{}>"),
    ("seed", "<seed:think>"),
    ("mistral", "[THINK]"),
    ("gemma", "<|channel>thought"),
    ("command", "<|START_THINKING|>"),
    ("harmony", "<|channel|>analysis"),
)


@dataclass(frozen=True, slots=True)
class Formats:
    """How one model calls tools, and how it thinks."""

    tools: ToolFormat = FORMATS["hermes"]
    reasoning: ReasoningFormat = REASONING["think"]

    @property
    def marks(self) -> frozenset[str]:
        """The texts of tokens that the model writes within a text of its own."""
        if self.tools.answer is not None:  # they begin other texts
            return frozenset()
        return frozenset([*self.tools.tokens, *self.reasoning.tokens])


def formats(template: str, tools: str = AUTO, reasoning: str = AUTO) -> Formats:
    """Those of these names, or the ones that a model with this template uses."""
    return Formats(
        FORMATS[called(template) if tools == AUTO else tools],
        REASONING[thought(template) if reasoning == AUTO else reasoning],
    )


def called(template: str) -> str:
    found = (name for name, texts in CALLS if all(text in template for text in texts))
    return next(found, "generic")


def thought(template: str) -> str:
    """`<think>` needs no template to say so: many leave it to the model."""
    return next((name for name, text in THOUGHTS if text in template), "think")
