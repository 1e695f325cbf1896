"""gpt-oss's answers, which are messages."""

from __future__ import annotations

from polystack.core.canon import ir

from .golden import FIVE, PARIS, PATCH, READ, Golden
from .reading import call

_THINKS = "<|channel|>analysis<|message|>Hm.<|end|>"
_PARIS = (
    "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>"
    '{"city": "Paris"}<|call|>'
)
_ROME = (
    "<|start|>assistant to=functions.get_time<|channel|>commentary json<|message|>"
    '{"city": "Rome", "days": 5}<|call|>'
)
_FINAL = "<|start|>assistant<|channel|>final<|message|>So é."

HARMONY = Golden(
    one=_PARIS,
    two=_PARIS + _ROME,
    more=(
        (f"{_THINKS}<|start|>assistant{_PARIS}", [ir.Reasoning("Hm."), PARIS]),
        (f"{_THINKS}{_FINAL}<|return|>", [ir.Reasoning("Hm."), ir.Text("So é.")]),
        (f"{_THINKS}{_FINAL}", [ir.Reasoning("Hm."), ir.Text("So é.")]),
        (
            f"<|channel|>commentary<|message|>Let me look.<|end|><|start|>assistant{_PARIS}{_ROME}",
            [ir.Text("Let me look."), PARIS, FIVE],
        ),
        (_PARIS.replace("<|call|>", ""), [PARIS]),
        (_PARIS.replace("get_weather", "files__read").replace('{"city": "Paris"}', "{}"), [READ]),
        (
            _PARIS.replace("get_weather", "apply_patch").replace(
                '{"city": "Paris"}', '{"input": "*** Begin"}'
            ),
            [PATCH],
        ),
        (
            _PARIS.replace("get_weather", "unknown").replace('"Paris"', '"<|x"'),
            [call("unknown", {"city": "<|x"})],
        ),
    ),
    broken=("Just text.", "<|channel|>final", "<|start|>"),
)

GOLDENS = {"harmony": HARMONY}
