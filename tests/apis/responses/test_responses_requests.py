"""What a request of Responses may hold, and what it is told when it may not."""

from __future__ import annotations

from typing import Any

import pytest
import responses_cases as cases
from responses_cases import API

from polystack.core.canon import ir
from polystack.core.canon.errors import InvalidRequest, NotSupported
from polystack.core.contract.losses import fidelity


def ask(**fields: Any) -> ir.Request:
    return API.decode({"model": "tiny", "input": "Hi"} | fields)


def items(*items: dict[str, Any], **fields: Any) -> ir.Request:
    return ask(input=list(items), **fields)


FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}

BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"input": None}, "input", "field required"),
    ({"input": 5}, "input", "should be a valid"),
    ({"input": []}, "input", "at least one item"),
    ({"model": 5}, "model", "should be a valid string, not 5"),
    ({"temperature": -0.1}, "temperature", "greater than or equal to 0"),
    ({"temperature": float("nan")}, "temperature", "finite number"),
    ({"temperature": "1"}, "temperature", "should be a valid number"),
    ({"top_p": 1.5}, "top_p", "less than or equal to 1"),
    ({"max_output_tokens": 0}, "max_output_tokens", "greater than or equal to 1"),
    ({"max_output_tokens": -5}, "max_output_tokens", "greater than or equal to 1"),
    ({"max_output_tokens": True}, "max_output_tokens", "should be a valid integer"),
    ({"top_logprobs": 21}, "top_logprobs", "less than or equal to 20"),
    ({"stream": "yes"}, "stream", "should be a valid boolean"),
    ({"logit_bias": {"x": 1}}, "logit_bias.x", "token's number"),
    ({"tools": [{"type": "function"}]}, "tools.0.name", "field required"),
    ({"tools": [{"name": "f"}]}, "tools.0.type", "field required"),
    ({"tools": [FUNCTION, FUNCTION]}, "tools.1.name", "'f' is defined twice"),
    ({"tools": [FUNCTION | {"parameters": "x"}]}, "tools.0.parameters", "valid dictionary"),
    (
        {"tools": [{"type": "custom", "name": "c", "format": {"type": "grammar"}}]},
        "tools.0.format.syntax",
        "a string is required",
    ),
    (
        {
            "tools": [
                {
                    "type": "namespace",
                    "name": "a",
                    "tools": [{"type": "namespace", "name": "b", "tools": []}],
                }
            ]
        },
        "tools.0.tools.0",
        "cannot stand inside a namespace",
    ),
    ({"tool_choice": "sometimes"}, "tool_choice", "none of auto, none, required"),
    ({"tool_choice": {"type": "function", "name": "g"}}, "tool_choice.name", "no function tool"),
    ({"tool_choice": {"type": "function"}}, "tool_choice.name", "a string is required"),
    ({"tool_choice": {}}, "tool_choice.type", "a string is required"),
    ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice.mode", "auto or required"),
    ({"text": {"format": {"type": "yaml"}}}, "text.format.type", "must be text"),
    (
        {"text": {"format": {"type": "json_schema", "name": "x"}}},
        "text.format.schema",
        "field required",
    ),
    ({"input": [{"role": "robot", "content": "x"}]}, "input.0.role", "'user', 'assistant'"),
    ({"input": [{"role": "user"}]}, "input.0.content", "field required"),
    ({"input": [{}]}, "input.0.type", "field required"),
    ({"input": ["x"]}, "input.0", "not 'x'"),
    ({"input": [{"role": "user", "content": [{}]}]}, "input.0.content.0.type", "field required"),
    (
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": 5}]}]},
        "input.0.content.0.text",
        "should be a valid string, not 5",
    ),
    (
        {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
        "input.0.content.0",
        "needs one of image_url, file_id",
    ),
    (
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:x"}]}]},
        "input.0.content.0.image_url",
        "data:<media type>;base64,<data>",
    ),
    (
        {"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]},
        "input.0.call_id",
        "field required",
    ),
    (
        {"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": {}}]},
        "input.0.arguments",
        "should be a valid string, not an object",
    ),
    ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input.0", "'msg_1'"),
    ({"input": [{"id": "msg_1"}]}, "input.0", "send the item itself"),
]


