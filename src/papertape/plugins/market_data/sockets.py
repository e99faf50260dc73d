"""The one way to open a provider's stream: to one host, with masked logs, bounded in every way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from papertape.plugins.market_data.keys import Key, MaskedLog
from papertape.plugins.market_data.live import Lost
from papertape.plugins.market_data.transport import check_address

_LARGEST_FRAME = 8 * 2**20
_FRAMES_WAITING = 1_024
"""Frames kept while nobody asks; with more the provider is let wait, until it hangs up."""

_GREETING_SECONDS = 10.0


class Socket:
    """An open stream of frames."""

    def __init__(self, socket: ClientConnection):
        self._socket = socket

    async def send(self, message: dict[str, Any]) -> None:
        """Send an object as JSON."""
        with suppress(ConnectionClosed):  # what was said before it was closed is read next
            await self._socket.send(msgspec.json.encode(message).decode())

    async def frame(self) -> str | bytes:
        """The next frame.

        Raises:
            Lost: If there will be none.
        """
        try:
            return await self._socket.recv()
        except ConnectionClosed as end:
            why = f"it was closed ({end.rcvd.code if end.rcvd else 'without a word'})"
        raise Lost(why)


@asynccontextmanager
async def opened(
    address: str,
    keys: tuple[Key, ...],
    provider: str,
    greet: Callable[[Socket], Awaitable[None]],
) -> AsyncIterator[Socket]:
    """A stream that ``greet`` has been let into.

    Raises:
        Lost: If it cannot be opened, or breaks.
        SettingsError: If the address is dead or unsafe; else whatever ``greet`` raises.
    """
    check_address(address, keys, provider)
    try:
        async with _Straight(
            address,
            max_size=_LARGEST_FRAME,
            max_queue=_FRAMES_WAITING,
            proxy=None if any(key.is_test for key in keys) else True,
            open_timeout=_GREETING_SECONDS,
            close_timeout=1,
            logger=MaskedLog(f"papertape.{provider}", keys),
        ) as connection:
            socket = Socket(connection)
            async with asyncio.timeout(_GREETING_SECONDS):
                await greet(socket)
            yield socket
    except (OSError, WebSocketException) as fault:  # a TimeoutError is an OSError
        why = f"it cannot be reached ({type(fault).__name__})"
    else:
        return
    raise Lost(why)


class _Straight(connect):
    """A connection that follows no redirect: the keys are for one host."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Take a redirect as the failure it is."""
        return exc
