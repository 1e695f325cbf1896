"""Codex as a program starts it: one turn of a session, and all that it says of it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CATALOG = Path(__file__).parents[2] / "docs" / "examples" / "codex-models.json"
CONFIG = """\
model = "{model}"
model_provider = "stack"
model_catalog_json = "{catalog}"
sandbox_mode = "read-only"
check_for_update_on_startup = false
[features]
plugins = false
[analytics]
enabled = false
[model_providers.stack]
name = "stack"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "STACK_KEY"
request_max_retries = 1
stream_max_retries = 1
"""
SOCKETS = {"model_providers.stack.supports_websockets": True}
# Warnings of how it talks to its model, and every event and item that it has to pass over.
LOG = "error,codex_core=warn,codex_api=warn,codex_api::sse=debug"
# A greeting, and a file of its own that at times is closed before the last line.
HARMLESS = re.compile(r"(Reading additional input .*|.* rollout .*: thread \S+ not found)?")


@dataclass(frozen=True)
class Said:
    """What it said of one turn: events, one in each line, and words beside them."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    def items(self, kind: str) -> list[dict[str, Any]]:
        ended = [event["item"] for event in self.events if event["type"] == "item.completed"]
        return [item for item in ended if item["type"] == kind]

    @property
    def answer(self) -> str:
        text: str = self.items("agent_message")[-1]["text"]
        return text

    @property
    def complaints(self) -> list[object]:
        """Everything that is not the turn itself: errors, warnings, and what it passed over."""
        failures = [event for event in self.events if event["type"] in ("error", "turn.failed")]
        words = [line for line in self.err.splitlines() if not HARMLESS.fullmatch(line)]
        return [*failures, *self.items("error"), *words]


def run(
    binary: Path,
    home: Path,
    url: str,
    model: str,
    *more: str,
    config: Mapping[str, Any] | None = None,
    knowing: Mapping[str, Any] | None = None,
    prompt: str = "say pong",
) -> Said:
    """One turn; `config` is what is not as in the file, by its dotted names, and `knowing` what it
    is told of the model besides."""
    for folder in ("codex", "work", "tmp"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    catalog = home / "codex" / "models.json"
    catalog.write_text(_catalog(model, knowing or {}))
    file = CONFIG.format(url=url, model=model, catalog=catalog)
    (home / "codex" / "config.toml").write_text(file)
    environment = {
        "HOME": str(home),
        "CODEX_HOME": str(home / "codex"),
        "TMPDIR": str(home / "tmp"),  # it warns of a home among temporary files
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "STACK_KEY": "dummy",
        "RUST_LOG": LOG,
    }
    options = ["--json", "--strict-config", "--skip-git-repo-check"]
    for name, value in (config or {}).items():
        options += ["-c", f"{name}={json.dumps(value)}"]
    done = subprocess.run(
        [str(binary), "exec", *options, *more, prompt],
        env=environment,
        cwd=home / "work",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def _catalog(model: str, knowing: Mapping[str, Any]) -> str:
    (documented,) = json.loads(CATALOG.read_text())["models"]
    return json.dumps({"models": [{**documented, "slug": model, **knowing}]})


@dataclass
class Agent:
    """Codex with a home of its own, whose every turn is to end well and without complaint."""

    binary: Path
    home: Path
    url: str
    sockets: bool
    heads: Sequence[str] = field(repr=False)  # with which connections to the stack began

    @property
    def folder(self) -> Path:
        return self.home / "work"

    def turn(self, *more: str, config: Mapping[str, Any] | None = None, **said: Any) -> Said:
        changes = {**(SOCKETS if self.sockets else {}), **(config or {})}
        ended = run(self.binary, self.home, self.url, "scripted", *more, config=changes, **said)
        assert (ended.code, ended.complaints) == (0, []), ended
        method = "GET" if self.sockets else "POST"
        assert {head.partition(" HTTP/")[0] for head in self.heads} == {f"{method} /v1/responses"}
        return ended