@pytest.mark.parametrize(("fields", "param", "words"), BAD)
def test_a_bad_request_is_told_the_field_and_the_problem(
    fields: dict[str, Any], param: str, words: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask(**fields)
    assert caught.value.param == param
    assert words in caught.value.message
    assert caught.value.message.startswith(param)


def test_a_body_that_is_no_object_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="must be a JSON object, not an array"):
        API.decode([])


@pytest.mark.parametrize("field", ["conversation", "prompt"])
def test_state_that_is_not_kept_here_is_refused_by_name(field: str) -> None:
    value = {"conversation": "conv_1", "prompt": {"id": "pmpt_1"}}[field]
    with pytest.raises(NotSupported) as caught:
        ask(**{field: value})
    assert caught.value.param == field
    assert ask(**{field: None}).turns


def test_a_previous_response_is_never_ignored() -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask(previous_response_id="resp_1")
    assert caught.value.code == "previous_response_not_found"
    assert caught.value.param == "previous_response_id"
    assert caught.value.status == 400


def test_counting_tokens_needs_no_input() -> None:
    assert API.decode({"model": "m"}, "input_tokens").turns == ()
    assert API.decode({"model": "m", "input": None}, "input_tokens").turns == ()


def test_every_item_is_a_turn_of_its_own_with_its_place() -> None:
    request = API.decode(cases.request("tool_results"))
    assert [turn.role for turn in request.turns] == ["user"] + ["assistant"] * 5 + ["user"] * 3
    assert [turn.at for turn in request.turns] == [f"input.{i}" for i in range(9)]
    sealed = request.turns[1].parts[0]
    assert isinstance(sealed, ir.Reasoning)
    assert (sealed.sealed, sealed.id, sealed.text) == ("abc=", "rs_1", "")
    thought = request.turns[2].parts[0]
    assert isinstance(thought, ir.Reasoning)
    assert (thought.text, thought.summary) == ("ab", ("I look.",))


def test_tool_calls_and_their_results_keep_ids_arguments_and_images() -> None:
    parts = [turn.parts[0] for turn in API.decode(cases.request("tool_results")).turns[3:]]
    assert parts == [
        ir.ToolCall("c1", "see", '{"x": 1.0}'),
        ir.ToolCall("c2", "see", "", namespace="eyes"),
        ir.ToolCall("c3", "exec", "ls", "custom"),
        ir.ToolResult(
            "c1",
            (
                ir.Text("seen"),
                ir.Media("image", "image/png", "iVBORw0KGgo=", detail="high"),
            ),
        ),
        ir.ToolResult("c2", (ir.Text("error: no eyes"),)),
        ir.ToolResult(
            "c3", (ir.Text("a.txt"),), kind="custom", extra={"responses": {"_list": True}}
        ),
    ]


def test_media_are_data_urls_or_file_ids() -> None:
    parts = API.decode(cases.request("media")).turns[0].parts
    media = [part for part in parts if isinstance(part, ir.Media)]
    assert [(m.kind, m.media_type, m.data, m.url, m.file_id) for m in media] == [
        ("image", "image/png", "iVBORw0KGgo=", None, None),
        ("image", None, None, "https://example.org/a.png", None),
        ("image", None, None, None, "file_1"),
        ("document", "application/pdf", "JVBERi0=", None, None),
        ("document", None, "JVBERi0=", None, None),
        ("document", None, None, "https://example.org/a.pdf", None),
        ("document", None, None, None, "file_2"),
        ("audio", "audio/wav", "UklGRg==", None, None),
    ]
    assert [part.at for part in parts] == [f"input.0.content.{i}" for i in range(9)]


def test_namespaces_are_flattened_and_tools_among_the_items_are_found() -> None:
    tools = API.decode(cases.request("codex")).tools
    assert [(tool.namespace, tool.name, tool.kind, tool.type, tool.at) for tool in tools] == [
        ("functions", "exec_command", "function", None, "input.0.tools.0.tools.0"),
        ("functions", "apply_patch", "custom", None, "input.0.tools.0.tools.1"),
        ("functions", "view_image", "function", None, "input.0.tools.1.tools.0"),
        (None, "tool_search", "server", "tool_search", "input.0.tools.2"),
        (None, "web_search", "server", "web_search", "input.0.tools.3"),
    ]
    assert tools[1].grammar == ir.ToolGrammar("lark", "start: X")


