"""`stack doctor`: this machine, every plugin, and each provider's own check of its engine.

A check runs in a process of its own, since what it is there to find may kill it. The protocol
is that of `Provider.probe`.
"""

from __future__ import annotations

import json
import platform
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Literal

from ...canon.errors import ConfigError
from ...runtime.installed import Plugin
from ...runtime.plugins import Plugins

TIMEOUT = 120.0  # seconds for one check

Status = Literal["ok", "missing", "broken", "info"]

_FLAGS = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
AFTER_A_CRASH = (
    "its engine was probably built with CPU instructions that the compiler got wrong (GCC 12 "
    "and AMX); build it again with "
    f"CMAKE_ARGS=\"-DCMAKE_C_FLAGS='{_FLAGS}' -DCMAKE_CXX_FLAGS='{_FLAGS}'\" "
    "pip install --force-reinstall --no-cache-dir --no-deps and the engine's package"
)


@dataclass(frozen=True, slots=True)
class Finding:
    status: Status
    subject: str
    message: str
    remedy: str = ""


def report(finding: Finding) -> str:
    line = f"{finding.status:8}{finding.subject}: {finding.message}"
    return f"{line}\n{'':8}remedy: {finding.remedy}" if finding.remedy else line


def examine(plugins: Plugins, timeout: float = TIMEOUT) -> Iterator[Finding]:
    """What is found, as it is found."""
    yield Finding("info", "python", f"{platform.python_version()} at {sys.executable}")
    yield Finding("info", "platform", platform.platform())
    yield Finding("info", "packages", ", ".join(_packages()))
    for problem in plugins.broken:
        yield Finding("broken", "plugin", problem)
    for plugin in plugins.list():
        yield _examine(plugins, plugin, timeout)


def _examine(plugins: Plugins, plugin: Plugin, timeout: float) -> Finding:
    subject = f"{plugin.kind}.{plugin.type}"
    try:
        plugins.load(plugin)
        probe = plugins.provider(plugin.type).probe() if plugin.kind == "provider" else None
    except ConfigError as error:
        return Finding("broken", subject, error.message)
    except Exception as error:
        return Finding("broken", subject, f"{plugin}: {type(error).__name__}: {error}")
    if probe is None:
        return Finding("ok", subject, f"{plugin.package} {plugin.version}")
    return run_check(subject, probe, timeout)


def run_check(subject: str, arguments: Sequence[str], timeout: float = TIMEOUT) -> Finding:
    """Run `python -m ARGUMENTS` and judge by its end and by what it printed."""
    command = [sys.executable, "-m", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return Finding("broken", subject, f"its check did not end within {timeout:g} s")
    said = _said(done.stdout)
    ok = said.pop("ok", done.returncode == 0) and done.returncode == 0
    missing = said.pop("missing", False)
    error, remedy = str(said.pop("error", "")), str(said.pop("remedy", ""))
    if done.returncode < 0:
        crash = f"its check was killed by {_signal(-done.returncode)}"
        return Finding("broken", subject, crash, remedy or AFTER_A_CRASH)
    if ok:
        facts = ", ".join(f"{key} {value}" for key, value in said.items())
        return Finding(
            "ok", subject, f"its check passed ({facts})" if facts else "its check passed"
        )
    last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
    why = error or "".join(last) or f"its check ended with {done.returncode}"
    return Finding("missing" if missing else "broken", subject, why, remedy)


def _said(output: bytes) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for line in output.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            said |= entry
    return said


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _packages() -> Iterator[str]:
    names = (re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0] for text in _required())
    for name in dict.fromkeys(["polystack", *names]):
        try:
            yield f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            yield f"{name} not installed"


def _required() -> list[str]:
    """Requirements but for those of developers."""
    try:
        required = metadata.requires("polystack") or []
    except metadata.PackageNotFoundError:
        return []
    return [text for text in required if "dev" not in text.partition("extra ==")[2]]
