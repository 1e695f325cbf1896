"""What docs/operations.md says of running a stack is so."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from serving import STACK, serving
from test_documents import blocks

from polystack.core.faces.server import sockets
from polystack.core.faces.server.asgi import WRITE_TIMEOUT
from polystack.core.faces.server.serve import DRAIN, PONG
from polystack.core.runtime.distribution import Distribution, ServerConfig

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "operations.md").read_text()

SLOW = """\
version: 1
name: slow
apis: [messages]
server: {api_keys: [sesame]}
providers:
  s: {type: scripted, config: {answers: [{parts: [{text: [one, two, three]}], pace: 0.4}]}}
"""
ASKED = {
    "model": "scripted",
    "stream": True,
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "count"}],
}
KEY = {"x-api-key": "sesame"}


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("operations") / "slow.yaml"
    path.write_text(SLOW)
    return path


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("operations") / "endless.yaml"
    path.write_text(SLOW.replace("pace: 0.4", "hang: true"))
    return path


@pytest.fixture(scope="module")
def url(slow: Path) -> Iterator[str]:
    with serving(slow) as url:
        yield url


def test_the_figures_are_those_of_the_code() -> None:
    from uvicorn import Config

    server = ServerConfig()
    assert f"| {server.max_body >> 20} MiB, else 413 |" in TEXT
    assert f"| {server.max_depth} levels, else 400 |" in TEXT
    assert f"| {server.first_event_timeout:g} s | `server.first_event_timeout` |" in TEXT
    assert f"| {server.keep_alive:g} s | `server.keep_alive` |" in TEXT
    assert f"stream | cut off after {WRITE_TIMEOUT:g} s" in TEXT
    assert f"no ping | cut off after {PONG} s" in TEXT
    assert f"WebSocket | {sockets.PENDING}, else an error with status 429 |" in TEXT
    assert f"remembers | {sockets.MEMORY >> 20} MiB" in TEXT
    assert f"closed after {Config(None).timeout_keep_alive} s" in TEXT  # type: ignore[arg-type]
    assert f"running answers have {DRAIN} seconds to end" in TEXT


def test_the_figures_of_the_engine_are_those_of_the_code() -> None:
    from polystack.providers.llamacpp.config import MEMORY, Config

    config = Config(model="builtin:tiny")
    assert f"| {config.slots} | `slots` of `llamacpp` |" in TEXT
    assert config.queue == 2 * config.slots
    assert MEMORY == 1 << 30


def test_the_keys_that_it_names_exist() -> None:
    for section, key in re.findall(r"`(server|seals)\.(\w+)`", TEXT):
        annotation = Distribution.model_fields[section].annotation
        assert annotation is not None
        assert key in annotation.model_fields


def test_pages_about_the_server_need_no_key_and_calls_do(url: str) -> None:
    with httpx2.Client(base_url=url) as client:
        assert client.get("/health").json()["status"] == "ok"
        assert client.get("/").status_code == 200
        assert client.head("/").status_code == 200
        assert client.get("/v1/models").status_code == 401
        assert client.get("/v1/models", headers=KEY).status_code == 200


def test_the_headers_that_it_names_are_there(url: str) -> None:
    with httpx2.Client(base_url=url, headers=KEY) as client:
        answer = client.post("/v1/messages", json={**ASKED, "stream": False})
        for name in ("x-request-id", "request-id", "x-stack-route", "x-stack-fidelity"):
            assert name in answer.headers
            assert f"`{name}`" in TEXT
        messages = {"model": "scripted", "messages": ASKED["messages"]}
        counted = client.post("/v1/messages/count_tokens", json=messages)
        assert counted.headers["x-stack-token-count"] == "estimated"


@pytest.mark.engine
def test_the_health_of_an_engine_has_the_fields_that_are_shown(tiny: str) -> None:
    (shown,) = blocks("docs/operations.md", "json")
    said = httpx2.get(f"{tiny}/health").json()
    (fields,) = json.loads(shown)["providers"].values()
    assert said["providers"]["tiny"].keys() == fields.keys()


@pytest.mark.engine
def test_the_figures_of_a_model_in_memory_are_those_that_are_named(tiny: str) -> None:
    section = TEXT.partition("### What is in memory")[2].partition("## Health")[0]
    named = set(re.findall(r"`(\w+)`", section))
    (said,) = httpx2.get(f"{tiny}/stack/models").json()["models"]
    assert named >= said.keys() - {"name", "provider", "type", "context_window", "pinned"}
    assert said["state"] in named


@contextmanager
def running(path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    command = [str(STACK), "run", str(path), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            found = re.search(rb"http://\S+", process.stdout.readline())
            assert found is not None
            yield process, found[0].decode()
        finally:
            process.kill()


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_running_answers_end(slow: Path, sign: signal.Signals) -> None:
    with (
        running(slow) as (process, url),
        httpx2.stream("POST", f"{url}/v1/messages", json=ASKED, headers=KEY) as answer,
    ):
        lines = answer.iter_lines()
        next(line for line in lines if "one" in line)
        process.send_signal(sign)
        assert any("message_stop" in line for line in lines)
        assert process.wait(timeout=20) == 0


def test_a_second_signal_ends_at_once(endless: Path) -> None:
    with (
        running(endless) as (process, url),
        httpx2.stream("POST", f"{url}/v1/messages", json=ASKED, headers=KEY) as answer,
    ):
        assert any('"three"' in line for line in answer.iter_lines())
        process.send_signal(signal.SIGTERM)
        while listens(url):
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


def listens(url: str) -> bool:
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


# -- the files that it shows ----------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    (unit,) = blocks("docs/operations.md", "ini")
    path = tmp_path / "polystack.service"
    path.write_text(unit.replace("/opt/polystack/.venv/bin/stack", str(STACK)))
    command = ["systemd-analyze", "verify", "--man=no", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_a_stream_passes_the_proxy_as_it_comes(tmp_path: Path, endless: Path) -> None:
    with (
        running(endless) as (_, url),
        proxied(tmp_path, url) as front,
        httpx2.stream("POST", f"{front}/v1/messages", json=ASKED, headers=KEY) as answer,
    ):
        # A proxy that collects would wait for the end, which does not come.
        assert any('"three"' in line for line in answer.iter_lines())


@contextmanager
def proxied(tmp_path: Path, url: str) -> Iterator[str]:
    """The address of an nginx with the configuration that is shown, before this stack."""
    (location,) = blocks("docs/operations.md", "nginx")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    place = location.replace("http://127.0.0.1:8321", url)
    paths = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"daemon off;\nmaster_process off;\npid {tmp_path}/pid;\nerror_log stderr;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{paths}"
        f"server {{\nlisten 127.0.0.1:{port};\n{place}}}\n}}\n"
    )
    command = ["nginx", "-e", "stderr", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            front = f"http://127.0.0.1:{port}"
            while not listens(front):
                assert process.poll() is None, process.stderr and process.stderr.read().decode()
                time.sleep(0.01)
            yield front
        finally:
            process.terminate()