def test_items_of_unknown_types_are_kept_whole_on_the_side_that_sent_them() -> None:
    turns = API.decode(cases.request("codex")).turns
    opaque = {p.type: t.role for t in turns for p in t.parts if isinstance(p, ir.Opaque)}
    assert opaque == {
        "tool_search_call": "assistant",
        "tool_search_output": "user",
        "compaction": "assistant",
        "compaction_trigger": "user",
    }


def test_the_same_name_may_occur_in_two_namespaces_and_in_two_lists() -> None:
    spaces = [
        {"type": "namespace", "name": name, "description": "", "tools": [FUNCTION]}
        for name in ("a", "b")
    ]
    assert len(ask(tools=[FUNCTION, *spaces]).tools) == 3


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, ir.ToolChoice()),
        ("auto", ir.ToolChoice("auto")),
        ("none", ir.ToolChoice("none")),
        ("required", ir.ToolChoice("required")),
        ({"type": "function", "name": "f"}, ir.ToolChoice("named", "f")),
    ],
)
def test_the_choice_of_a_tool_is_understood(choice: Any, expected: ir.ToolChoice) -> None:
    assert ask(tools=[FUNCTION], tool_choice=choice).tool_choice == expected


def test_allowed_tools_narrow_the_choice() -> None:
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [FUNCTION]}
    choice = ask(tools=[FUNCTION], tool_choice=allowed, parallel_tool_calls=False).tool_choice
    assert (choice.mode, choice.allowed, choice.parallel) == ("required", ("f",), False)


def test_a_hosted_tool_may_be_chosen_by_its_type() -> None:
    choice = ask(tool_choice={"type": "web_search_preview"}).tool_choice
    assert (choice.mode, choice.name, choice.kind) == ("named", "web_search_preview", "server")


def test_log_probabilities_are_asked_for_by_include() -> None:
    asked = ask(include=["message.output_text.logprobs"], top_logprobs=3).sampling
    assert (asked.logprobs, asked.top_logprobs) == (True, 3)
    assert not ask(top_logprobs=3).sampling.logprobs


def test_fields_of_local_servers_reach_the_sampling() -> None:
    sampling = ask(seed=7, top_k=5, min_p=0.1, stop="x", presence_penalty=1, top_p=0.5).sampling
    assert sampling == ir.Sampling(
        seed=7, top_k=5, min_p=0.1, stop=("x",), presence_penalty=1, top_p=0.5
    )
    assert ask(chat_template_kwargs={"a": 1}).template_kwargs == {"a": 1}


@pytest.mark.parametrize(
    ("reasoning", "expected"),
    [
        (None, ir.ReasoningConfig()),
        ({}, ir.ReasoningConfig(extra={"responses": {}})),
        ({"effort": "none"}, ir.ReasoningConfig(False, "none", extra={"responses": {}})),
        (
            {"generate_summary": "auto"},
            ir.ReasoningConfig(summary="auto", extra={"responses": {"_generate_summary": "auto"}}),
        ),
    ],
)
def test_reasoning_options_are_understood(
    reasoning: dict[str, Any] | None, expected: ir.ReasoningConfig
) -> None:
    request = ask(reasoning=reasoning)
    assert request.reasoning == expected
    assert API.encode(request, "tiny")[0]["reasoning"] == reasoning


def test_structured_output_is_understood() -> None:
    output = API.decode(cases.request("structured")).output
    assert (output.kind, output.name, output.strict, output.verbosity) == (
        "schema",
        "pet",
        True,
        "low",
    )
    assert ask(text={"format": {"type": "json_object"}}).output.kind == "json"


def test_what_asks_nothing_of_a_model_is_handled_and_the_rest_is_kept() -> None:
    request = API.decode(cases.request("codex"))
    assert _plain_keys(request) <= API.handles
    unknown = API.decode(cases.request("unknown_fields"))
    assert _plain_keys(unknown) - API.handles == {"novelty"}


