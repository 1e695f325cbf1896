"""What goes wrong before a stack serves: one line with the remedy, exit code 2, no traceback."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest
from serving import STACK

MODEL = Path(__file__).parents[3] / "providers/local/models/tiny-q8_0.gguf"
HEAD = "version: 1\nname: x\napis: [chat]\n"


def failed(*args: str, path: Path | None = None) -> str:
    """The one line of `stack run` with these arguments; `path` goes before all other modules."""
    env = {**os.environ, **({"PYTHONPATH": str(path)} if path else {})}
    done = subprocess.run(
        [str(STACK), "run", *args], capture_output=True, text=True, timeout=60, env=env, check=False
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("stack: ")]
    assert "Traceback" not in done.stderr
    assert line.startswith("stack: error: ")
    return line.removeprefix("stack: error: ")


def distribution(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return str(path)


def gguf(tmp_path: Path, content: bytes) -> str:
    model = tmp_path / "model.gguf"
    model.write_bytes(content)
    return distribution(
        tmp_path, f"{HEAD}providers: {{m: {{type: llamacpp, config: {{model: {model}}}}}}}\n"
    )


def test_an_unknown_template_lists_those_that_exist() -> None:
    line = failed("startr")
    assert line.startswith("startr: no such file, and no template of this name")
    assert "starter" in line


def test_bad_yaml_has_its_line_and_column(tmp_path: Path) -> None:
    line = failed(distribution(tmp_path, HEAD + "providers: {a: {type: scripted}\n"))
    assert ":5:1: " in line


def test_an_unknown_key_has_its_place_and_a_near_match(tmp_path: Path) -> None:
    line = failed(distribution(tmp_path, HEAD + "provider: {a: {type: scripted}}\n"))
    assert ":4:1: provider: " in line
    assert "providers" in line


def test_an_unknown_provider_type_lists_those_that_exist(tmp_path: Path) -> None:
    line = failed(distribution(tmp_path, HEAD + "providers: {a: {type: lamacpp}}\n"))
    assert ":4:23: providers.a.type: " in line
    assert "did you mean 'llamacpp'?" in line


def test_a_missing_environment_variable_is_named(tmp_path: Path) -> None:
    text = HEAD + 'providers: {a: {type: scripted, config: {script: "${env.NO_SUCH_VALUE}"}}}\n'
    line = failed(distribution(tmp_path, text))
    assert "NO_SUCH_VALUE" in line
    assert ":4:" in line


def test_a_wrong_option_of_a_provider_has_its_place(tmp_path: Path) -> None:
    text = HEAD + "providers: {a: {type: llamacpp, config: {modle: x}}}\n"
    line = failed(distribution(tmp_path, text))
    assert ":4:" in line
    assert "modle" in line


def test_a_port_in_use_says_which_and_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = failed("scripted", "--port", port)
    assert line == (
        f"server.port: 127.0.0.1:{port} is in use; choose another with --port, or 0 for a free one"
    )


def test_a_host_of_another_machine_is_refused() -> None:
    assert failed("scripted", "--host", "192.0.2.1").startswith("server.host: cannot listen on ")


def test_a_missing_engine_says_how_to_install_it(tmp_path: Path) -> None:
    (tmp_path / "llama_cpp.py").write_text("raise ImportError('not here')\n")
    line = failed("starter", "--port", "0", path=tmp_path)
    assert "polystack[llamacpp]" in line


@pytest.mark.engine
def test_a_missing_model_file_is_named(tmp_path: Path) -> None:
    line = failed(
        "starter", "--port", "0", "--set", f"providers.tiny.config.model={tmp_path}/no.gguf"
    )
    assert f"{tmp_path}/no.gguf: there is no such file" in line


@pytest.mark.engine
@pytest.mark.parametrize(
    "content",
    [b"", b"not a model at all", MODEL.read_bytes()[:1000], MODEL.read_bytes()[:900_000]],
    ids=["empty", "text", "half a header", "half a model"],
)
def test_a_corrupt_model_is_an_error_and_no_crash(tmp_path: Path, content: bytes) -> None:
    line = failed(gguf(tmp_path, content), "--port", "0")
    assert "model.gguf: " in line
    assert "download or convert the model again" in line


@pytest.mark.engine
def test_noise_within_a_model_is_an_error_or_harmless_and_no_crash(tmp_path: Path) -> None:
    data = bytearray(MODEL.read_bytes())
    data[8:24] = b"\xff" * 16  # absurd counts of tensors and of metadata
    line = failed(gguf(tmp_path, bytes(data)), "--port", "0")
    assert "model.gguf: " in line
