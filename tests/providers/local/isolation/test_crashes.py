"""A process that crashes fails what was under way in it, by name, and is followed by another."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from isolating import alive, answer, ask, pid, playing, stream, whole

from polystack.core import ir
from polystack.core.canon.errors import ConfigError, Overloaded, StackError
from polystack.providers.local.isolation import life, supervising
from polystack.providers.local.isolation.life import Life
from polystack.providers.local.isolation.told import Told

AGAIN = "play: the engine's process ended by SIGSEGV; it is being started again"


async def test_every_stream_that_had_begun_fails_with_the_signals_name() -> None:
    async with playing() as provider:
        streams = [await stream(provider, "wait") for _ in range(3)]
        for each in streams:
            assert isinstance(await anext(each), ir.Started)
        os.kill(pid(provider), signal.SIGSEGV)
        for each in streams:
            *_, last = [event async for event in each]
            assert isinstance(last, ir.Failed)
            assert type(last.error) is StackError
            assert str(last.error) == AGAIN
        assert await answer(provider, "2") == "0 1 "
        assert provider.status()["restarts"] == 1


@pytest.mark.parametrize("words", ["die at once", "die first"])
async def test_what_had_not_begun_is_told_to_come_back(words: str) -> None:
    async with playing() as provider:
        with pytest.raises(Overloaded) as caught:
            await answer(provider, words)
        assert str(caught.value) == AGAIN
        assert caught.value.retry_after
        assert await answer(provider, "1") == "0 "


async def test_what_was_prepared_before_a_crash_runs_after_it() -> None:
    async with playing() as provider:
        prepared = await provider.prepare(ask("2"))
        os.kill(pid(provider), signal.SIGKILL)
        with pytest.raises(Overloaded, match="ended by SIGKILL"):
            await answer(provider, "wait")
        assert ir.text_of((await whole(prepared.run(0))).parts) == "0 1 "


async def test_an_exit_without_a_signal_is_a_crash_too() -> None:
    async with playing() as provider:
        with pytest.raises(StackError, match="ended with code 7; it is being started again"):
            await answer(provider, "exit")
        assert await answer(provider, "1") == "0 "


async def test_after_too_many_crashes_it_stays_down_until_it_is_started_again() -> None:
    async with playing(max_restarts=1) as provider:
        with pytest.raises(StackError, match="being started again"):
            await answer(provider, "die")
        with pytest.raises(StackError, match="failure 2 within 10 minutes, so it stays down"):
            await answer(provider, "die")
        with pytest.raises(Overloaded, match="until the server is started again") as caught:
            await answer(provider, "1")
        assert caught.value.retried  # to try again is no use
        assert caught.value.retry_after is None
        assert provider.status()["running"] == 0
        await provider.stop()
        await provider.start()
        assert await answer(provider, "1") == "0 "


async def test_a_process_that_cannot_be_started_again_counts_as_a_crash(tmp_path: Path) -> None:
    needed = tmp_path / "model"
    needed.touch()
    async with playing(starting=str(needed), max_restarts=1) as provider:
        needed.unlink()
        with pytest.raises(Overloaded, match="being started again"):
            await answer(provider, "die first")
        with pytest.raises(Overloaded, match=f"{needed}: there is no such file.*stays down"):
            await answer(provider, "1")


async def test_who_waits_too_long_for_the_next_process_is_told_when_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervising, "FIRST_PAUSE", 1000.0)
    async with playing() as provider:
        for _ in range(2):  # the first one is followed at once
            with pytest.raises(StackError, match="being started again"):
                await answer(provider, "die")
        monkeypatch.setattr(supervising, "PATIENCE", 0.01)
        with pytest.raises(Overloaded, match="is being started again; try again later") as caught:
            await answer(provider, "1")
        assert caught.value.retry_after


async def test_a_provider_that_cannot_start_says_why() -> None:
    with pytest.raises(ConfigError, match="there is no such file; set `model`"):
        async with playing(starting="refuse"):
            pass
    words = "play: the engine's process ended with code 3 while it started: out of luck"
    with pytest.raises(ConfigError, match=words):
        async with playing(starting="die"):
            pass


async def test_a_process_that_hangs_when_it_is_to_end_is_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(life, "GRACE", 0.05)
    async with playing() as provider:
        process = pid(provider)
        os.kill(process, signal.SIGSTOP)
    assert not alive(process)


async def test_a_start_that_is_cancelled_ends_the_process() -> None:
    begun = Life("play", Told())
    starting = asyncio.create_task(begun.begin({}))
    while not begun.process.pid:
        await asyncio.sleep(0.001)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert begun.process.ended.result() == "by SIGKILL"
    assert not alive(begun.process.pid)


PARENT = """
import asyncio, sys
sys.path[:] = {path!r}
from isolating import pid, playing

async def main():
    async with playing() as provider:
        print(pid(provider), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("hanging", [False, True])
def test_the_process_does_not_outlive_its_parent(hanging: bool) -> None:
    if hanging and sys.platform != "linux":
        pytest.skip("only Linux ends a process whose parent has died")
    command = [sys.executable, "-c", PARENT.format(path=sys.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        if hanging:
            os.kill(child, signal.SIGSTOP)
        parent.kill()
        parent.wait()
        assert parent.stdout.read() == b""
    for _ in range(6000):
        if not _running(child):
            return
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    raise AssertionError("the child still runs")


def _running(process: int) -> bool:
    """Whoever inherits an orphan may leave it unreaped."""
    status = Path(f"/proc/{process}/stat")
    if status.parent.parent.joinpath("self").exists():
        return status.exists() and status.read_text().rsplit(")")[1].split()[0] != "Z"
    return alive(process)
