"""Remote servers that speak one or more of the protocols: OpenAI- and Anthropic-compatible."""

from __future__ import annotations
