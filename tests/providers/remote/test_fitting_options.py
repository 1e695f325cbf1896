"""Sampling, effort, limits and the fields that only one protocol has."""

from __future__ import annotations

from typing import Any

import pytest

from polystack.apis.chat.api import Chat
from polystack.apis.messages.api import Messages
from polystack.apis.responses.api import Responses
from polystack.core.canon import ir
from polystack.core.contract.api import Api
from polystack.providers.remote.fitting import fit
from polystack.providers.remote.traits import Traits

APIS: dict[str, Api] = {api.name: api for api in (Messages(), Responses(), Chat())}
HI = ir.Turn("user", (ir.Text("Hi"),))
LIMIT = ir.Sampling(max_tokens=8000)


def sent(
    upstream: str, *, origin: str = "elsewhere", traits: dict[str, Any] | None = None, **fields: Any
) -> tuple[Any, dict[str, str]]:
    """The body for the upstream but for what every body has, and the verdicts."""
    turns = fields.pop("turns", (HI,))
    if upstream == "messages":
        fields.setdefault("sampling", LIMIT)
    request = ir.Request("m", turns, origin=origin, **fields)
    fitted = fit(request, upstream, Traits(**traits or {}), "up")
    body, losses = APIS[upstream].encode(fitted.request, "m")
    shown = {k: v for k, v in body.items() if k not in ("model", "messages", "input", "store")}
    return shown, {each.path: each.verdict for each in (*fitted.losses, *losses)}


@pytest.mark.parametrize("upstream", ["chat", "messages", "responses"])
@pytest.mark.parametrize("native", [True, False])
def test_one_call_asks_for_one_answer(upstream: str, native: bool) -> None:
    request = ir.Request("m", (HI,), sampling=ir.Sampling(n=3), origin=upstream if native else "x")
    assert fit(request, upstream, Traits(), "up").request.sampling.n == 1


# Effort and budget -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "effort", "verdict"),
    [
        (ir.ReasoningConfig(effort="xhigh", at="t"), "xhigh", None),
        (ir.ReasoningConfig(True, budget=4096, at="t"), "low", "t.budget_tokens"),
        (ir.ReasoningConfig(True, budget=16384, at="t"), "medium", "t.budget_tokens"),
        (ir.ReasoningConfig(True, budget=31999, at="t"), "high", "t.budget_tokens"),
        (ir.ReasoningConfig(True, "low", 31999, at="t"), "low", "t.budget_tokens"),
        (ir.ReasoningConfig(False, at="t"), "none", None),
        (ir.ReasoningConfig(True, at="t"), None, "t"),
        (ir.ReasoningConfig(), None, None),
    ],
)
def test_openais_protocols_are_told_an_effort(
    config: ir.ReasoningConfig, effort: str | None, verdict: str | None
) -> None:
    expected = {} if verdict is None else {verdict: "approximated"}
    body, losses = sent("chat", reasoning=config)
    assert (body.get("reasoning_effort"), losses) == (effort, expected)
    body, losses = sent("responses", reasoning=config)
    assert (body.get("reasoning", {}).get("effort"), losses) == (effort, expected)


def test_adaptive_thinking_leaves_it_to_the_model() -> None:
    adaptive = ir.ReasoningConfig(
        effort="high", extra={"messages": {"type": "adaptive"}}, at="thinking"
    )
    body, losses = sent("chat", reasoning=adaptive)
    assert body == {"reasoning_effort": "high"}
    assert losses == {"thinking.type": "mapped"}


def test_a_server_that_knows_no_effort_is_told_none() -> None:
    config = ir.ReasoningConfig(effort="high", at="t")
    body, losses = sent("chat", reasoning=config, traits={"reasoning_effort": False})
    assert (body, losses) == ({}, {"reasoning_effort": "dropped"})


def test_a_wish_to_see_thoughts_is_a_wish_for_summaries() -> None:
    shown: ir.Extra = {"messages": {"type": "adaptive", "display": "summarized"}}
    body, losses = sent("responses", reasoning=ir.ReasoningConfig(extra=shown, at="thinking"))
    assert body["reasoning"] == {"summary": "auto"}
    assert set(losses.values()) == {"mapped"}
    body, _ = sent("messages", reasoning=ir.ReasoningConfig(effort="low", summary="auto"))
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}