def test_an_unknown_field_of_a_format_is_kept_where_its_loss_can_be_seen() -> None:
    text = {"format": {"type": "json_object", "novelty": 1}}
    request = ask(text=text)
    assert (request.output.extra or {})["responses"]["format"] == {"novelty": 1}
    assert API.encode(request, "tiny")[0]["text"] == text


def _plain_keys(request: ir.Request) -> set[str]:
    entries = (request.extra or {}).get("responses", {})
    return {key for key in entries if not key.startswith("_")}


def test_only_what_is_really_unknown_has_a_plain_key() -> None:
    request = ask(
        temperature=None,
        stream=False,
        tool_choice="auto",
        tools=[{"type": "custom", "name": "c", "format": {"type": "text"}, "description": None}],
        text={"format": {"type": "text"}},
        reasoning={"generate_summary": "auto", "effort": None},
        input=[
            {"role": "assistant", "id": None, "content": [{"type": "output_text", "text": "x"}]},
            {"type": "reasoning", "summary": [], "content": None},
        ],
    )
    nodes = [request, request.reasoning, request.output, *request.tools, *request.turns]
    nodes += [part for turn in request.turns for part in turn.parts]
    entries = [(node.extra or {}).get("responses", {}) for node in nodes]
    assert [key for each in entries for key in each if not key.startswith("_")] == []


# A request of another protocol, asked of an upstream that speaks Responses -----------------------


def test_a_request_of_another_protocol_is_written_the_way_openai_reads_it() -> None:
    request = ir.Request(
        "theirs",
        (
            ir.Turn("user", (ir.Text("Look."), ir.Media("image", "image/png", "AAAA"))),
            ir.Turn(
                "assistant",
                (
                    ir.Reasoning("I look.", signature="sig"),
                    ir.Text("So:"),
                    ir.ToolCall("c1", "f", "{}"),
                    ir.ToolCall("c2", "f", "{}"),
                ),
            ),
            ir.Turn(
                "user",
                (
                    ir.ToolResult("c1", (ir.Text("no"),), is_error=True, at="messages.2.content.0"),
                    ir.ToolResult("c2", (ir.Text("yes"),)),
                    ir.Text("And?"),
                ),
            ),
        ),
        (ir.Text("Be."), ir.Text("Good.")),
        (ir.Tool("f", schema={"type": "object"}),),
        sampling=ir.Sampling(9, stop=("x",), logprobs=True),
        reasoning=ir.ReasoningConfig(True, budget=2000),
        origin="messages",
    )
    document, losses = API.encode(request, "gpt")
    assert document == {
        "model": "gpt",
        "store": False,
        "include": ["message.output_text.logprobs"],
        "instructions": "Be.\n\nGood.",
        "max_output_tokens": 9,
        "reasoning": {"effort": "low"},
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "Look."},
                    {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
                ],
            },
            {
                "type": "reasoning",
                "summary": [],
                "content": [{"type": "reasoning_text", "text": "I look."}],
            },
            {"type": "message", "role": "assistant", "content": "So:"},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "no"},
            {"type": "function_call_output", "call_id": "c2", "output": "yes"},
            {"type": "message", "role": "user", "content": "And?"},
        ],
    }
    assert fidelity(losses) == (
        "dropped=stop,input.1.signature,messages.2.content.0.is_error; "
        "approximated=reasoning.budget"
    )


def test_fields_and_objects_of_another_protocol_are_losses() -> None:
    request = ir.Request(
        "theirs",
        (
            ir.Turn(
                "user",
                (
                    ir.Text(
                        "x", extra={"messages": {"cache_control": {}}}, at="messages.0.content"
                    ),
                    ir.Opaque("messages", "hologram", {}, at="messages.0.content.1"),
                    ir.Reasoning(sealed="theirs", at="messages.0.content.2"),
                ),
            ),
        ),
        tools=(ir.Tool("search", kind="server", type="web_search_20250305", at="tools.0"),),
        extra={"messages": {"context_management": {}}},
        origin="messages",
    )
    _, losses = API.encode(request, "gpt")
    assert {loss.path for loss in losses} == {
        "context_management",
        "messages.0.content.cache_control",
        "messages.0.content.1",
        "messages.0.content.2.sealed",
        "tools.0",
    }
