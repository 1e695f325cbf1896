"""Others of the same kind, fetched and built into a folder, once.

All of them come out of the sdist of the bindings that this project uses: llama-server from the tree
that it vendors, `llama_cpp.server` from its package, and the server among its examples. They run on
the libraries of that one build, which has the compiler flags of `scripts/engine-flags`.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tarfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .sample import Refused

ROOT = Path(__file__).parents[3]
NEEDS = (  # of the two servers in Python, in place of the whole package: that would be built again
    "uvicorn>=0.22 fastapi>=0.100 pydantic-settings>=2.0.1 sse-starlette>=1.6.1 "
    "starlette-context>=0.3.6,<0.4 PyYAML>=5.1 numpy jinja2 diskcache typing-extensions "
    "openai safetensors websockets tqdm requests"
).split()


def folder() -> Path:
    given = os.environ.get("POLYSTACK_BENCH")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(given) if given else cache / "polystack-bench"


class Rivals:
    def __init__(self, home: Path) -> None:
        try:
            self._version = version("llama-cpp-python")
        except PackageNotFoundError:
            raise Refused("llama-cpp-python is not installed here") from None
        self._home = home
        self._name = f"llama_cpp_python-{self._version}"
        self.source = home / self._name
        self.libraries = home / f"{self._name}-build" / "bin"

    def server(self) -> Path:
        """The program llama-server."""
        program = self.libraries / "llama-server"
        return _once(program, f"building {program}, ten minutes or so", self._build)

    def python(self) -> Path:
        """An interpreter that has what the two servers in Python need."""
        venv = self._home / f"{self._name}-venv"
        return _once(venv / "bin" / "uvicorn", f"making {venv}", lambda: _venv(venv)).with_name(
            "python"
        )

    def environment(self) -> dict[str, str]:
        libraries = str(self.libraries)
        return {
            "PYTHONPATH": str(self.source),
            "LLAMA_CPP_LIB_PATH": libraries,
            "MTMD_CPP_LIB": libraries,
            "GGML_NO_BACKTRACE": "1",
        }

    def big(self) -> Path:
        """A model of the size that people run on a laptop, with random weights."""
        model = self._home / "random-0.6b-q4_0.gguf"
        script = Path(__file__).with_name("big.py")
        source = self.tree() / "vendor" / "llama.cpp"
        command = [str(self.python()), str(script), str(source), str(model)]
        return _once(model, f"writing {model}", lambda: _run(*command))

    def tree(self) -> Path:
        return _once(self.source / "vendor", f"fetching {self._name}", self._fetch).parent

    def _fetch(self) -> None:
        self._home.mkdir(parents=True, exist_ok=True)
        what = f"llama-cpp-python=={self._version}"
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=:all:"]
        _run(*pip, "--dest", str(self._home), what)
        with tarfile.open(self._home / f"{self._name}.tar.gz") as archive:
            archive.extractall(self._home, filter="data")

    def _build(self) -> None:
        source, build = self.tree() / "vendor" / "llama.cpp", self.libraries.parent
        options = ["-DCMAKE_BUILD_TYPE=Release", "-DLLAMA_CURL=OFF", "-DLLAMA_OPENSSL=OFF"]
        options += ["-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF"]
        _run("cmake", "-S", str(source), "-B", str(build), *options, *_flags())
        _run("cmake", "--build", str(build), "--target", "llama-server", "--parallel",
             str(os.cpu_count() or 1))  # fmt: skip


def _flags() -> list[str]:
    """The compiler's part of `scripts/engine-flags`."""
    script = 'unset CMAKE_ARGS; . scripts/engine-flags; printf %s "$CMAKE_ARGS"'
    said = subprocess.run(
        ["sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [flag for flag in shlex.split(said.stdout) if "_FLAGS=" in flag]


def _venv(venv: Path) -> None:
    _run(sys.executable, "-m", "venv", str(venv))
    _run(str(venv / "bin" / "pip"), "install", "--quiet", *NEEDS)


def _once(file: Path, doing: str, make: Callable[[], None]) -> Path:
    if not file.exists():
        print(f"bench: {doing}, once", file=sys.stderr)
        make()
    return file


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Refused(f"{command[0]} is not installed") from None
    if done.returncode:
        words = (done.stderr or done.stdout).strip()[-300:]
        raise Refused(f"`{' '.join(command[:4])} …` failed: {words}")
