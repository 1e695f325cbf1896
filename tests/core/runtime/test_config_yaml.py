"""Hostile and unlucky YAML: a clear error with line and column, in less than a second."""

from __future__ import annotations

from pathlib import Path

import pytest
from distribution_files import MINIMAL, metadata_only
from hypothesis import given, settings
from hypothesis import strategies as st

from polystack.core import ConfigError
from polystack.core.runtime.config import load
from polystack.core.runtime.yaml_source import from_mapping, parse


def refusal(path: Path) -> str:
    """The message after the file's name."""
    with pytest.raises(ConfigError) as caught:
        load(path, plugins=metadata_only(), env={})
    message = caught.value.message
    assert message.startswith(f"{path}:")
    assert len(message) < 1_000
    assert message.isprintable()
    return message.removeprefix(f"{path}:")


def bomb(levels: int, width: int = 9) -> str:
    lines = ["a0: &a0 [x]"]
    for i in range(1, levels + 1):
        lines.append(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]")
    return "\n".join(lines)


def ladder(rungs: int, depth: int = 50) -> str:
    """Anchors that are each deep, and deeper for what they hold."""
    opening, closing = "[" * depth, "]" * depth
    lines = [f"a0: &a0 {opening}x{closing}"]
    lines += [f"a{i}: &a{i} {opening}*a{i - 1}{closing}" for i in range(1, rungs)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", " the file is empty; it must hold a mapping"),
        ("# nothing\n", " the file is empty; it must hold a mapping"),
        ("[version, 1]", "1:1: a distribution is a mapping; begin with `version: 1`"),
        ("text", "1:1: a distribution is a mapping; begin with `version: 1`"),
        ("a: b: c", "1:5: not YAML: mapping values are not allowed here"),
        ("a: 'open", "1:9: not YAML: while scanning a quoted scalar, found unexpected end of"),
        ("a:\n\t- x", "2:1: not YAML: while scanning for the next token, found character"),
        ("a: [1,\n", "2:1: not YAML: while parsing a flow node, expected the node content, but"),
        ("a: 1\nb: 2\na: 3", "3:1: the key 'a' stands here twice, first in line 1"),
        ('a: 1\n"\\x61": 3', "2:1: the key 'a' stands here twice, first in line 1"),
        ("a: 1\n---\nb: 2", "2:1: a second document begins; one file holds one"),
        ("a: !!python/object/apply:os.system [ls]", "1:4: tags have no meaning here"),
        ("a: !!str 5", "1:4: tags have no meaning here; put text in quotes instead"),
        ("!thing\na: 5", "1:1: tags have no meaning here"),
        ("? [a, b]\n: c", "1:3: a key must be text, not a mapping or a list"),
        ("{a: 1}: c", "1:1: a key must be text, not a mapping or a list"),
        ("1: c", "1:1: the key 1 is not text; put it in quotes"),
        ("a: *b", "1:4: the alias *b has no anchor above it"),
        ("a: &b [*b]", "1:8: the alias *b stands within what it stands for"),
        ("a: &b {c: *b}", "1:11: the alias *b stands within what it stands for"),
        ("a: \x00", "1:4: not YAML: special characters are not allowed"),
        ("x: 1\nab: \x07", "2:5: not YAML: special characters are not allowed"),
        ('a: "\\UFFFFFFFF"', "1:1: not YAML: "),
        ("a: " + "9" * 5_000, "1:4: not YAML: Exceeds the limit"),
        ("%YAML 2.0\n---\na: 1", "1:1: not YAML: found incompatible YAML document"),
        ("<<: {a: 1}\nversion: 1", '1:1: "<<": is not a known key'),
        (bomb(4), "5:35: more than 10000 values, aliases expanded"),
        (bomb(30), "5:35: more than 10000 values, aliases expanded"),
        (ladder(3), "2:59: nested deeper than 64 levels"),
        ("a: " + "[" * 10_000 + "]" * 10_000, "1:67: nested deeper than 64 levels"),
        ("a: " + "[" * 10_000, "1:67: nested deeper than 64 levels"),
        ("{a: " * 10_000, "1:257: nested deeper than 64 levels"),
        ("- " * 10_000 + "x", "1:129: nested deeper than 64 levels"),
        ("? " * 10_000 + "x", "1:3: a key must be text, not a mapping or a list"),
        ("a: [" + "x, " * 20_000 + "]", "1:"),
        ("".join(f"k{i}: 1\n" for i in range(60_000)), "5000:"),
        ("k" * 900 + ": 1\n" + "k" * 900 + ": 2", "2:1: the key 'kkk"),
        ("k" * 900 + ": 1\n", "1:1: kkk"),
    ],
)
def test_hostile_yaml_is_refused_in_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(text.encode())
    assert refusal(path).startswith(message)


def test_a_file_that_is_too_large_is_not_parsed(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    path.write_bytes(b"# x\n" * 2_500_000)
    assert refusal(path) == " larger than 1 MiB"


def test_a_file_without_end_is_not_read_to_its_end() -> None:
    with pytest.raises(ConfigError, match=r"^/dev/zero: larger than 1 MiB$"):
        load("/dev/zero", plugins=metadata_only())


@pytest.mark.parametrize("data", [b"version: 1\nname: \xff\n", "é: 1".encode("utf-16")])
def test_a_file_that_is_not_utf_8_says_where(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(data)
    where = "2:7" if b"name" in data else "1:1"
    assert refusal(path) == f"{where}: not UTF-8; save it as UTF-8 text"


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
    assert load(path, plugins=metadata_only()).distribution.name == "demo"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("off", "off"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("'~'", "~"),
        ("022", 22),
        ("0o22", 18),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2026-11-20", "2026-11-20"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("1.2.3", "1.2.3"),
        ("0b1", "0b1"),
        ("'1'", "1"),
        ("|\n  a\n  b", "a\nb"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    read = parse(f"a: {text}", "x").plain()["a"]
    assert read == value
    assert type(read) is type(value)


def test_an_alias_stands_for_what_its_anchor_holds() -> None:
    tree = parse("a: &x {b: &y 1}\nc: *x\nd: [*y, *y]", "x")
    assert tree.plain() == {"a": {"b": 1}, "c": {"b": 1}, "d": [1, 1]}


def test_a_mapping_that_holds_itself_is_refused() -> None:
    loop: dict[str, object] = {}
    loop["again"] = loop
    with pytest.raises(ConfigError, match="nested deeper than 64 levels"):
        from_mapping(loop, "the distribution")


def test_a_mapping_with_keys_that_are_not_text_is_refused() -> None:
    with pytest.raises(ConfigError, match="the key 5 is not text"):
        load({"version": 1, "aliases": {5: "x"}}, plugins=metadata_only())


PIECES = st.sampled_from(
    [*"[]{}|>#%\t\\~@`é\n'\"", *"a_: _- _, _  _&x _*x_!t _---\n_..._? ".split("_")]
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join)))
def test_any_text_is_a_tree_or_a_clear_error(text: str) -> None:
    try:
        outcome = str(parse(text, "x.yaml").place)
    except ConfigError as error:
        outcome = error.message
    assert outcome.startswith("x.yaml:")
