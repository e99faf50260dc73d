"""Feeds: the market as a session meets it, each moment handed over when it has happened.

A feed is asked what is new and when to ask again; it never blocks, so that whoever asks can hear
a person meanwhile. Replayed, polled or streamed: the same bars make the same moments.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from papertape.data.moments import moments
from papertape.domain.clock import SECOND, Clock, Nanos
from papertape.domain.errors import DataError, PapertapeError, ProviderError
from papertape.domain.event import Moment
from papertape.domain.market import Bar
from papertape.engines.proofbench.window import Window
from papertape.plugins.market_data.source import AmendedBar, MarketEvent, Trouble
from papertape.session.builder import MomentBuilder

_LOOK_AGAIN: Nanos = SECOND // 20


@dataclass(frozen=True, slots=True)
class Broken:
    """A feed that has nothing more to give until it is begun anew.

    Attributes:
        reason: Why.
        refusal: The error, where trying again will not mend it: a key, a plan, a taken slot.
    """

    reason: str
    refusal: PapertapeError | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What was before a feed's first moment, for a session that has seen nothing yet."""

    moments: Sequence[Moment]


News: TypeAlias = Moment | AmendedBar | Trouble | Past | Broken


class Feed(Protocol):
    """Where moments come from."""

    def news(self, now: Nanos) -> list[News]:
        """What has happened by now and was not handed over yet, oldest first."""
        ...

    def next_look(self, now: Nanos) -> Nanos | None:
        """When to ask again; None once there is nothing more to come."""
        ...

    def close(self) -> None:
        """Let go of whatever it holds."""
        ...


class Replay:
    """Stored bars and ticks, told again; it knows no future, for it is asked with the time.

    Args:
        window: The bars, the actions among them, and the tape where there is one.
        after: What closed up to here was told already: by the session that is resumed.
    """

    def __init__(self, window: Window, after: Nanos = 0):
        told = moments(window.bars, window.actions, window.ticks)
        self._coming = (each for each in told if each.time > after)
        self._next = next(self._coming, None)

    def news(self, now: Nanos) -> list[News]:
        """The next moment, if it is due; one at a time, so that each is acted on by itself."""
        found = self._next
        if found is None or found.time > now:
            return []
        self._next = next(self._coming, None)
        return [found]

    def next_look(self, now: Nanos) -> Nanos | None:
        """When the next moment closes."""
        return None if self._next is None else max(now, self._next.time)

    def close(self) -> None:
        """Nothing is held."""


Listening: TypeAlias = Callable[[Sequence[str], Nanos | None], AsyncIterator[MarketEvent]]
"""How a provider's events of some symbols come, from a moment on: streamed or polled."""


class Unheard:
    """A feed that was lost, until another one is begun."""

    def news(self, now: Nanos) -> list[News]:
        """Nothing."""
        return []

    def next_look(self, now: Nanos) -> Nanos | None:
        """Never."""
        return None

    def close(self) -> None:
        """Nothing is held."""


class Live:
    """A provider's events, heard in a thread of their own and kept in a bounded queue.

    A queue that overflows breaks the feed: what was lost is fetched when it is begun anew, and
    nothing is ever dropped in silence (fault-F36).

    Args:
        listening: Polls or streams; either way it mends its own holes.
        symbols: What to hear.
        since: Bars from then on are wanted; None begins with the present minute.
        past: Fetches what was before; then the first bar is the one after it.
        most: Events that may wait.
    """

    def __init__(
        self,
        listening: Listening,
        symbols: Sequence[str],
        since: Nanos | None = None,
        past: Callable[[], Awaitable[Sequence[Moment]]] | None = None,
        most: int = 10_000,
    ):
        self._listening, self._symbols = listening, tuple(symbols)
        self._since, self._past = since, past
        self._builder = MomentBuilder(symbols)
        self._builder.since(since or 0)
        self._waiting: queue.Queue[Bar | AmendedBar | Trouble | Past | Broken] = queue.Queue(most)
        self._is_over = threading.Event()
        self._is_broken = False
        self._thread = threading.Thread(target=self._work, name="feed", daemon=True)
        self._thread.start()

    def news(self, now: Nanos) -> list[News]:
        """What was heard since; moments once they are whole."""
        found: list[News] = []
        while True:
            try:
                said = self._waiting.get_nowait()
            except queue.Empty:
                return [*found, *self._builder.due(now)]
            match said:
                case Broken():
                    self._is_broken = True
                    return [*found, *self._builder.due(now), said]
                case Trouble():
                    found.append(said)
                case Past(moments=told):
                    self._builder.since(told[-1].time if told else 0)
                    found.append(said)
                case _:
                    found += self._builder.hear(said, now)

    def next_look(self, now: Nanos) -> Nanos | None:
        """Soon; None once it is broken."""
        return None if self._is_broken else now + _LOOK_AGAIN

    def close(self) -> None:
        """Let go of the connection."""
        self._is_over.set()
        self._thread.join(1)  # a network that hangs is not waited for: somebody may want to kill

    def _work(self) -> None:
        try:
            asyncio.run(self._listen())
        except queue.Full:
            self._break(Broken("more events waited than may wait"))
        except (ProviderError, DataError) as error:
            self._break(Broken(error.message))
        except PapertapeError as error:
            self._break(Broken(error.message, error))
        except Exception as error:  # noqa: BLE001 - a thread's last door: its end is a value
            self._break(Broken(f"{type(error).__name__}: {error}"))
        else:
            self._break(Broken("the provider's stream ended"))

    async def _listen(self) -> None:
        ended = asyncio.create_task(asyncio.to_thread(self._is_over.wait))
        hearing = asyncio.create_task(self._hear())
        done, pending = await asyncio.wait({ended, hearing}, return_when=asyncio.FIRST_COMPLETED)
        self._is_over.set()
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for task in done:
            task.result()

    async def _hear(self) -> None:
        since = self._since
        if self._past is not None:
            past = await self._past()
            self._waiting.put_nowait(Past(past))
            since = past[-1].time if past else since
        stream = self._listening(self._symbols, since)
        async with aclosing(stream) as events:  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, Bar | AmendedBar | Trouble):
                    self._waiting.put_nowait(event)

    def _break(self, broken: Broken) -> None:
        try:
            self._waiting.put_nowait(broken)
        except queue.Full:  # room for the one word that counts; what is lost is fetched anew
            while not self._waiting.empty():
                self._waiting.get_nowait()
            self._waiting.put_nowait(broken)


def replayed(window: Window, clock: Clock) -> Iterator[Moment]:
    """Stored bars and ticks, told again: history at once, then the clock is waited for each time.

    Args:
        window: The bars, and the tape where there is one.
        clock: A `ReplayClock`; with a speed it makes this take its time.
    """
    for moment in moments(window.bars, window.actions, window.ticks):
        if moment.time >= window.decides_from:
            clock.wait_until(moment.time)
        yield moment
