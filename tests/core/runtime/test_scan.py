from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polystack.core.canon.errors import InvalidRequest
from polystack.core.runtime import body as json_body
from polystack.core.runtime.scan import scan

DEPTH = 256

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
spaces = st.text(" \t\r\n", max_size=2)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(["model", "stream", "messages", "a", "é", '"', ""]) | texts


@st.composite
def spelt(draw: st.DrawFn, text: str) -> str:
    """A JSON string literal, with any of its characters escaped."""
    pieces = []
    for character in text:
        whole = json.dumps(character)[1:-1]
        plain = json.dumps(character, ensure_ascii=False)[1:-1]
        units = character.encode("utf-16-be").hex()
        escaped = "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))
        pieces.append(draw(st.sampled_from([plain, plain, whole, escaped])))
    return '"' + "".join(pieces) + '"'


@st.composite
def written(draw: st.DrawFn, value: Any) -> str:
    """A JSON text of a value, with white space anywhere."""
    match value:
        case str():
            text = draw(spelt(value))
        case list():
            text = "[" + ",".join([draw(written(item)) for item in value]) + draw(spaces) + "]"
        case dict():
            text = draw(objects(list(value.items())))
        case _:
            text = json.dumps(value)
    return f"{draw(spaces)}{text}{draw(spaces)}"


@st.composite
def objects(draw: st.DrawFn, pairs: list[tuple[str, Any]]) -> str:
    fields = [f"{draw(written(key))}:{draw(written(value))}" for key, value in pairs]
    return "{" + ",".join(fields) + draw(spaces) + "}"


@st.composite
def bodies(draw: st.DrawFn) -> tuple[list[tuple[str, Any]], bytes]:
    """The pairs of an object, twice the same key among them, and a body that says them."""
    pairs = draw(st.lists(st.tuples(keys, values), max_size=5))
    return pairs, (draw(spaces) + draw(objects(pairs)) + draw(spaces)).encode()


# What is seen ------------------------------------------------------------------------------------


@given(bodies())
def test_the_top_level_is_read_as_json_reads_it_and_no_key_stands_twice(
    case: tuple[list[tuple[str, Any]], bytes],
) -> None:
    pairs, body = case
    if len(dict(pairs)) < len(pairs):
        with pytest.raises(InvalidRequest, match="stands twice"):
            scan(body, DEPTH)
        return
    seen = scan(body, DEPTH)
    assert seen.model == dict(pairs).get("model")
    assert seen.stream == dict(pairs).get("stream")


@pytest.mark.parametrize(
    ("body", "model", "stream"),
    [
        (b"{}", None, None),
        (b'{"model": null, "stream": false}', None, False),
        (b'{"stream": true, "model": "gpt"}', "gpt", True),
        (b'{"messages": [{"model": "inner", "stream": true}]}', None, None),
        (b'{"mod\\u0065l": "\\u0067pt"}', "gpt", None),
        (b'{"model": "\xf0\x9f\x98\x80"}', "\N{GRINNING FACE}", None),
    ],
)
def test_model_and_stream_are_those_of_the_top_level(
    body: bytes, model: str | None, stream: bool | None
) -> None:
    seen = scan(body, DEPTH)
    assert (seen.model, seen.stream) == (model, stream)


@pytest.mark.parametrize("wrong", [5, True, [], {"name": "gpt"}])
def test_a_value_of_the_wrong_type_is_left_for_the_protocol_to_refuse(wrong: object) -> None:
    seen = scan(json.dumps({"model": wrong, "stream": wrong}).encode(), DEPTH)
    assert (seen.model, seen.stream) == (wrong, wrong)


# What is replaced --------------------------------------------------------------------------------


others = st.lists(st.tuples(keys.filter(lambda key: key != "model"), values), max_size=3)


@given(others, values, others, texts, st.data())
def test_another_model_changes_the_value_of_the_model_and_no_other_byte(
    before: list[tuple[str, Any]],
    old: Any,
    after: list[tuple[str, Any]],
    name: str,
    data: st.DataObject,
) -> None:
    pairs = list(dict(before + after).items())
    head = data.draw(objects(pairs[: len(before)]))[:-1] + ("," if pairs[: len(before)] else "")
    tail = data.draw(objects(pairs[len(before) :]))[1:]
    head += data.draw(written("model")) + ":" + data.draw(spaces)
    tail = data.draw(spaces) + ("," if pairs[len(before) :] else "") + tail
    body = head + data.draw(written(old)).strip(" \t\r\n") + tail
    new = json.dumps(name, ensure_ascii=False)
    spliced = scan(body.encode(), DEPTH).with_model(name)
    assert json.loads(spliced) == {**dict(pairs), "model": name}
    assert spliced.startswith(head.encode())
    assert spliced.endswith(tail.encode())
    assert len(spliced) - len((head + tail).encode()) <= len(new.encode())


@pytest.mark.parametrize(
    ("body", "spliced"),
    [
        (b'{"model":"a","x":1}', b'{"model":"b","x":1}'),
        (
            b' {\n "x" : "\xc3\xa9" ,\t"model" : "a" }\n',
            b' {\n "x" : "\xc3\xa9" ,\t"model" : "b" }\n',
        ),
        (b'{"m\\u006fdel":"\\u0061", "y": 1.50}', b'{"m\\u006fdel":"b", "y": 1.50}'),
        (b'{"x":{"model":"a"},"model":"a"}', b'{"x":{"model":"a"},"model":"b"}'),
        (b'{"x":"\\"model\\":\\"a\\"","model":"a"}', b'{"x":"\\"model\\":\\"a\\"","model":"b"}'),
        (b'{"model": null}', b'{"model": "b"}'),
        (b"{}", b'{"model":"b"}'),
        (b' { "x": 1}', b' {"model":"b", "x": 1}'),
    ],
)
def test_the_new_name_stands_where_the_old_one_stood(body: bytes, spliced: bytes) -> None:
    assert scan(body, DEPTH).with_model("b") == spliced


