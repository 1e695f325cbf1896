"""Gateways of the same kind, each installed into an environment of its own, once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LITELLM = "litellm[proxy]==1.106.2"
NOTES = (
    "OGX is left out: it needs Python 3.12 and an installation of 7 GB.",
    "LiteLLM does far more for each request than is measured here, and was not tuned beyond what "
    "its own documentation says of production.",
)


def litellm() -> Path:
    """The environment that LiteLLM is in; installs it where it is not."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    venv = home / "polystack-bench" / LITELLM.replace("[proxy]==", "-")
    if not (venv / "bin" / "litellm").exists():
        print(f"installing {LITELLM} into {venv}, once", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        pip = [str(venv / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, LITELLM, "uvloop"], check=True)
    return venv
