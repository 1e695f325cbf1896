"""The end of every engine's check: one line of JSON, and 0 where all is well."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any


def tell(package: str, remedy: str, check: Callable[[], dict[str, Any]]) -> int:
    """Print what `check` finds out; an engine that is not installed is missing, and not broken."""
    if find_spec(package) is None:
        what = "the engine is not installed"
        found = {"ok": False, "missing": True, "error": what, "remedy": remedy}
    else:
        try:
            found = check()
        except Exception as error:
            said = getattr(error, "message", None) or f"{type(error).__name__}: {error}"
            found = {"ok": False, "error": said}
    print(json.dumps(found))
    return 0 if found["ok"] else 1
