"""The chat template of a model, rendered in a sandbox with limits.

The template is the model's own Jinja text, with the few extras that such templates count on. It
comes with a file from anywhere, so it can reach nothing, and it ends: loops and macros watch a
deadline, and texts have a limit. What it does with system text, tools and thinking is found out
once, by rendering small conversations, since templates have no other way of saying so.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, wraps
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ...core.canon.errors import InvalidRequest
from .formats.reasoning import THINK
from .probes import Message, calling, message, result

_THINKING = re.compile(r"\b(?:message|msg|m)\.thinking\b")
SECONDS = 5.0
CHARACTERS = 8 << 20


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered conversation; `thinking` says that it ends inside an opened reasoning."""

    text: str
    thinking: bool


class ChatTemplate:
    """`opens` is the mark that begins the model's thoughts, empty if it has none."""

    def __init__(
        self, source: str, tokens: Mapping[str, str] | None = None, opens: str = THINK
    ) -> None:
        self.source = source
        self._opens = opens
        self._tokens = dict(tokens or {})
        environment = _Environment(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[_Generation, loopcontrols],
            autoescape=False,
        )
        tree = environment.parse(source)
        repeated: Iterable[Any] = tree.find_all((nodes.For, nodes.Macro, nodes.CallBlock))
        for node in repeated:
            tick = nodes.Call(nodes.Name("__tick__", "load"), [], [], None, None)
            node.body.insert(0, nodes.ExprStmt(tick).set_lineno(node.lineno))
        self._template = environment.from_string(tree)

    def render(
        self,
        messages: Sequence[Message],
        tools: Sequence[Message] | None = None,
        kwargs: Mapping[str, Any] | None = None,
    ) -> Prompt:
        """The prompt up to where the model goes on; raises `InvalidRequest` if there is none."""
        context = {
            **self._tokens,
            **(kwargs or {}),
            "messages": messages,
            "tools": list(tools) if tools else None,
            "add_generation_prompt": True,
            "__tick__": _deadline(SECONDS),
        }
        pieces, size = [], 0
        try:
            for piece in self._template.generate(context):
                pieces.append(piece)
                size += len(piece)
                if size > CHARACTERS:
                    raise _TooMuch(f"its output is longer than {CHARACTERS} characters")
        except Exception as error:  # whatever the template's code can raise
            raise InvalidRequest(
                f"the model's chat template refuses this conversation: {_reason(error)}"
            ) from None
        text = "".join(pieces)
        return Prompt(text, bool(self._opens) and text.rstrip().endswith(self._opens))

    # What the template does ----------------------------------------------------------------------

    @cached_property
    def takes_system_first(self) -> bool:
        return self._shows("PROBE", [message("system", "PROBE"), message("user", "x")])

    @cached_property
    def takes_system_anywhere(self) -> bool:
        turns = [("system", "a"), ("user", "b"), ("system", "PROBE"), ("user", "c")]
        return self._shows("PROBE", [message(*turn) for turn in turns])

    @cached_property
    def takes_tools(self) -> bool:
        function = {"name": "PROBE", "description": "", "parameters": {"type": "object"}}
        tools = [{"type": "function", "function": function}]
        return self._shows("PROBE", [message("user", "x")], tools)

    @cached_property
    def takes_calls(self) -> bool:
        return self._shows("PROBE", [message("user", "x"), calling("PROBE"), result("PROBE")])

    @cached_property
    def takes_several_calls(self) -> bool:
        """In one message."""
        names = "FIRST", "PROBE"
        turns = [message("user", "x"), calling(*names), *map(result, names)]
        return self._shows("PROBE", turns) or not self.takes_calls

    @cached_property
    def takes_any_id(self) -> bool:
        """Of a call; Mistral's templates take nine letters and digits, and refuse all others."""
        return self._shows("PROBE", [message("user", "x"), calling("PROBE", suffix="_long")])

    @cached_property
    def thoughts(self) -> str:
        """The key of a message's thoughts; empty if the template does not show them."""
        if self.names("reasoning_content"):
            return "reasoning_content"
        return "thinking" if _THINKING.search(self.source) else ""

    @cached_property
    def takes_text_with_thoughts(self) -> bool:
        """Before a call."""
        said = {**calling("PROBE"), "content": "so", self.thoughts: "hm"}
        return self._shows("PROBE", [message("user", "x"), said])

    @cached_property
    def switches_thinking(self) -> bool:
        try:
            on, off = (
                self.render([message("user", "x")], None, {"enable_thinking": value})
                for value in (True, False)
            )
        except InvalidRequest:
            return False
        return on != off

    @cached_property
    def thinks_unasked(self) -> bool:
        """Whether a model with this template may think where nobody said that it should."""
        if not self.switches_thinking:
            return bool(self._opens) and self.names(self._opens)
        unasked, asked = (
            self.render([message("user", "x")], None, kwargs)
            for kwargs in ({}, {"enable_thinking": True})
        )
        return unasked == asked

    def names(self, word: str) -> bool:
        return word in self.source

    def _shows(
        self, word: str, messages: list[Message], tools: list[Message] | None = None
    ) -> bool:
        try:
            return word in self.render(messages, tools).text
        except InvalidRequest:
            return False


