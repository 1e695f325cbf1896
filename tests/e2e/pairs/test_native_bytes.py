"""Where client and upstream speak one protocol, the bytes are theirs, both ways.

Everything here is odd on purpose: what is decoded and written again would come out different.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from peer import Peer, streamed, transcripts, whole
from peer.framings import FRAMINGS, commented, crlf
from peer.raw import post

APIS = pytest.mark.parametrize("api", transcripts.PROTOCOLS)

# White space, the order of keys, escapes where none are needed, numbers in many spellings, fields
# that nobody knows.
ODD = {
    "messages": rb""" {"messages" :[ {"content":"K\u00f6ln \ud83d\ude00 \/ """
    + "ü\u2028".encode()
    + rb"""","role":"user", "x":{"b":1,"a":2}} ],
	"max_tokens":100,"x_unknown":{"z":[1.0,2.50,-0,1E+2,12345678901234567890],"a":null},
  "model": $MODEL ,"stream":$STREAM,
	"temperature":0.10 }
""",
    "responses": rb"""{ "input" :[{"content":"K\u00f6ln \ud83d\ude00","role":"user"}] ,
  "x_unknown":{"z":[1.0,2.50],"a":null}, "model":$MODEL,"stream" : $STREAM, "store":false}
  """,
    "chat": rb"""{"stream":$STREAM,"messages":[{"content":[{"text":"K\u00f6ln","type":"text"}],
"role":"user"}]	,"model":$MODEL, "seed":1, "logit_bias":{"50256":-1e2},"x_unknown":[ ]}""",
}
# What no decoder here would take: it is for the upstream to judge.
FOREIGN = b"""{"model":$MODEL,"stream":$STREAM,"messages":{"new":"shape"},"input":{"new":"shape"},
"seed":1.5,"x":{"a":1,"a":2},"max_tokens":"many","tools":0}"""


def odd(api: str, model: bytes, stream: bool) -> bytes:
    return filled(ODD[api], model, stream)


def filled(body: bytes, model: bytes, stream: bool) -> bytes:
    return body.replace(b"$STREAM", b"true" if stream else b"false").replace(b"$MODEL", model)


def asked(peer: Peer, stack: str, api: str, body: bytes) -> bytes:
    """The body that the upstream gets for this one."""
    peer.play(transcripts.answer(api, "text", b'"stream":true' in body.replace(b" ", b"")))
    reply = post(stack, transcripts.PATHS[api], body)
    assert reply.status == 200, reply.body
    assert reply.headers["x-stack-route"] == "native"
    return peer.last.body


# The request -------------------------------------------------------------------------------------


@APIS
@pytest.mark.parametrize("stream", [False, True])
def test_a_request_arrives_byte_for_byte(peer: Peer, stack: str, api: str, stream: bool) -> None:
    body = odd(api, f'"wire-{api}"'.encode(), stream)
    assert asked(peer, stack, api, body) == body


@APIS
@pytest.mark.parametrize("stream", [False, True])
def test_what_only_the_upstream_understands_is_the_upstreams_to_judge(
    peer: Peer, stack: str, api: str, stream: bool
) -> None:
    body = filled(FOREIGN, f'"to-{api}"'.encode(), stream)
    assert asked(peer, stack, api, body) == filled(FOREIGN, b'"wire-model"', stream)


@APIS
@pytest.mark.parametrize(
    "named",
    [b'{"model":"to\\u002d%s"', b'{"x_other":{"model":"other"},"model":"to-%s"'],
    ids=["escaped", "behind another"],
)
def test_it_is_where_the_models_name_is_not_found_at_a_glance_too(
    peer: Peer, stack: str, api: str, named: bytes
) -> None:
    body = filled(FOREIGN, b"", False).replace(b'{"model":', named % api.encode(), 1)
    reply = post(stack, transcripts.PATHS[api], body)
    assert reply.status == 418  # it got as far as the peer, which had nothing to play
    assert peer.last.body[-60:] == body[-60:]


@APIS
@pytest.mark.parametrize(
    "spelling", [b'"to-%s"', b'"to\\u002d%s"', b'"\\u0074o-%s"'], ids=["plain", "dash", "letter"]
)
def test_an_alias_changes_the_bytes_of_the_models_name_alone(
    peer: Peer, stack: str, api: str, spelling: bytes
) -> None:
    body = odd(api, spelling % api.encode(), False)
    assert asked(peer, stack, api, body) == odd(api, b'"wire-model"', False)


@APIS
def test_a_key_that_is_written_with_escapes_is_found_and_kept(
    peer: Peer, stack: str, api: str
) -> None:
    body = odd(api, f'"to-{api}"'.encode(), False).replace(b'"model"', b'"mod\\u0065l"')
    expected = odd(api, b'"wire-model"', False).replace(b'"model"', b'"mod\\u0065l"')
    assert asked(peer, stack, api, body) == expected


@APIS
def test_a_name_that_stands_elsewhere_too_is_changed_in_its_field_only(
    peer: Peer, stack: str, api: str
) -> None:
    name = f'"to-{api}"'.encode()
    elsewhere = b'{"metadata":{"model":$MODEL},'
    body = odd(api, name, False).lstrip().replace(b"{", elsewhere.replace(b"$MODEL", name), 1)
    expected = odd(api, b'"wire-model"', False).lstrip()
    expected = expected.replace(b"{", elsewhere.replace(b"$MODEL", name), 1)
    assert asked(peer, stack, api, body) == expected


@APIS
def test_a_model_named_twice_is_refused_and_never_forwarded(
    peer: Peer, stack: str, api: str
) -> None:
    body = odd(api, f'"to-{api}"'.encode(), False).lstrip()
    reply = post(stack, transcripts.PATHS[api], body.replace(b"{", b'{"model":"other",', 1))
    assert reply.status == 400
    assert b"model" in reply.body
    assert not peer.requests


# The answer --------------------------------------------------------------------------------------


@APIS
def test_a_whole_answer_comes_back_byte_for_byte(peer: Peer, stack: str, api: str) -> None:
    answer = transcripts.document(api, "parallel_tools").replace(b'"role"', b'"x" : 1E0,\t"role"')
    answer = b"\r\n" + answer.replace("ö".encode(), b"\\u00f6") + b" \n"
    peer.play(whole(answer))
    reply = post(stack, transcripts.PATHS[api], odd(api, f'"to-{api}"'.encode(), False))
    assert reply.body == answer


def relayed(peer: Peer, stack: str, api: str, stream: bytes, cuts: Sequence[int] = ()) -> bytes:
    peer.play(streamed(stream, cuts))
    reply = post(stack, transcripts.PATHS[api], odd(api, f'"to-{api}"'.encode(), True))
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/event-stream")
    return reply.body


@APIS
@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_stream_comes_back_byte_for_byte_however_it_is_framed(
    peer: Peer, stack: str, api: str, framing: str
) -> None:
    stream = FRAMINGS[framing](transcripts.stream(api, "interleaved_thinking"))
    assert relayed(peer, stack, api, stream) == stream


@APIS
@pytest.mark.parametrize("seed", range(4))
def test_a_stream_comes_back_byte_for_byte_wherever_it_is_cut(
    peer: Peer, stack: str, api: str, seed: int
) -> None:
    stream = crlf(commented(transcripts.stream(api, "text")))
    cuts = random.Random(seed).sample(range(1, len(stream)), 12)
    assert relayed(peer, stack, api, stream, cuts) == stream


@APIS
def test_a_stream_without_chunks_comes_back_byte_for_byte(peer: Peer, stack: str, api: str) -> None:
    stream = transcripts.stream(api, "text")
    peer.play(streamed(stream, [50], chunked=False))
    reply = post(stack, transcripts.PATHS[api], odd(api, f'"to-{api}"'.encode(), True))
    assert reply.body == stream


@APIS
def test_an_upstreams_error_comes_back_byte_for_byte(peer: Peer, stack: str, api: str) -> None:
    answer = b'{ "error" : {"message":"K\\u00f6ln is no number" , "type":"x_new"}, "extra": 1e0}\n'
    for stream in (False, True):
        peer.play(whole(answer, 422))
        body = odd(api, f'"to-{api}"'.encode(), stream)
        reply = post(stack, transcripts.PATHS[api], body)
        assert (reply.status, reply.body) == (422, answer)