@pytest.mark.parametrize(
    ("style", "config", "expected"),
    [
        ("adaptive", {"effort": "high"}, {"type": "adaptive"}),
        ("adaptive", {"budget": 2000}, {"type": "enabled", "budget_tokens": 2000}),
        ("budget", {"effort": "low"}, {"type": "enabled", "budget_tokens": 4096}),
        ("budget", {"effort": "max"}, {"type": "enabled", "budget_tokens": 6000}),
        ("budget", {"budget": 90_000}, {"type": "enabled", "budget_tokens": 6000}),
        ("budget", {"effort": "none"}, {"type": "disabled"}),
        (None, {"effort": "high"}, None),
    ],
)
def test_anthropics_are_told_to_think_as_their_models_take_it(
    style: Any, config: dict[str, Any], expected: Any
) -> None:
    body, losses = sent(
        "messages", reasoning=ir.ReasoningConfig(**config, at="r"), traits={"thinking": style}
    )
    assert body.get("thinking") == expected
    assert ("output_config" in body) == (style == "adaptive" and "effort" in config)
    assert (losses.get("r") == "dropped") == (style is None)


def test_a_limit_without_room_to_think_is_a_loss() -> None:
    config = ir.ReasoningConfig(effort="high", at="r")
    small = ir.Sampling(max_tokens=1000)
    body, losses = sent("messages", reasoning=config, sampling=small, traits={"thinking": "budget"})
    assert "thinking" not in body
    assert losses == {"r": "dropped"}


def test_what_anthropic_does_not_take_beside_thinking_is_dropped() -> None:
    hot = ir.Sampling(max_tokens=8000, temperature=0.5, top_k=4)
    body, losses = sent("messages", reasoning=ir.ReasoningConfig(effort="low"), sampling=hot)
    assert not {"temperature", "top_k"} & set(body)
    assert losses == {"temperature": "dropped", "top_k": "dropped"}
    body, losses = sent("messages", sampling=hot)
    assert (body["temperature"], body["top_k"], losses) == (0.5, 4, {})


def test_a_forced_call_goes_before_thinking() -> None:
    tool, choice = ir.Tool("f"), ir.ToolChoice("required")
    config = ir.ReasoningConfig(effort="low", at="r")
    body, losses = sent("messages", reasoning=config, tools=(tool,), tool_choice=choice)
    assert (body["thinking"], body["tool_choice"]) == ({"type": "disabled"}, {"type": "any"})
    assert losses == {"r": "dropped"}


@pytest.mark.parametrize(("style", "thinks"), [("budget", False), ("adaptive", True)])
def test_a_budget_is_not_taken_behind_calls_without_a_thought(style: Any, thinks: bool) -> None:
    call, result = ir.ToolCall("c", "f", "{}"), ir.ToolResult("c", (ir.Text("done"),))
    turns = HI, ir.Turn("assistant", (call,)), ir.Turn("user", (result,))
    config = ir.ReasoningConfig(effort="low", at="r")
    body, losses = sent("messages", reasoning=config, turns=turns, traits={"thinking": style})
    assert ("thinking" in body) == thinks
    assert losses == ({} if thinks else {"r": "dropped"})


# Sampling and limits -----------------------------------------------------------------------------


def test_messages_gets_a_limit_where_none_was_named() -> None:
    body, losses = sent("messages", sampling=ir.Sampling(), traits={"default_max_tokens": 77})
    assert (body, losses) == ({"max_tokens": 77}, {"max_tokens": "mapped"})


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_the_limit_goes_by_the_name_that_the_server_knows(field: str) -> None:
    body, losses = sent("chat", sampling=LIMIT, traits={"limit_field": field})
    assert (body, losses) == ({field: 8000}, {})


@pytest.mark.parametrize(
    ("takes", "losses"),
    [
        (True, {}),
        (False, {"top_k": "dropped", "min_p": "dropped", "chat_template_kwargs": "dropped"}),
    ],
)
def test_extensions_of_local_servers_pass_or_are_losses(takes: bool, losses: Any) -> None:
    sampling = ir.Sampling(top_k=4, min_p=0.1)
    for upstream in ("chat", "responses"):
        body, found = sent(
            upstream,
            sampling=sampling,
            template_kwargs={"thinking": True},
            traits={"extended_sampling": takes},
        )
        given = {"top_k": 4, "min_p": 0.1, "chat_template_kwargs": {"thinking": True}}
        assert body == (given if takes else {})
        assert found == losses


def test_responses_has_no_stop_strings() -> None:
    body, losses = sent("responses", sampling=ir.Sampling(stop=("x",)))
    assert (body, losses) == ({}, {"stop": "dropped"})


