"""Which addresses of tool servers a client may name."""

from __future__ import annotations

import pytest

from polystack.core.executors.mcp.addresses import allowed, check_pattern

PATTERNS = ["https://*.example.com/mcp*", "http://127.0.0.1:8000/mcp"]


@pytest.mark.parametrize(
    "url",
    [
        "https://tools.example.com/mcp",
        "https://a.b.example.com/mcp/v1",
        "https://tools.example.com:443/mcp",
        "http://127.0.0.1:8000/mcp",
    ],
)
def test_an_address_that_fits_a_pattern_is_allowed(url: str) -> None:
    assert allowed(url, PATTERNS)


@pytest.mark.parametrize(
    "url",
    [
        "http://tools.example.com/mcp",
        "https://example.com/mcp",
        "https://tools.example.com:8443/mcp",
        "https://tools.example.com/other",
        "https://tools.example.com.evil.org/mcp",
        "https://evil.org/.example.com/mcp",
        "https://evil.org#.example.com/mcp",
        "https://evil.org?.example.com/mcp",
        "https://user@tools.example.com/mcp",
        "https://tools.example.com@evil.org/mcp",
        "https://evil.org\\.example.com/mcp",
        "https://tools.example.com/mcp/../admin",
        "https://tools.example.com/mcp/%2e%2e/admin",
        "https://*.example.com/mcp",
        "http://127.0.0.1:8001/mcp",
        "http://127.0.0.1:80000/mcp",
        "http://2130706433:8000/mcp",
        "http://[::1]:8000/mcp",
        "file:///etc/passwd",
        "",
    ],
)
def test_any_other_is_not(url: str) -> None:
    assert not allowed(url, PATTERNS)


def test_without_patterns_none_is() -> None:
    assert not allowed("https://tools.example.com/mcp", [])


@pytest.mark.parametrize(
    "pattern", ["https://*/mcp", "http://*.*/", "tools.example.com", "ftp://a/"]
)
def test_a_pattern_that_allows_every_host_or_none_is_refused(pattern: str) -> None:
    assert check_pattern(pattern) is not None


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_that_names_its_hosts_is_fine(pattern: str) -> None:
    assert check_pattern(pattern) is None
