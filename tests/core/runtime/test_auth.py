from __future__ import annotations

import pytest
from pydantic import SecretStr

from polystack.core.canon.errors import Unauthenticated
from polystack.core.runtime.auth import Keys

KEYS = Keys([SecretStr("first"), SecretStr("sécond")])


def test_everybody_gets_in_where_no_key_is_configured() -> None:
    Keys([]).check({})
    Keys([]).check({"authorization": "Bearer anything"})


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer first"},
        {"authorization": "bearer   first "},
        {"x-api-key": "first"},
        {"x-api-key": "sécond"},
        {"authorization": "Basic abc", "x-api-key": "first"},
    ],
)
def test_a_known_key_is_let_in_either_way(headers: dict[str, str]) -> None:
    KEYS.check(headers)


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "no API key given; send it as"),
        ({"authorization": "Bearer"}, "no API key given"),
        ({"authorization": "Basic first"}, "no API key given"),
        ({"x-api-key": ""}, "no API key given"),
        ({"x-api-key": "firs"}, "not one of this stack's keys"),
        ({"authorization": "Bearer first2"}, "not one of this stack's keys"),
    ],
)
def test_everybody_else_is_told_why_not(headers: dict[str, str], message: str) -> None:
    with pytest.raises(Unauthenticated, match=message):
        KEYS.check(headers)
