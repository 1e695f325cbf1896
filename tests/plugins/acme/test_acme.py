from acme import Acme

from polystack.core import Stack
from polystack.core.testing import ProviderCheck


def test_contract(provider_check: ProviderCheck) -> None:
    provider_check(Acme("acme", Acme.Config()))


def test_it_repeats_what_it_is_told_up_to_the_limit() -> None:
    distribution = {
        "version": 1,
        "name": "parrot",
        "apis": ["messages"],
        "providers": {"bird": {"type": "acme", "config": {"first": "Hello"}}},
    }
    asked = {
        "model": "acme-echo",
        "max_tokens": 2,
        "messages": [{"role": "user", "content": "my friend"}],
    }
    with Stack.load(distribution) as stack:
        answer = stack.handle("messages", "create", asked).document
    assert answer is not None
    assert [part["text"] for part in answer["content"]] == ["Hello, my"]
    assert answer["stop_reason"] == "max_tokens"
