"""Write the generated parts of the documents: `scripts/docs`, or `scripts/docs --check`.

A part stands between `<!-- NAME -->` and `<!-- /NAME -->`; the rest of the file is written by hand.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

from . import configuration, protocols

ROOT = Path(__file__).parents[2]
PARTS: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {"providers": protocols.table},
    "docs/configuration.md": {
        "distribution": configuration.distribution,
        "provider-types": configuration.provider_types,
        "store-types": configuration.store_types,
        "executor-types": configuration.executor_types,
    },
}


def main(args: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if it would")
    check = parser.parse_args(args).check
    stale = []
    for name, parts in PARTS.items():
        path = ROOT / name
        text = path.read_text()
        written = filled(text, name, parts)
        if written != text:
            stale.append(name)
            if not check:
                path.write_text(written)
    if check and stale:
        print(f"docs: {', '.join(stale)} is not up to date; run scripts/docs", file=sys.stderr)
        return 1
    return 0


def filled(text: str, name: str, parts: dict[str, Callable[[], str]]) -> str:
    for part, write in parts.items():
        pattern = rf"(<!-- {part} -->\n).*?(<!-- /{part} -->)"
        made = write()
        text, count = re.subn(pattern, lambda m: m[1] + made + m[2], text, flags=re.DOTALL)  # noqa: B023
        if count != 1:
            raise SystemExit(f"docs: {name} must have one part between <!-- {part} --> marks")
    return text


sys.exit(main(sys.argv[1:]))
