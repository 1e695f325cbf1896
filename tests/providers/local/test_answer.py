"""Tokens become events: characters, counts, log-probabilities and the reason of the end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from strategies import pieces

from polystack.core.canon import ir
from polystack.core.canon.collect import collect
from polystack.providers.local.answer import Answer, merged
from polystack.providers.local.job import Token
from polystack.providers.local.parser import Offered, Parser

TOOLS = {"f": Offered("f")}


def answer(forced: str = "", stop: tuple[str, ...] = ()) -> Answer:
    return Answer(Parser(lambda: "call_1", TOOLS, stop=stop), forced)


def tokens(*texts: str | bytes, logprobs: bool = False) -> list[Token]:
    made = []
    for text in texts:
        data = text.encode() if isinstance(text, str) else text
        logprob = ir.TokenLogprob(data.decode("utf-8", "replace"), -1.0, data)
        made.append(Token(data, logprob if logprobs else None))
    return made


def respond(made: Answer, sampled: list[Token], reason: str = "end") -> ir.Response:
    events = made.feed(sampled)
    events += made.close("length" if reason == "length" else "end", 10, 4)
    return collect([ir.Started("1", "m"), *events])


def test_a_character_that_is_split_between_tokens_comes_whole() -> None:
    smile = "😀".encode()
    made = answer()
    assert made.feed(tokens(b"a" + smile[:1], smile[1:3])) == [
        ir.PartStarted(0, ir.Text("")),
        ir.Delta(0, "a"),
    ]
    assert made.feed(tokens(smile[3:])) == [ir.Delta(0, "😀")]


def test_bytes_that_are_no_character_are_replaced_and_not_lost() -> None:
    assert respond(answer(), tokens(b"a\xff", b"\xf0\x9f")).parts == (ir.Text("a\ufffd\ufffd"),)


@given(st.data(), st.text("aé😀", max_size=8))
def test_any_split_of_the_bytes_gives_the_same_text(data: st.DataObject, text: str) -> None:
    halves = [
        piece.encode("latin-1") for piece in data.draw(pieces(text.encode().decode("latin-1")))
    ]
    assert ir.text_of(respond(answer(), tokens(*halves)).parts) == text


def test_every_sampled_token_counts_and_so_does_the_one_that_ends() -> None:
    sampled = tokens("<think>", "hm", "</think>", "Yes", ".", b"")
    usage = respond(answer(), sampled).usage
    assert usage == ir.Usage(10, 6, cache_read=4, reasoning=3)


def test_tokens_behind_a_stop_string_do_not_count() -> None:
    response = respond(answer(stop=("b",)), tokens("a", "b", "c", "d"))
    assert response.stop == ir.Stop("stop_sequence", "b")
    assert response.usage is not None
    assert response.usage.output == 2
    assert response.parts == (ir.Text("a"),)


def test_the_stop_reason_tells_calls_from_ends_and_cuts() -> None:
    whole = '<tool_call>{"name": "f", "arguments": {}}</tool_call>'
    assert respond(answer(), tokens("a")).stop.reason == "end"
    assert respond(answer(), tokens(whole)).stop.reason == "tool_call"
    assert respond(answer(), tokens(whole), "length").stop.reason == "length"


def test_a_forced_beginning_is_part_of_the_answer_and_no_output() -> None:
    response = respond(answer('<tool_call>\n{"name": "f", "arguments":'), tokens(' {"a": 1}}'))
    assert response.parts == (ir.ToolCall("call_1", "f", '{"a": 1}'),)
    assert response.usage is not None
    assert response.usage.output == 1


def test_logprobs_go_with_their_own_text_and_nowhere_else() -> None:
    smile = "😀".encode()
    sampled = tokens(
        "<think>", "hm", "</think>", "a", smile[:2], smile[2:], "<", "b", logprobs=True
    )
    (thought, text) = respond(answer(), sampled).parts
    assert isinstance(text, ir.Text)
    assert text.text == "a😀<b"
    assert b"".join(logprob.data or b"" for logprob in text.logprobs) == text.text.encode()
    assert thought == ir.Reasoning("hm")


def test_what_the_parser_noted_is_kept_at_the_end() -> None:
    made = answer()
    made.feed(tokens("<tool_call>oops"))
    finished = made.close("end", 1, 0)[-1]
    assert isinstance(finished, ir.Finished)
    assert finished.extra == {"stack": {"notes": ["a malformed tool call was left in the text"]}}


def test_neighbouring_deltas_of_one_part_are_merged() -> None:
    events: list[ir.Event] = [ir.Delta(0, "a"), ir.Delta(0, "b"), ir.PartEnded(0), ir.Delta(1, "c")]
    assert merged(events) == [ir.Delta(0, "ab"), ir.PartEnded(0), ir.Delta(1, "c")]