# What is refused ---------------------------------------------------------------------------------

BAD = [
    b"",
    b" \n",
    b"{",
    b"{,}",
    b'{"a"',
    b'{"a":',
    b'{"a":}',
    b'{"a" 1}',
    b'{"a":1',
    b'{"a":1,',
    b'{"a":1,}',
    b'{"a":1 "b":2}',
    b'{"a":1}}',
    b'{"a":1} x',
    b"{a:1}",
    b"{'a':1}",
    b'{"a":01}',
    b'{"a":.5}',
    b'{"a":tru}',
    b'{"a":"\n"}',
    b'{"\t":1}',
    b'{"a":"\\x"}',
    b'{"a":[1,{"b":}]}',
    b'{"a":[NaN]}',
    b'{"a":-Infinity}',
    b'{"a":"\xff"}',
    b"\xef\xbb\xbf{}",
    b'{"a":1}\x00',
    b'{"a":1,"a":2}',
    b'{"model":"a","m\\u006fdel":"b"}',
    b'{"model":"\\ud83d"}',
    b"[1,",
    b'{"a":' * 300 + b"1" + b"}" * 300,
    b'{"a":' + b"[" * 100_000,
]


@pytest.mark.parametrize("body", BAD)
def test_a_bad_body_is_refused_in_the_words_of_the_strict_reader(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as strict:
        json_body.parse(body, DEPTH)
    with pytest.raises(InvalidRequest) as caught:
        scan(body, DEPTH)
    assert caught.value.message == strict.value.message
    assert caught.value.param == strict.value.param


@given(bodies(), st.data())
def test_a_damaged_body_is_refused_wherever_json_refuses_it(
    case: tuple[list[tuple[str, Any]], bytes], data: st.DataObject
) -> None:
    _, body = case
    at = data.draw(st.integers(0, len(body)))
    noise = data.draw(
        st.sampled_from([b"", b",", b"}", b"{", b'"', b"\\", b":", b"]", b"1", b"\xc3"])
    )
    damaged = body[:at] + noise + body[at + data.draw(st.integers(0, 2)) :]
    try:
        pairs = json.loads(damaged.decode(), object_pairs_hook=lambda pairs: ("pairs", pairs))
    except ValueError:
        with pytest.raises(InvalidRequest, match=r"the request body is not|stands twice"):
            scan(damaged, DEPTH)
        return
    if not (isinstance(pairs, tuple) and len({key for key, _ in pairs[1]}) == len(pairs[1])):
        with pytest.raises(InvalidRequest):
            scan(damaged, DEPTH)
        return
    assert json.loads(scan(damaged, DEPTH).with_model("b"))["model"] == "b"


@pytest.mark.parametrize("body", [b"[]", b' "text"', b"5", b"null", b"[1, 2] "])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="the request body must be a JSON object"):
        scan(body, DEPTH)


def test_the_key_that_stands_twice_is_named() -> None:
    with pytest.raises(InvalidRequest, match="the key 'model' stands twice") as caught:
        scan(b'{"model": "cheap", "x": 1, "\\u006dodel": "dear"}', DEPTH)
    assert caught.value.param == "model"


def test_a_nested_key_that_stands_twice_is_the_upstreams_to_judge() -> None:
    body = b'{"x": {"k": 1, "k": 2}, "model": "a"}'
    assert scan(body, DEPTH).with_model("b") == b'{"x": {"k": 1, "k": 2}, "model": "b"}'


@pytest.mark.parametrize("number", ["1" * 5000, "1e999", "-0", "18446744073709551616", "1E+2"])
def test_a_number_of_any_size_passes_as_it_was_written(number: str) -> None:
    body = f'{{"x": {number}, "model": "a"}}'.encode()
    assert scan(body, DEPTH).with_model("b") == body.replace(b'"a"', b'"b"')


@pytest.mark.parametrize("limit", [2, 32, 255, 256, 300])
def test_a_body_may_be_as_deep_as_the_limit_and_no_deeper(limit: int) -> None:
    def nested(levels: int) -> bytes:
        return b'{"x":' * levels + b"1" + b"}" * levels

    assert scan(nested(limit), limit).model is None
    with pytest.raises(InvalidRequest, match=f"nested more than {limit} levels deep"):
        scan(nested(limit + 1), limit)
    half = b'"half": "\\ud83d", '  # which orjson writes not at all
    assert scan(b"{" + half + nested(limit)[1:], limit).model is None


@pytest.mark.parametrize(
    ("body", "renamed"),
    [
        (b'{"model":"a","x":{"model":"a"}}', b'{"model":"new","x":{"model":"a"}}'),
        (b'{"x":{"model":"a"},"model":"a"}', b'{"x":{"model":"a"},"model":"new"}'),
        (b'{"x":{"model":"a"},"model": "a"}', b'{"x":{"model":"a"},"model": "new"}'),
        (b'{"x":"\\"model\\":\\"a\\"","model":"a"}', b'{"x":"\\"model\\":\\"a\\"","model":"new"}'),
        (b'{"x":["model","a"],"model":"a"}', b'{"x":["model","a"],"model":"new"}'),
        (b'{"model":null,"x":{"model":null}}', b'{"model":"new","x":{"model":null}}'),
        (b'{"x":{"model":null}}', b'{"model":"new","x":{"model":null}}'),
    ],
)
def test_another_field_of_the_same_name_is_left_alone(body: bytes, renamed: bytes) -> None:
    assert scan(body, 256).with_model("new") == renamed
