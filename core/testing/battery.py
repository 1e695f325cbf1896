"""What the kit asks a provider: requests as clients send them, and some that cannot go well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..canon import ir
from ..contract.provider import Model

PLAIN = "plain"  # the request that every provider has to answer
LONGEST = 1 << 16  # tokens of a context that is still filled to see what happens
LIMIT = ir.Sampling(max_tokens=48)

SCHEMA: ir.Object = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = ir.Tool("get_weather", "The weather of a city", SCHEMA)
CALL = ir.ToolCall("call_1", WEATHER.name, '{"city": "Bern"}')
RESULT = ir.ToolResult("call_1", (ir.Text("4 degrees, rain"),))


def battery() -> dict[str, ir.Request]:
    """Requests by name; a provider may refuse any of them but the first."""
    plain = ask(user("Say hello."))
    return {
        PLAIN: plain,
        "not streamed": replace(plain, stream=False),
        "unicode": ask(user("Repeat: żółw 日本語 🏳️‍🌈 e\u0301 \u2028 \x00 end")),
        "instructions": replace(plain, instructions=(ir.Text("Be brief."),)),
        "system turn": ask(user("Hello."), turn("system", "Be brief."), user("Say hello.")),
        "conversation": ask(user("I am Ann."), turn("assistant", "Hello Ann."), user("Who am I?")),
        "tools": replace(ask(user("How is the weather in Bern?")), tools=(WEATHER,)),
        "tool results": replace(_answered(CALL), tools=(WEATHER,)),
        "thinking": replace(plain, reasoning=ir.ReasoningConfig(True, "low", 1024)),
        "thinking replayed": replace(
            _answered(ir.Reasoning("I need the weather.", signature="c2lnbmVk"), CALL),
            tools=(WEATHER,),
        ),
        "json": replace(plain, output=ir.OutputFormat("json")),
        "schema": replace(plain, output=ir.OutputFormat("schema", SCHEMA, "city", strict=True)),
        "stop strings": replace(plain, sampling=replace(LIMIT, stop=("e", "\n\n"))),
        "one token": replace(plain, sampling=ir.Sampling(max_tokens=1)),
    }


def long(model: Model) -> ir.Request:
    """A request whose answer takes many times as long as the plain one's, to be left midway."""
    limit = min(1024, model.max_output or 1024)
    return replace(ask(user("Count to 100.")), model=model.id, sampling=ir.Sampling(limit))


def hard(model: Model) -> dict[str, ir.Request]:
    """Requests that most providers refuse, and that none may fall over."""
    image = ir.Media("image", "image/png", data="bm8gaW1hZ2U=")
    cases = {
        "no turns": ask(),
        "a turn without parts": ask(ir.Turn("user", ())),
        "an unknown model": replace(ask(user("Hello.")), model="no-such-model-anywhere"),
        "a broken image": ask(ir.Turn("user", (ir.Text("What is this?"), image))),
        "a result without its call": ask(ir.Turn("user", (RESULT,))),
    }
    if model.context_window and model.context_window <= LONGEST:
        cases["longer than the context"] = ask(user("word " * model.context_window))
    return cases


def ask(*turns: ir.Turn) -> ir.Request:
    return ir.Request(None, turns, sampling=LIMIT, stream=True)


def user(text: str) -> ir.Turn:
    return turn("user", text)


def turn(role: ir.Role, text: str) -> ir.Turn:
    return ir.Turn(role, (ir.Text(text),))


def for_model(requests: Mapping[str, ir.Request], model: str) -> dict[str, ir.Request]:
    """The requests, with a model for those that name none."""
    return {name: replace(r, model=r.model or model) for name, r in requests.items()}


def _answered(*parts: ir.Part) -> ir.Request:
    """A question whose answer was a tool call, with the tool's answer."""
    question = user("How is the weather in Bern?")
    return ask(question, ir.Turn("assistant", parts), ir.Turn("user", (RESULT,)))
