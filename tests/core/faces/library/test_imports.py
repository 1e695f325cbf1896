"""What the library face loads, counted in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

import pytest

SERVER = {"starlette", "uvicorn", "uvloop", "httptools", "anyio", "typer", "click"}
SDKS = {"openai", "anthropic", "httpx2"}
ENGINES = {"llama_cpp", "numpy", "jinja2", "mlx", "aiohttp"}

IMPORT = "from polystack.core import Stack, Provider, Distribution, hookimpl"
RUN = """
from polystack.core import Stack
with Stack.load("scripted") as stack:
    stack.handle("chat", "create", {
        "model": "scripted", "messages": [{"role": "user", "content": "hi"}], "stream": True,
    }).stream.close()
"""
ASK = """
from polystack.core import Stack
with Stack.load("scripted") as stack:
    stack.openai().responses.create(model="scripted", input="hi")
    stack.anthropic().messages.create(
        model="scripted", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
    )
"""


def loaded(program: str) -> list[str]:
    """The modules that a program brings into an interpreter that has none of ours."""
    code = f"import sys\nbefore = set(sys.modules)\n{program}\nprint(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def roots(program: str) -> set[str]:
    return {name.partition(".")[0] for name in loaded(program)}


def test_importing_the_package_alone_loads_next_to_nothing() -> None:
    assert len(loaded("import polystack.core")) < 10


def test_importing_the_stack_loads_no_server_no_sdk_and_no_engine() -> None:
    assert not roots("from polystack.core import Stack") & (SERVER | SDKS | ENGINES | {"pydantic"})
    assert len(loaded("from polystack.core import Stack")) < 240


def test_importing_all_that_a_plugin_needs_loads_pydantic_and_nothing_else_that_is_heavy() -> None:
    assert not roots(IMPORT) & (SERVER | SDKS | ENGINES)


def test_a_stack_that_runs_loads_no_server_and_no_sdk() -> None:
    assert not roots(RUN) & (SERVER | SDKS | ENGINES)


def test_the_clients_load_their_sdks_and_no_server_of_ours() -> None:
    theirs = roots("import anthropic, openai")
    found = roots(ASK)
    assert found >= SDKS
    assert not (found - theirs) & (SERVER | ENGINES)


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_an_sdk_that_is_not_installed_is_named_with_its_remedy(name: str) -> None:
    program = f"""
sys.modules[{name!r}] = None
from polystack.core import ConfigError, Stack
with Stack.load("scripted") as stack:
    try:
        stack.{name}()
    except ConfigError as error:
        sys.stderr.write(str(error))
"""
    code = f"import sys\n{program}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == (
        f"the package {name} is not installed; run: pip install 'polystack[sdk]'"
    )