def test_log_probabilities_that_are_not_shown_are_not_asked_for() -> None:
    body, losses = sent("chat", sampling=ir.Sampling(top_logprobs=3))
    assert (body, losses) == ({}, {"top_logprobs": "mapped"})


@pytest.mark.parametrize("takes", [True, False])
def test_a_foreign_client_needs_the_usage_of_a_stream(takes: bool) -> None:
    body, _ = sent("chat", stream=True, traits={"stream_usage": takes})
    assert body == {"stream": True} | ({"stream_options": {"include_usage": True}} if takes else {})
    assert sent("chat", origin="chat", stream=True)[0] == {"stream": True}


@pytest.mark.parametrize("asks", [True, False])
def test_thoughts_come_sealed_where_they_are_asked_for(asks: bool) -> None:
    config = ir.ReasoningConfig(effort="low") if asks else ir.ReasoningConfig()
    body, _ = sent("responses", reasoning=config)
    assert body.get("include") == (["reasoning.encrypted_content"] if asks else None)
    body, _ = sent("responses", reasoning=config, traits={"sealed_reasoning": False})
    assert "include" not in body


# The user, the form of the answer, other fields ---------------------------------------------------


def test_the_user_of_messages_is_no_metadata_elsewhere() -> None:
    asked: dict[str, Any] = {"user": "ann", "metadata": {"user_id": "ann", "team": "x"}}
    asked["origin"] = "messages"
    for upstream in ("chat", "responses"):
        assert sent(upstream, **asked) == ({"user": "ann"}, {"metadata.team": "dropped"})
    assert sent("responses", metadata={"team": "x"})[0] == {"metadata": {"team": "x"}}


def test_a_users_name_that_is_too_long_is_told_by_its_hash() -> None:
    body, losses = sent("chat", user="x" * 65)
    assert len(body["user"]) == 64
    assert body == sent("responses", user="x" * 65)[0]
    assert losses == {"user": "approximated"}
    assert sent("messages", user="x" * 65)[0]["metadata"] == {"user_id": "x" * 65}


def test_messages_is_told_the_schema_of_an_answer_and_not_its_name() -> None:
    output = ir.OutputFormat("schema", {"type": "object"}, "city", verbosity="low")
    body, losses = sent("messages", output=output, origin="responses")
    assert body["output_config"]["format"] == {"type": "json_schema", "schema": {"type": "object"}}
    assert losses == {"text.format.name": "approximated", "text.verbosity": "dropped"}


@pytest.mark.parametrize("takes", [True, False])
@pytest.mark.parametrize(("client", "upstream"), [("responses", "chat"), ("chat", "responses")])
def test_options_that_openais_protocols_share_go_over_where_they_are_taken(
    client: str, upstream: str, takes: bool
) -> None:
    extra = {client: {"prompt_cache_key": "k", "client_metadata": {}}}
    body, losses = sent(upstream, origin=client, extra=extra, traits={"openai_options": takes})
    assert body == ({"prompt_cache_key": "k"} if takes else {})
    assert set(losses) == {"client_metadata"} | (set() if takes else {"prompt_cache_key"})


def test_a_field_of_a_turn_that_is_joined_to_another_is_still_a_loss() -> None:
    turns = [
        ir.Turn("assistant", (ir.Text(text),), extra={"responses": {"phase": "x"}}, at=f"input.{i}")
        for i, text in enumerate(("One.", "Two."))
    ]
    for upstream in ("chat", "messages"):
        _, losses = sent(upstream, origin="responses", turns=tuple(turns))
        assert losses == {"input.0.phase": "dropped", "input.1.phase": "dropped"}


@pytest.mark.parametrize(
    ("field", "syntax", "expected"),
    [
        ("structured_outputs", "regex", {"structured_outputs": {"regex": "x"}}),
        ("structured_outputs", "gbnf", {"structured_outputs": {"grammar": "x"}}),
        ("structured_outputs", "lark", {"structured_outputs": {"grammar": "x"}}),
        ("grammar", "gbnf", {"grammar": "x"}),
        ("grammar", "regex", {}),
        (None, "regex", {}),
    ],
)
def test_a_language_for_the_answer_goes_where_the_server_has_a_field_for_it(
    field: str | None, syntax: str, expected: Any
) -> None:
    output = ir.OutputFormat("grammar", grammar=ir.ToolGrammar(syntax, "x"), at="text")
    body, losses = sent("chat", output=output, traits={"answer_grammar": field})
    assert (body, losses) == (expected, {} if expected else {"text": "dropped"})