class _TooMuch(Exception):
    pass


def _reason(error: Exception) -> str:
    match error:
        case _TooMuch() | TemplateError() | SecurityError():
            return str(error)[:500]
        case RecursionError():
            return "it calls itself without end"
        case _:
            return f"{type(error).__name__}: {error}"[:500]


def _deadline(seconds: float) -> Callable[[], str]:
    end = time.monotonic() + seconds

    def tick() -> str:
        if time.monotonic() > end:
            raise _TooMuch(f"it took longer than {seconds:g} s")
        return ""

    return tick


class _Generation(Extension):
    """`{% generation %}` marks the model's own words for trainers; here it means nothing."""

    tags = {"generation"}  # noqa: RUF012 (jinja2's own declaration)

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Environment(ImmutableSandboxedEnvironment):
    """The sandbox, without arithmetic that could fill the memory."""

    intercepted_binops = frozenset(["*", "**", "%"])

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.filters["tojson"] = tojson
        for name in ("center", "indent", "wordwrap"):
            self.filters[name] = _narrow(self.filters[name])
        self.globals["raise_exception"] = _raise
        # One moment for the life of the process: the prefix of a conversation must not change.
        self.globals["strftime_now"] = datetime.now(UTC).strftime

    def call(self, context: Any, target: Any, /, *args: Any, **kwargs: Any) -> Any:
        _check_widths(target, [*args, *kwargs.values()])
        return super().call(context, target, *args, **kwargs)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        operands = (left, right)
        size = max((len(x) for x in operands if isinstance(x, str | list | tuple)), default=0)
        number = max((abs(x) for x in operands if isinstance(x, int | float)), default=1)
        if operator == "*" and size * number > CHARACTERS:
            raise SecurityError("a repetition is too long")
        if operator == "**" and number > 1000:
            raise SecurityError("a power is too large")
        return super().call_binop(context, operator, left, right)


_WIDTH = re.compile(r"\d{5,}")


def _check_widths(target: object, given: Sequence[object]) -> None:
    """Methods of strings fill up to any width that they are told, in numbers or in a format."""
    target = getattr(target, "__wrapped__", target)  # the sandbox has wrapped `format` itself
    owner = getattr(target, "__self__", None)
    if not isinstance(owner, str):
        return
    formats = getattr(target, "__name__", "").startswith("format")
    for value in (owner, *given):
        wide = isinstance(value, int) and abs(value) > CHARACTERS
        if wide or (formats and _WIDTH.search(str(value))):
            raise SecurityError("a text is too wide")


def _narrow(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that takes no width without bounds."""

    @wraps(function)
    def limited(*args: Any, **kwargs: Any) -> Any:
        for value in (*args, *kwargs.values()):
            if isinstance(value, int) and abs(value) > CHARACTERS:
                raise SecurityError("a text is too wide")
        return function(*args, **kwargs)

    return limited


def _raise(message: object) -> None:
    raise TemplateError(str(message))


def tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON as models were trained on it: no HTML escapes, and the order of keys as it is."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )
