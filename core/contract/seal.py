"""Foreign reasoning in a field that a client echoes unread."""

from __future__ import annotations

PREFIX = "pst1."
