"""How each tool format writes a call, as the parts of a grammar."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from .lexicon import MAYBE
from .writing import AsJSON, AsPython, InBraces, InTags, Way

JSON, PYTHON = AsJSON(), AsPython()


@dataclass(frozen=True, slots=True)
class Form:
    """`trigger` begins a call, or a section of `several`: `begin`, calls with `between` between
    them, and `end`. A call is its arguments with what stands before and behind
    them, in one of the `calls`, which have places for the tool's name.

    `leading` forms count only where the answer begins, and with the tool's name. A form that
    `needs` a token is that of the models which have it.
    """

    trigger: str
    calls: tuple[tuple[str, str], ...]
    way: Way = JSON
    begin: str = ""
    between: str = ""
    end: str = ""
    several: bool = False
    leading: bool = False
    needs: str = ""


def _listed(trigger: str, end: str = "]", needs: str = "") -> Form:
    call = ('{"name": {quoted}, "arguments": ', "}")
    return Form(trigger, (call,), begin="[", between=", ", end=end, several=True, needs=needs)


def _tagged(trigger: str, end: str) -> Form:
    way = InTags("<parameter={key}>\n", "\n</parameter>", behind="\n")
    return Form(trigger, (("\n<function={name}>\n", "</function>\n" + end),), way)


def _invoked(trigger: str, end: str, dsml: str = "", said: str = "") -> Form:
    way = InTags(f'<{dsml}parameter name="{{key}}"{said}>', f"</{dsml}parameter>", behind="\n")
    call = (f'<{dsml}invoke name="{{name}}">\n', f"</{dsml}invoke>\n")
    return Form(trigger, (call,), way, begin="\n", end=end, several=True)


def _paired(prefix: str = "") -> Form:
    way = InTags(
        f"<{prefix}arg_key>{{key}}</{prefix}arg_key>{MAYBE}<{prefix}arg_value>",
        f"</{prefix}arg_value>",
        before=MAYBE,
        behind=MAYBE,
    )
    return Form(f"<{prefix}tool_call>", (("{name}", f"</{prefix}tool_call>"),), way)


def _python(trigger: str, end: str) -> Form:
    return Form(
        trigger,
        (("{name}(", ")"),),
        PYTHON,
        begin="[",
        between=", ",
        end="]" + end,
        several=True,
        needs=trigger,
    )


def _gemma(trigger: str, end: str, quote: str) -> Form:
    call = ("call:{name}{", "}" + end)
    return Form(trigger, (call,), InBraces(quote), needs=trigger)


def _messages() -> Form:
    """Harmony has a place for the recipient before the channel, and one behind it."""
    to = " to=functions.{name}"
    heads = (
        f"{to}<|channel|>commentary json",
        f"{to}<|channel|>commentary <|constrain|>json",
        f"<|channel|>commentary{to} <|constrain|>json",
        f"<|channel|>commentary{to} json",
    )
    return Form("", tuple((head + "<|message|>", "<|call|>") for head in heads))


HERMES = Form("<tool_call>", (('\n{"name": {quoted}, "arguments": ', "}\n</tool_call>"),))
DSML = "｜DSML｜"
SAID = ' string="{text}"'

FORMS: dict[str, tuple[Form, ...]] = {
    "hermes": (HERMES,),
    "qwen3-coder": (_tagged("<tool_call>", "</tool_call>"),),
    "seed": (_tagged("<seed:tool_call>", "</seed:tool_call>"),),
    "minimax": (_invoked("<minimax:tool_call>", "</minimax:tool_call>"),),
    "glm": (_paired(),),
    "longcat": (_paired("longcat_"),),
    "deepseek": (
        Form(
            "<｜tool▁calls▁begin｜>",
            (
                ("<｜tool▁call▁begin｜>{name}<｜tool▁sep｜>", "<｜tool▁call▁end｜>"),
                (
                    "<｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}\n```json\n",
                    "\n```<｜tool▁call▁end｜>",
                ),
            ),
            between=MAYBE,
            end="<｜tool▁calls▁end｜>",
            several=True,
        ),
    ),
    "kimi-k2": (
        Form(
            "<|tool_calls_section_begin|>",
            (
                (
                    "<|tool_call_begin|>functions.{name}:{number}<|tool_call_argument_begin|>",
                    "<|tool_call_end|>",
                ),
            ),
            end="<|tool_calls_section_end|>",
            several=True,
        ),
    ),
    "deepseek-v3.2": tuple(
        _invoked(f"<{DSML}{name}>", f"</{DSML}{name}>", DSML, SAID)
        for name in ("function_calls", "tool_calls")
    ),
    "llama3": (
        Form('{"name": ', (('{quoted}, "parameters": ', "}"),), leading=True),
        Form("<|python_tag|>", (('{"name": {quoted}, "parameters": ', "}"),)),
    ),
    "pythonic": (
        _python("<|tool_call_start|>", "<|tool_call_end|>"),
        _python("<|python_start|>", "<|python_end|>"),
    ),
    "mistral": (
        Form(
            "[TOOL_CALLS]",
            (("{name}[ARGS]", ""), ("{name}[CALL_ID]{id}[ARGS]", "")),
            needs="[ARGS]",
        ),
        _listed("[TOOL_CALLS]"),
    ),
    "gemma": (
        _gemma("<|tool_call>", "<tool_call|>", '<|"|>'),
        _gemma("<start_function_call>", "<end_function_call>", "<escape>"),
        Form(
            "```tool_code",
            (("{name}(", ")"),),
            PYTHON,
            begin="\n",
            between="\n",
            end="\n```",
            several=True,
        ),
    ),
    "harmony": (_messages(),),
    "granite": (_listed("<|tool_call|>"),),
    "nemotron": (_listed("<TOOLCALL>", "]</TOOLCALL>"),),
    "apriel": (_listed("<tool_calls>", "]</tool_calls>"),),
    "command": (
        Form(
            "<|START_ACTION|>",
            (('{"tool_call_id": "{number}", "tool_name": {quoted}, "parameters": ', "}"),),
            begin="[\n    ",
            between=",\n    ",
            end="\n]<|END_ACTION|>",
            several=True,
        ),
    ),
    "functionary": (Form("<function=", (("{name}>", "</function>"),)),),
    "minicpm": (
        Form(
            '<function name="',
            (('{name}">', "</function>"),),
            InTags('<param name="{key}">', "</param>"),
        ),
    ),
    "hunyuan": (
        Form(
            "<tool_calls:opensource>",
            (
                (
                    "<tool_call:opensource>{name}<tool_sep:opensource>\n",
                    "</tool_call:opensource>\n",
                ),
            ),
            InTags(
                "<arg_key:opensource>{key}</arg_key:opensource>\n<arg_value:opensource>",
                "</arg_value:opensource>",
                behind="\n",
            ),
            begin="\n",
            end="</tool_calls:opensource>",
            several=True,
        ),
    ),
    "generic": (HERMES, Form('{"name": ', (('{quoted}, "arguments": ', "}"),), leading=True)),
}


def forms(format: str, tokens: Container[str]) -> tuple[Form, ...]:
    """Those that a model with these tokens writes; none where no text begins a call for sure."""
    every = FORMS.get(format, ())
    return tuple(form for form in every if form.needs and form.needs in tokens) or tuple(
        form for form in every if not form.needs
    )
