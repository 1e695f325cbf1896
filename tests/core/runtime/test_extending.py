"""`extends:`: what a distribution takes from others, what it changes, and where faults are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from distribution_files import MINIMAL, metadata_only
from hypothesis import given
from hypothesis import strategies as st

from polystack.core import ConfigError
from polystack.core.runtime import extending
from polystack.core.runtime.config import Loaded, load, masked
from polystack.core.runtime.extending import merged
from polystack.core.runtime.plugins import Plugins
from polystack.core.runtime.yaml_source import from_mapping

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Files by name and text; gives the path of the last one."""

    def all_of(**texts: str) -> Path:
        for name, text in texts.items():
            path = tmp_path / f"{name}.yaml"
            path.write_text(text)
        return path

    return all_of


def read(
    source: str | Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    env: Mapping[str, str] = {},
) -> Loaded:
    return load(source, plugins=metadata_only(), overrides=overrides, env=env)


def refusal(path: Path, **kwargs: Any) -> str:
    """The message of the error, its paths cut down to the names of files."""
    with pytest.raises(ConfigError) as caught:
        read(path, **kwargs)
    assert "\n" not in caught.value.message
    return caught.value.message.replace(f"{path.parent}/", "")


# -- what is merged -------------------------------------------------------------------------------


def test_mappings_are_merged_key_by_key(write: Write) -> None:
    path = write(
        base=MINIMAL + "server: {host: localhost, port: 9000}\n",
        mine="extends: base.yaml\nname: mine\nserver: {port: 9001}\n",
    )
    whole = read(path).distribution
    assert (whole.name, whole.server.host, whole.server.port) == ("mine", "localhost", 9001)
    assert list(whole.models) == ["small"]
    assert read(path).path == path


def test_a_list_is_replaced_as_a_whole(write: Write) -> None:
    path = write(
        base=MINIMAL.replace("[chat]", "[chat, messages]"),
        mine="extends: base.yaml\napis: [messages]\n",
    )
    assert read(path).distribution.apis == ["messages"]


def test_null_removes_what_lies_below(write: Write) -> None:
    path = write(
        base=MINIMAL + "aliases: {big: small, other: small}\ndefault_model: small\n",
        mine="extends: base.yaml\naliases: {big: null}\ndefault_model:\n",
    )
    whole = read(path).distribution
    assert whole.aliases == {"other": "small"}
    assert whole.default_model is None


def test_null_where_nothing_lies_below_is_a_value_like_any_other(write: Write) -> None:
    path = write(base=MINIMAL, mine="extends: base.yaml\naliases: {bgi: null}\n")
    assert refusal(path) == "mine.yaml:2:11: aliases.bgi: must be text, not nothing"


def test_own_aliases_are_tried_before_those_below(write: Write) -> None:
    path = write(
        base=MINIMAL + 'aliases: {"a-*": small, "b-*": small}\n',
        mine='extends: base.yaml\naliases: {"a-1*": here/one, "b-*": here/two}\n',
    )
    aliases = read(path).distribution.aliases
    assert list(aliases.items()) == [("a-1*", "here/one"), ("b-*", "here/two"), ("a-*", "small")]


def test_of_several_the_later_comes_on_top(write: Write) -> None:
    path = write(
        one=MINIMAL + "server: {port: 1, keep_alive: 1}\n",
        two="server: {port: 2, first_event_timeout: 2}\n",
        mine="extends: [one.yaml, two.yaml]\n",
    )
    server = read(path).distribution.server
    assert (server.port, server.keep_alive, server.first_event_timeout) == (2, 1, 2)


def test_what_is_extended_may_extend_another_in_a_folder_of_its_own(
    tmp_path: Path, write: Write
) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "middle.yaml").write_text("extends: ../base.yaml\nname: middle\n")
    path = write(base=MINIMAL, mine="extends: inner/middle.yaml\n")
    assert read(path).distribution.name == "middle"


def test_two_parents_may_share_a_parent(write: Write) -> None:
    path = write(
        base=MINIMAL,
        one="extends: base.yaml\nname: one\n",
        two="extends: base.yaml\n",
        mine="extends: [one.yaml, two.yaml]\n",
    )
    assert read(path).distribution.name == "demo"


def test_a_template_goes_by_its_name(write: Write) -> None:
    path = write(mine="extends: scripted\nname: mine\nserver: {port: 9000}\n")
    whole = load(path, plugins=Plugins(), env={}).distribution
    assert (whole.name, whole.server.port) == ("mine", 9000)
    assert "scripted" in whole.models


def test_a_file_beside_comes_before_a_template_of_its_name(write: Write) -> None:
    path = write(starter=MINIMAL, mine="extends: starter.yaml\n")
    assert read(path).distribution.name == "demo"


