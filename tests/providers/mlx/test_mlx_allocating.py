"""Memory of arrays that are let go of is the system's again, whatever was let go of before."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

pytest.importorskip("mlx.core")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have other mallocs")

# glibc counts an array of 16 MiB that is let go of as a reason to keep all that are smaller.
MEASURED = """
import mlx.core as mx
from pathlib import Path
from polystack.providers.mlx.allocating import return_large

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 >> 20

def filled(size):
    array = mx.ones(size << 18)
    mx.eval(array)
    return array

assert return_large()
mx.set_cache_limit(0)
del (first := [filled(16)])[:]
arrays = [filled(1) for _ in range(64)]
before = resident()
del arrays[:-1]  # the last one holds the heap's end up
print(before - resident())
"""


def test_arrays_that_are_let_go_of_leave_the_process() -> None:
    run = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, check=True)
    assert int(run.stdout) >= 56


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from polystack.providers.mlx import allocating

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", None)
    assert not allocating.return_large()
