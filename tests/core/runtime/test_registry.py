from __future__ import annotations

from collections.abc import Sequence

import pytest

from polystack.core import Model, Provider
from polystack.core.canon.errors import ConfigError, InvalidRequest, UnknownModel
from polystack.core.runtime.config import Distribution
from polystack.core.runtime.registry import Registry


class Shelf(Provider):
    """A provider that only has names."""

    type = "shelf"

    async def models(self) -> Sequence[Model]:
        return []


def registry(offers: dict[str, list[str]], **fields: object) -> Registry:
    distribution = Distribution.model_validate(
        {
            "version": 1,
            "name": "test",
            "apis": ["any"],
            "providers": {name: {"type": "shelf"} for name in offers},
            **fields,
        }
    )
    return Registry(
        distribution,
        {name: Shelf(name, None) for name in offers},
        {name: [Model(id, context_window=100) for id in ids] for name, ids in offers.items()},
    )


def destination(registry: Registry, name: str | None) -> str:
    target = registry.resolve(name)
    return f"{target.provider.name}:{target.model.id}"


def test_a_model_is_found_by_its_own_name_and_by_its_provider() -> None:
    models = registry({"a": ["x", "y"], "b": ["z"]})
    assert destination(models, "x") == "a:x"
    assert destination(models, "b/z") == "b:z"


def test_a_name_that_two_providers_have_needs_the_provider() -> None:
    models = registry({"a": ["x"], "b": ["x"]})
    assert destination(models, "b/x") == "b:x"
    with pytest.raises(UnknownModel, match=r"did you mean .*'a/x'"):
        models.resolve("x")


def test_a_declared_name_goes_before_an_alias_and_an_exact_alias_before_a_glob() -> None:
    models = registry(
        {"a": ["one", "two"]},
        models={"claude-x": {"provider": "a", "model": "one"}},
        aliases={"claude-*": "two", "claude-x": "two", "claude-y": "one", "*": "one"},
    )
    assert destination(models, "claude-x") == "a:one"
    assert destination(models, "claude-y") == "a:one"
    assert destination(models, "claude-z") == "a:two"
    assert destination(models, "anything else") == "a:one"


def test_globs_are_tried_in_the_order_of_the_file() -> None:
    models = registry({"a": ["one", "two"]}, aliases={"c-1*": "one", "c-*": "two"})
    assert destination(models, "c-10") == "a:one"
    assert destination(models, "c-20") == "a:two"


def test_the_answer_shows_the_name_that_was_asked_for() -> None:
    models = registry({"a": ["x"]}, aliases={"claude-*": "a/x"})
    assert models.resolve("claude-opus").name == "claude-opus"
    assert models.model("claude-opus").id == "claude-opus"
    assert models.model("claude-opus").context_window == 100


def test_no_name_means_the_default_model_or_a_clear_error() -> None:
    assert destination(registry({"a": ["x", "y"]}, default_model="y"), None) == "a:y"
    with pytest.raises(InvalidRequest, match=r"^model: field required"):
        registry({"a": ["x"]}).resolve(None)


def test_an_unknown_name_is_answered_with_near_ones() -> None:
    models = registry({"a": ["qwen3-8b", "llama-3"]})
    with pytest.raises(UnknownModel, match="did you mean 'qwen3-8b'") as caught:
        models.resolve("qwen-8b")
    assert caught.value.status == 404
    with pytest.raises(UnknownModel, match="this stack has llama-3, qwen3-8b"):
        models.resolve("zzz")


def test_a_declared_model_must_say_which_one_it_means() -> None:
    with pytest.raises(ConfigError, match=r"models\.m: provider 'a' offers x, y; name one"):
        registry({"a": ["x", "y"]}, models={"m": {"provider": "a"}})


def test_the_list_shows_models_and_exact_aliases() -> None:
    models = registry(
        {"a": ["x"], "b": ["x", "y"]}, aliases={"fast": "b/y", "*": "a/x", "claude-*": "b/x"}
    )
    assert [model.id for model in models.models()] == ["y", "a/x", "b/x", "fast"]
    assert [target.name for target in models.targets()] == ["y", "a/x", "b/x"]


def test_strictness_is_the_distributions_unless_the_model_says_otherwise() -> None:
    models = registry(
        {"a": ["x", "y"]},
        fidelity="strict",
        models={"loose": {"provider": "a", "model": "y", "fidelity": "lenient"}},
    )
    assert models.resolve("x").fidelity == "strict"
    assert models.resolve("loose").fidelity == "lenient"
