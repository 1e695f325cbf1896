"""Chat templates for models whose files have none, by the marks that their tokenizers know.

Old conversions lack a template, and so do some new ones. What a family of models was trained on is
public knowledge, and the marks of a turn are tokens that no other family has. A model that knows
none of them was not made for conversations, as far as its file tells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """`marks` are the words that all have to be in the vocabulary."""

    marks: tuple[str, ...]
    template: str


def _turns(turn: str, prompt: str, begin: str = "") -> str:
    """A template that writes each message alike; `m` is the message."""
    start = f"{{{{ {begin} }}}}" if begin else ""
    return (
        f"{start}{{% for m in messages %}}{{{{ {turn} }}}}{{% endfor %}}"
        f"{{% if add_generation_prompt %}}{{{{ {prompt} }}}}{{% endif %}}"
    )


# The system text goes before the first question where a family has no turn for it.
_FOLDED = (
    "{% if messages[0].role == 'system' %}{% set system = messages[0].content + '\\n\\n' %}"
    "{% set messages = messages[1:] %}{% else %}{% set system = '' %}{% endif %}"
)

FAMILIES: dict[str, Family] = {
    "llama3": Family(
        ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        _turns(
            "'<|start_header_id|>' + m.role + '<|end_header_id|>\\n\\n' + m.content + '<|eot_id|>'",
            "'<|start_header_id|>assistant<|end_header_id|>\\n\\n'",
            "bos_token",
        ),
    ),
    "chatml": Family(
        ("<|im_start|>", "<|im_end|>"),
        _turns(
            "'<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n'",
            "'<|im_start|>assistant\\n'",
        ),
    ),
    "gemma": Family(
        ("<start_of_turn>", "<end_of_turn>"),
        _FOLDED
        + _turns(
            "'<start_of_turn>' + ('model' if m.role == 'assistant' else 'user') + '\\n'"
            " + (system if loop.first else '') + m.content + '<end_of_turn>\\n'",
            "'<start_of_turn>model\\n'",
            "bos_token",
        ),
    ),
    "phi3": Family(
        ("<|user|>", "<|assistant|>", "<|end|>"),
        _turns("'<|' + m.role + '|>\\n' + m.content + '<|end|>\\n'", "'<|assistant|>\\n'"),
    ),
    "zephyr": Family(
        ("<|user|>", "<|assistant|>"),
        _turns("'<|' + m.role + '|>\\n' + m.content + eos_token + '\\n'", "'<|assistant|>\\n'"),
    ),
    "deepseek": Family(
        ("<\uff5cUser\uff5c>", "<\uff5cAssistant\uff5c>"),
        _turns(
            "('<\uff5cUser\uff5c>' if m.role == 'user' else"
            " '<\uff5cAssistant\uff5c>' if m.role == 'assistant' else '') + m.content"
            " + (eos_token if m.role == 'assistant' else '')",
            "'<\uff5cAssistant\uff5c>'",
            "bos_token",
        ),
    ),
    "mistral": Family(
        ("[INST]", "[/INST]"),
        _FOLDED
        + _turns(
            "'[INST] ' + (system if loop.first else '') + m.content + '[/INST]'"
            " if m.role == 'user' else ' ' + m.content + eos_token",
            "''",
            "bos_token",
        ),
    ),
}


def family(knows: Callable[[str], bool]) -> str | None:
    """The name of the first family all of whose marks are known."""
    found = (name for name, each in FAMILIES.items() if all(map(knows, each.marks)))
    return next(found, None)