def test_a_mapping_extends_what_lies_in_the_working_directory(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(base=MINIMAL)
    elsewhere = {"extends": tmp_path / "base.yaml", "server": {"port": 9000}}
    assert read(elsewhere).distribution.server.port == 9000
    monkeypatch.chdir(tmp_path)
    assert read({"extends": ["base.yaml"], "name": "mine"}).distribution.name == "mine"
    assert read({"extends": "base.yaml"}).path is None


def test_without_extends_nothing_is_removed_or_reordered(write: Write) -> None:
    assert read(write(mine=MINIMAL + "default_model: null\n")).distribution.default_model is None


# -- what comes after -----------------------------------------------------------------------------


def test_an_override_comes_last(write: Write) -> None:
    path = write(base=MINIMAL + "server: {port: 1}\n", mine="extends: base.yaml\n")
    assert read(path, ["server.port=3"]).distribution.server.port == 3
    message = refusal(path, overrides=["server.port=x"])
    assert message == "--set server.port: server.port: must be a whole number, not 'x'"


def test_an_override_cannot_extend(write: Write) -> None:
    message = refusal(write(mine=MINIMAL), overrides=["extends=starter"])
    assert message == "--set extends: comes too late; write `extends` into the file"


def test_the_environment_is_asked_for_what_is_left_after_the_merging(write: Write) -> None:
    path = write(
        base=MINIMAL + "server: {host: '${env.GONE}', port: '${env.PORT}'}\n",
        mine="extends: base.yaml\nserver: {host: '${env.HOST}'}\n",
    )
    server = read(path, env={"HOST": "::1", "PORT": "9"}).distribution.server
    assert (server.host, server.port) == ("::1", 9)
    assert refusal(path, env={"HOST": "::1"}).startswith("base.yaml:8:37: server.port: the env")
    assert refusal(path, env={"PORT": "9"}).startswith("mine.yaml:2:16: server.host: the env")


def test_when_decides_over_a_provider_from_below(write: Write) -> None:
    base = MINIMAL.replace("{type: quiet}", '{type: quiet, when: "${env.HERE:+yes}"}')
    more = "extends: base.yaml\nproviders: {there: {type: quiet, config: {a: '${env.GONE:=}'}}}\n"
    path = write(base=base, mine=more)
    loaded = read(path)
    assert loaded.disabled == ("here",)
    assert "model small is left out with its provider here" in loaded.notes
    assert read(path, env={"HERE": "1"}).disabled == ()


def test_a_provider_from_below_is_switched_off_by_its_when(write: Write) -> None:
    path = write(
        base=MINIMAL,
        mine="extends: base.yaml\nproviders: {here: {when: false}, there: {type: quiet}}\n",
    )
    assert read(path).disabled == ("here",)


def test_secrets_from_below_are_masked(write: Write) -> None:
    base = MINIMAL.replace("{type: quiet}", '{type: quiet, config: {pin: "${env.PIN}", note: x}}')
    path = write(base=base, mine="extends: base.yaml\nserver: {api_keys: [sesame]}\n")
    document = masked(read(path, env={"PIN": "hush-hush"}))
    assert "hush-hush" not in str(document)
    assert "sesame" not in str(document)
    assert document["providers"]["here"]["config"]["note"] == "x"
    assert "extends" not in document


# -- faults ---------------------------------------------------------------------------------------


def test_a_fault_is_where_it_was_written(write: Write) -> None:
    path = write(base=MINIMAL + "server: {prot: 1}\n", mine="extends: base.yaml\nname: mine\n")
    assert refusal(path).startswith("base.yaml:8:10: server.prot: is not a known key; did you mean")
    path = write(base=MINIMAL, mine="extends: base.yaml\nserver: {port: none}\n")
    assert refusal(path) == "mine.yaml:2:16: server.port: must be a whole number, not 'none'"
    path = write(base="[no mapping]", mine="extends: base.yaml\n")
    assert refusal(path).startswith("base.yaml:1:1: a distribution is a mapping")
    path = write(base="a: b: c", mine="extends: base.yaml\n")
    assert refusal(path).startswith("base.yaml:1:5: not YAML")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("gone.yaml", "1:10: extends: gone.yaml: no such file, and no template of this name; temp"),
        ("startr", "1:10: extends: startr: no such file, and no template of this name; did you"),
        ("./starter", "1:10: extends: starter: no such file or directory"),
        ("[../up.yaml]", "1:11: extends.0: ../up.yaml: no such file or directory"),
        ("['', x]", "1:11: extends.0: must be a template's name or a path, or a list of them, not"),
        (
            "{a: b}",
            "1:10: extends: must be a template's name or a path, or a list of them, not a m",
        ),
        ("", "1:1: extends: must be a template's name or a path, or a list of them, not nothing"),
        ("7", "1:10: extends: must be a template's name or a path, or a list of them, not 7"),
        ("'${env.X}'", "1:10: extends: is read before the environment; write a name or a path"),
        ("[base.yaml, base.yaml]", "1:22: extends.1: 'base.yaml' stands here twice; remove one"),
    ],
)
def test_what_cannot_be_extended_is_a_fault_of_its_line(
    write: Write, written: str, message: str
) -> None:
    path = write(base=MINIMAL, mine=f"extends: {written}\n")
    assert refusal(path).startswith(f"mine.yaml:{message}")


