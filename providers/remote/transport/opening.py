"""How a connection comes about."""

from __future__ import annotations

import asyncio
import ssl

from .connection import Connection
from .failures import late_connection, unreachable
from .heads import Origin


async def connection_to(
    origin: Origin, context: ssl.SSLContext | None, seconds: float, deadline: float | None
) -> Connection:
    loop = asyncio.get_running_loop()
    phase = loop.time() + seconds
    called = deadline is not None and deadline < phase
    try:
        async with asyncio.timeout_at(deadline if called else phase):
            _, connection = await loop.create_connection(
                lambda: Connection(loop), origin.host, origin.port, ssl=context
            )
    except TimeoutError:
        raise late_connection(None if called else seconds) from None
    except (OSError, UnicodeError) as error:
        raise unreachable(error) from None
    return connection
