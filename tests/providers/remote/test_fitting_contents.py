"""Media, failed results and objects of one protocol, as an upstream can be shown them."""

from __future__ import annotations

from typing import Any

import pytest

from polystack.core.canon import ir
from polystack.providers.remote.fitting import fit
from polystack.providers.remote.traits import Traits

IMAGE = ir.Media("image", "image/png", "aGk=", at="p")
CALL, OTHER = ir.ToolCall("c", "shot", "{}"), ir.ToolCall("d", "f", "{}")


def fitted(*parts: ir.Part, upstream: str, **fields: Any) -> tuple[tuple[ir.Turn, ...], Any]:
    """Some words of a user, behind two calls whose results may be among them."""
    calls = (ir.Turn("assistant", (CALL, OTHER)),) if _answers(parts) else ()
    turns = (*calls, ir.Turn("user", parts, **fields))
    result = fit(ir.Request("m", turns, origin="elsewhere"), upstream, Traits(), "up")
    verdicts = {each.path: each.verdict for each in result.losses if each.path != "max_tokens"}
    return result.request.turns, verdicts


def _answers(parts: tuple[ir.Part, ...]) -> bool:
    return any(isinstance(part, ir.ToolResult) for part in parts)


@pytest.mark.parametrize(
    ("media", "takers"),
    [
        (IMAGE, "chat messages responses"),
        (ir.Media("image", url="https://e.org/x.png", at="p"), "chat messages responses"),
        (ir.Media("image", file_id="f", at="p"), "responses"),
        (ir.Media("image", data="aGk=", at="p"), "chat responses"),
        (ir.Media("audio", "audio/wav", "aGk=", at="p"), "chat responses"),
        (ir.Media("video", "video/mp4", "aGk=", at="p"), ""),
        (ir.Media("document", "application/pdf", "aGk=", at="p"), "chat messages responses"),
        (ir.Media("document", url="https://e.org/x.pdf", at="p"), "messages responses"),
        (ir.Media("document", file_id="f", at="p"), "chat responses"),
    ],
)
@pytest.mark.parametrize("upstream", ["chat", "messages", "responses"])
def test_a_medium_arrives_or_leaves_a_word_and_a_loss(
    media: ir.Media, takers: str, upstream: str
) -> None:
    turns, losses = fitted(media, upstream=upstream)
    if upstream in takers.split():
        assert (turns[0].parts, losses) == ((media,), {})
    else:
        assert turns[0].parts == (ir.Text(f"[{media.kind} omitted]"),)
        assert losses == {"p": "dropped"}


@pytest.mark.parametrize("upstream", ["chat", "responses"])
def test_a_document_of_text_becomes_text_under_its_name(upstream: str) -> None:
    note = ir.Media("document", "text/plain", text="Buy milk.", name="note.txt", at="p")
    turns, losses = fitted(note, upstream=upstream)
    assert turns[0].parts == (ir.Text("note.txt:\nBuy milk."),)
    assert losses == {"p": "approximated"}
    assert fitted(note, upstream="messages") == ((ir.Turn("user", (note,)),), {})


@pytest.mark.parametrize("upstream", ["chat", "responses"])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ((ir.Text("no file"),), (ir.Text("Error: no file"),)),
        ((), (ir.Text("Error:"),)),
    ],
)
def test_a_failed_result_begins_with_the_word_error(
    content: Any, expected: Any, upstream: str
) -> None:
    failed = ir.ToolResult("c", content, is_error=True, at="p")
    turns, losses = fitted(failed, upstream=upstream)
    assert turns[1].parts == (ir.ToolResult("c", expected),)
    assert losses == {"p.is_error": "approximated"}


def test_messages_has_a_mark_for_a_failed_result() -> None:
    failed = ir.ToolResult("c", (ir.Text("no"),), is_error=True)
    turns, losses = fitted(failed, upstream="messages")
    assert (turns[1].parts, losses) == ((failed,), {})


def test_images_of_results_follow_all_results_as_the_users_and_name_their_call() -> None:
    results = (
        ir.ToolResult("c", (ir.Text("Here:"), IMAGE)),
        ir.ToolResult("d", (ir.Text("done"),)),
    )
    turns, losses = fitted(*results, ir.Text("And?"), upstream="chat")
    assert [turn.parts for turn in turns[1:]] == [
        (
            ir.ToolResult("c", (ir.Text("Here:\n\n[image: see below]"),)),
            ir.ToolResult("d", (ir.Text("done"),)),
        ),
        (ir.Text("[from the result of shot, call c]"), IMAGE),
        (ir.Text("And?"),),
    ]
    assert losses == {"p": "approximated"}


@pytest.mark.parametrize("upstream", ["messages", "responses"])
def test_results_hold_images_where_the_protocol_lets_them(upstream: str) -> None:
    result = ir.ToolResult("c", (IMAGE,))
    turns, losses = fitted(result, upstream=upstream)
    assert (turns[1].parts, losses) == ((result,), {})
    audio = ir.Media("audio", "audio/wav", "aGk=", at="p")
    turns, losses = fitted(ir.ToolResult("c", (audio,)), upstream=upstream)
    assert turns[1].parts == (ir.ToolResult("c", (ir.Text("[audio omitted]"),)),)
    assert losses == {"p": "dropped"}


def test_a_reference_to_a_tool_is_told_by_its_name() -> None:
    found = ir.Opaque(
        "messages", "tool_reference", {"type": "tool_reference", "tool_name": "f"}, at="p"
    )
    turns, losses = fitted(ir.ToolResult("c", (found,)), upstream="chat")
    assert turns[1].parts == (ir.ToolResult("c", (ir.Text("The tool f is available."),)),)
    assert losses == {"p": "approximated"}


@pytest.mark.parametrize("upstream", ["chat", "messages", "responses"])
def test_an_object_of_another_protocol_is_dropped_and_its_empty_turn_with_it(upstream: str) -> None:
    turns, losses = fitted(ir.Opaque("elsewhere", "new", {}, at="p"), upstream=upstream)
    assert (turns, losses) == ((), {"p": "dropped"})


def test_the_name_of_a_speaker_is_a_loss_where_there_are_none() -> None:
    _, losses = fitted(ir.Text("Hi"), upstream="messages", name="Ann", at="messages.0")
    assert losses == {"messages.0.name": "dropped"}


@pytest.mark.parametrize(
    ("text", "upstream", "kept"),
    [
        ("", "chat", False),
        ("", "messages", False),
        ("", "responses", False),
        ("\n", "messages", False),
        ("\n", "responses", True),
    ],
)
def test_a_text_of_nothing_is_left_out_and_white_space_where_it_is_refused(
    text: str, upstream: str, kept: bool
) -> None:
    turns, losses = fitted(ir.Text(text), IMAGE, upstream=upstream)
    assert turns[0].parts == ((ir.Text(text), IMAGE) if kept else (IMAGE,))
    assert losses == {}


def test_texts_of_a_message_are_one_string_for_chat() -> None:
    turns, _ = fitted(ir.Text("One."), ir.Text("Two."), IMAGE, ir.Text("Three."), upstream="chat")
    assert turns[0].parts == (ir.Text("One.\n\nTwo."), IMAGE, ir.Text("Three."))


def test_a_sentence_that_was_cut_at_its_citations_is_whole_again() -> None:
    cited = ir.Text("the moon", (ir.Citation("x"),))
    turns, _ = fitted(ir.Text("It is "), cited, ir.Text("."), upstream="chat")
    assert ir.text_of(turns[0].parts) == "It is the moon."