def test_a_parent_that_is_not_there_is_a_fault_of_whoever_names_it(write: Write) -> None:
    path = write(middle="name: x\nextends: gone.yaml\n", mine="extends: middle.yaml\n")
    assert refusal(path).startswith("middle.yaml:2:10: extends: gone.yaml: no such file")


def test_a_parent_that_cannot_be_read_is_a_fault_of_its_line(tmp_path: Path, write: Write) -> None:
    (tmp_path / "base.yaml").write_bytes(b"name: \xff\n")
    path = write(mine="extends: base.yaml\n")
    assert refusal(path).startswith("mine.yaml:1:10: extends: base.yaml:1:7: not UTF-8")
    (tmp_path / "folder").mkdir()
    path = write(mine="extends: ./folder\n")
    assert refusal(path) == "mine.yaml:1:10: extends: folder: is a directory"


def test_a_ring_is_named(write: Write) -> None:
    path = write(mine="extends: mine.yaml\n")
    assert refusal(path) == (
        "mine.yaml:1:10: extends: a distribution cannot extend itself: mine.yaml -> mine.yaml; "
        "a template's name has no '.yaml'"
    )
    path = write(c="extends: b.yaml\n", b="extends: [c.yaml]\n", mine="extends: c.yaml\n")
    message = refusal(path)
    assert message.startswith("b.yaml:1:11: extends.0: a distribution cannot extend itself: c.yaml")


def test_a_link_hides_no_ring(tmp_path: Path, write: Write) -> None:
    path = write(mine="extends: link.yaml\n")
    (tmp_path / "link.yaml").symlink_to(path)
    assert "cannot extend itself: mine.yaml -> mine.yaml" in refusal(path)


def test_a_tower_has_a_limit(write: Write) -> None:
    height = extending.DEPTH_LIMIT
    texts = {f"f{i}": f"extends: f{i - 1}.yaml\n" for i in range(1, height + 1)}
    write(f0=MINIMAL, **texts)
    assert read(write(**{f"f{height - 1}": texts[f"f{height - 1}"]})).distribution.name == "demo"
    message = refusal(write(**{f"f{height}": texts[f"f{height}"]}))
    assert message.startswith(f"f1.yaml:1:10: extends: more than {height} distributions, one on")


def test_a_crowd_has_a_limit(write: Write) -> None:
    crowd = [f"f{i}" for i in range(extending.FILE_LIMIT + 1)]
    path = write(
        **dict.fromkeys(crowd, MINIMAL),
        mine=f"extends: [{', '.join(f'{name}.yaml' for name in crowd)}]\n",
    )
    assert f"extends.64: more than {extending.FILE_LIMIT} distributions to extend" in refusal(path)


def test_every_file_is_read_once_however_often_it_is_named(write: Write) -> None:
    texts = {f"f{i}": f"extends: [f{i - 1}.yaml, ./f{i - 1}.yaml]\n" for i in range(1, 15)}
    assert read(write(f0=MINIMAL, **texts)).distribution.name == "demo"


# -- for any two trees ----------------------------------------------------------------------------

KEYS = st.sampled_from("abcd")
SCALARS = st.none() | st.integers(0, 9) | st.text("xyz", max_size=2)
MAPPINGS = st.recursive(
    st.dictionaries(KEYS, SCALARS | st.lists(SCALARS, max_size=2), max_size=4),
    lambda inner: st.dictionaries(KEYS, SCALARS | inner, max_size=4),
    max_leaves=12,
)


def plainly(base: Any, own: Any) -> Any:
    """The merging as its description has it, on values without places."""
    if not (isinstance(base, dict) and isinstance(own, dict)):
        return own
    kept = {key: value for key, value in base.items() if key not in own}
    over = {key: plainly(base[key], own[key]) if key in base else own[key] for key in own}
    return {**{k: v for k, v in over.items() if not (v is None and k in base)}, **kept}


@given(MAPPINGS, MAPPINGS)
def test_merging_is_what_its_description_says(base: Any, own: Any) -> None:
    both = merged(from_mapping(base, "base"), from_mapping(own, "own"))
    assert both.plain() == plainly(base, own)


@given(MAPPINGS, MAPPINGS)
def test_every_value_keeps_the_place_where_it_was_written(base: Any, own: Any) -> None:
    mine = from_mapping(own, "own")
    both = merged(from_mapping(base, "base"), mine)
    for path, node in both.walk():
        assert node.place.source == ("own" if mine.at(path) else "base")
        if path:
            parent = both.at(path[:-1])
            assert parent is not None
            key = parent.keys.get(str(path[-1]))
            assert key is None or key.source == node.place.source


@given(MAPPINGS)
def test_nothing_is_changed_by_an_empty_distribution(one: Any) -> None:
    tree, empty = from_mapping(one, "one"), from_mapping({}, "empty")
    assert merged(tree, empty).plain() == one
    assert merged(empty, tree) == tree


@given(MAPPINGS, MAPPINGS)
def test_what_a_file_writes_comes_first_in_its_order(base: Any, own: Any) -> None:
    both = merged(from_mapping(base, ""), from_mapping(own, ""))
    order = [*own, *(key for key in base if key not in own)]
    assert list(both.value) == [key for key in order if key in both.value]
