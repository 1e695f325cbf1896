"""What the figures were measured on and with."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from pathlib import Path


def facts() -> dict[str, str | int]:
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "nginx": _nginx(),
    }


def _processor() -> str:
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def _nginx() -> str:
    try:
        said = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=False).stderr
    except FileNotFoundError:
        return "not installed"
    return said.rpartition("/")[2].strip()
