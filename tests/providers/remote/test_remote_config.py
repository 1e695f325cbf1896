from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from polystack.core import Provider
from polystack.core.contract.provider import NativeCall
from polystack.core.runtime.plugins import Plugins
from polystack.providers.remote.config import RemoteConfig
from polystack.providers.remote.estimate import BYTES_OF_MEDIA, estimated_tokens
from polystack.providers.remote.listing import models_of
from polystack.providers.remote.objections import objections
from polystack.providers.remote.presets import PRESETS
from polystack.providers.remote.traits import Traits
from polystack.providers.remote.upstream import credentials, url


def config(**fields: Any) -> RemoteConfig:
    given = {"base_url": "http://127.0.0.1:1/v1", "native": ["chat"]} | fields
    return RemoteConfig.model_validate(given)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.type)
def test_a_preset_is_a_provider_with_other_defaults(preset: Any) -> None:
    cls = Plugins().provider(preset.type)
    assert issubclass(cls, Provider)
    assert cls.type == preset.type
    made = cls.Config.model_validate({})
    assert made.base_url == preset.base_url  # type: ignore[attr-defined]
    elsewhere = cls.Config.model_validate({"base_url": "http://127.0.0.1:9"})
    assert elsewhere.native == list(preset.native)  # type: ignore[attr-defined]
    assert elsewhere.traits == preset.traits  # type: ignore[attr-defined]
    assert preset.read, "a claim about a server names the version that it was read in"


def test_a_vendor_with_ways_of_its_own_is_known_by_its_address() -> None:
    openai = Plugins().provider("openai").Config
    given = {"base_url": "https://api.openai.com/v1", "traits": {"parallel_flag": False}}
    own = openai.model_validate(given).model_dump()
    assert own["native"] == ["responses", "chat"]
    assert own["traits"]["limit_field"] == "max_completion_tokens"
    assert own["traits"]["parallel_flag"] is False, "what a distribution says comes first"
    other = openai.model_validate({"base_url": "http://127.0.0.1:8000"}).model_dump()
    assert (other["native"], other["traits"]["limit_field"]) == (["chat"], "max_tokens")


def test_naming_one_trait_leaves_the_presets_others_alone() -> None:
    vllm = Plugins().provider("vllm").Config
    made = vllm.model_validate({"traits": {"custom_tools": True}, "timeouts": {"idle": 5}})
    fields = made.model_dump()
    assert (fields["traits"]["reasoning_field"], fields["traits"]["custom_tools"]) == (
        "reasoning",
        True,
    )
    assert (fields["timeouts"]["idle"], fields["timeouts"]["first_byte"]) == (5, 600)


@pytest.mark.parametrize(
    ("base_url", "address"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
        ("https://api.openai.com", "https://api.openai.com/v1/chat/completions"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1/chat/completions"),
        ("https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1/chat/completions"),
        ("https://host/v1beta/openai", "https://host/v1beta/openai/chat/completions"),
    ],
)
def test_an_address_is_taken_with_its_version_or_without(base_url: str, address: str) -> None:
    assert url(base_url, "/v1/chat/completions") == address


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"base_url": "ftp://host"}, "http://"),
        ({"base_url": "host:80"}, "http://"),
        ({"base_url": "http://host:99999"}, "http://"),
        ({"base_url": "http://host/v1?key=1"}, "without a query"),
        ({"native": []}, "at least 1"),
        ({"native": ["ollama"]}, "'messages', 'responses' or 'chat'"),
        ({"api_key": "a", "api_keys": ["b"]}, "not both"),
        ({"api_key": "a\r\nx: y"}, "one line"),
        ({"headers": {"x": "a\nb"}}, "plain ASCII"),
        ({"timeouts": {"idle": -1}}, "greater than 0"),
        ({"retries": 9}, "less than or equal to 5"),
        ({"proxy": "socks5://host"}, "http://"),
        ({"traits": {"tools": True}}, "Extra inputs"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_remedy(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        config(**fields)


def test_keys_never_show() -> None:
    shown = repr(config(api_keys=["sk-one", "sk-two"], headers={"X-Org": "hidden"}))
    assert "sk-" not in shown
    assert "hidden" not in shown


def test_an_empty_key_is_no_key() -> None:
    assert config(api_key="").keys() == []
    assert config(api_keys=["a", " "]).keys() == ["a"]


def test_a_key_is_shown_as_the_protocol_wants_it() -> None:
    assert credentials("auto", "chat", "k") == {"authorization": "Bearer k"}
    assert credentials("auto", "messages", "k") == {"x-api-key": "k"}
    assert credentials("bearer", "messages", "k") == {"authorization": "Bearer k"}
    assert credentials("none", "chat", "k") == {}
    assert credentials("auto", "chat", None) == {}


def test_models_are_read_from_every_dialect_of_the_list() -> None:
    openai = {"data": [{"id": "a", "created": 5, "owned_by": "x", "max_model_len": 4096}]}
    anthropic = {"data": [{"id": "c", "display_name": "C", "created_at": "2026-01-01T00:00:00Z"}]}
    assert [(m.id, m.created, m.owner, m.context_window) for m in models_of(openai, "up")] == [
        ("a", 5, "x", 4096)
    ]
    assert [(m.id, m.title, m.owner) for m in models_of(anthropic, "up")] == [("c", "C", "up")]
    assert [m.id for m in models_of({"models": [{"name": "o"}, {"size": 1}, "?"]}, "up")] == ["o"]


def test_tokens_are_guessed_from_text_and_media_by_the_piece() -> None:
    assert estimated_tokens({"a": "x"}, b"x" * 400) == 100
    image = {"source": {"type": "base64", "data": "A" * 1_000_000}}
    written = b'{"type":"base64"' + b"A" * 1_000_000
    assert estimated_tokens(image, written) == (len(written) - 1_000_000 + BYTES_OF_MEDIA) // 4


def native(api: str, body: bytes) -> NativeCall:
    return NativeCall(api, "create", "POST", "/", "", {}, body, False)


def test_a_call_is_repaired_only_for_a_reason() -> None:
    billed = native("messages", b'{"system":[{"text":"x-anthropic-billing-header: cc=1"}]}')
    turned = native("messages", b'{"messages":[{"role" : "system","content":"s"}]}')
    assert objections(billed, Traits()) == ["billing-header"]
    assert objections(billed, Traits(billing_header="keep")) == []
    assert objections(turned, Traits()) == []
    assert objections(turned, Traits(system_in_conversation=False)) == ["system-turns"]
    unsigned = native("messages", b'{"thinking":"t","signature" : ""}')
    assert objections(unsigned, Traits()) == []
    assert objections(unsigned, Traits(signed_thinking=True)) == ["unsigned-thinking"]
    thread = native("messages", b'{"thread": {"type":"create"}}')
    assert objections(thread, Traits()) == ["thread"]
    assert objections(thread, Traits(threads=True)) == []
    chat = native("chat", b'{"messages":[{"role":"system","content":"s"}]}')
    assert objections(chat, Traits(system_in_conversation=False)) == []
