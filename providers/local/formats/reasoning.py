"""The marks between which models think."""

from __future__ import annotations

from dataclasses import dataclass

THINK, THINK_END = "<think>", "</think>"


@dataclass(frozen=True, slots=True)
class ReasoningFormat:
    """`opens` and `closes` are empty for models that do not think in marks; `token` is the part of
    `opens` that is one token, where not all of it is.
    """

    name: str
    families: str
    opens: str = ""
    closes: str = ""
    token: str = ""

    @property
    def tokens(self) -> tuple[str, ...]:
        """The texts that are one token each, where the model thinks in marks."""
        return (self.begins, self.closes) if self.opens else ()

    @property
    def begins(self) -> str:
        return self.token or self.opens


REASONING = {
    row.name: row
    for row in (
        ReasoningFormat(
            "think", "Qwen3, DeepSeek R1, GLM, Kimi K2 and most others", THINK, THINK_END
        ),
        ReasoningFormat("seed", "Seed-OSS", "<seed:think>", "</seed:think>"),
        ReasoningFormat("mistral", "Magistral, Ministral 3", "[THINK]", "[/THINK]"),
        ReasoningFormat("gemma", "Gemma 4", "<|channel>thought", "<channel|>", "<|channel>"),
        ReasoningFormat("command", "Command R7B and A", "<|START_THINKING|>", "<|END_THINKING|>"),
        ReasoningFormat("hunyuan", "Hunyuan 3", "<think:opensource>", "</think:opensource>"),
        ReasoningFormat(
            "harmony",
            "gpt-oss",
            "<|channel|>analysis<|message|>",
            "<|end|><|start|>assistant",
            "<|channel|>",
        ),
        ReasoningFormat("none", "models that do not think, or whose thoughts are to stay text"),
    )
}
