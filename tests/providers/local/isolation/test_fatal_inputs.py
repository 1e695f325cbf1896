"""What is known to kill llama.cpp's process kills that process only, really and not by a signal."""

from __future__ import annotations

import pytest
from engines import ENDLESS, HELLO, ask, text
from fatal_engine import ROWS, Fatal

from polystack.core import ir
from polystack.core.canon.errors import Overloaded
from polystack.providers.llamacpp import Config
from polystack.providers.local.isolation import supervising

pytestmark = pytest.mark.engine


async def test_every_fatal_input_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervising, "FIRST_PAUSE", 0.0)
    settings = {"model": "builtin:tiny", "isolate": "process", "max_restarts": len(ROWS)}
    provider = Fatal("tiny", Config.model_validate(settings))
    await provider.start()
    try:
        for row in ROWS:
            running = (await provider.prepare(ask(ENDLESS))).run(0)
            assert isinstance(await anext(running), ir.Started)
            with pytest.raises(Overloaded, match=r"ended by SIG(ABRT|SEGV)"):
                await provider.count_tokens(ask(row))
            *_, last = [event async for event in running]
            assert isinstance(last, ir.Failed), row
            assert await text(provider, ask(HELLO)) == "Hello! How can I help you today?"
        assert provider.status()["restarts"] == len(ROWS)
    finally:
        await provider.stop()
