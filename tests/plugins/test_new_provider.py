"""Three commands: a provider is written, installed, and passes the kit untouched."""

from __future__ import annotations

import re

from scratch import Scratch
from serving import serving


def test_a_new_provider_passes_the_kit_after_three_commands(scratch: Scratch) -> None:
    for command in ("stack new provider x", "pip install ./x", "pytest x"):
        done = scratch.run(*command.split())
        assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b1[0-9] passed", done.stdout), done.stdout
    assert "skipped" not in done.stdout


def test_what_it_prints_can_be_typed(scratch: Scratch) -> None:
    done = scratch.run("stack", "new", "provider", "second-one")
    install, check, run = re.findall(r"^  (.*)$", done.stdout, re.M)
    for command in (install, check):
        done = scratch.run("sh", "-c", command)
        assert done.returncode == 0, done.stdout + done.stderr
    assert run == "stack run second-one/second_one.yaml"
    with serving(scratch.folder / run.split()[2], stack=scratch.bin / "stack"):
        pass  # it serves


def test_a_second_of_the_same_name_is_refused(scratch: Scratch) -> None:
    assert scratch.run("stack", "new", "provider", "third").returncode == 0
    done = scratch.run("stack", "new", "provider", "third")
    assert done.returncode == 2
    assert done.stderr.startswith("stack: error: third exists already")
