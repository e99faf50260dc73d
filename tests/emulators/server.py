"""The frame of every emulator: a server on loopback that shows faults when their switch is on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, ClassVar

from aiohttp import web
from tests.emulators.faults import Fault, Switches
from tests.emulators.market import Market
from tests.fakes import SkippingTime

from papertape.domain.clock import SECOND
from papertape.plugins.market_data.keys import TEST_PREFIX

KEY = TEST_PREFIX + "key"
SECRET = TEST_PREFIX + "secret"
OTHER_HOST = "http://elsewhere.invalid"
HTML = "<html><body><h1>Bad gateway</h1></body></html>"

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Seen:
    """What a client sent: to check where its keys travel and how often it asked."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass
class Emulator:
    """A provider on loopback, in a thread of its own; subclasses say what it answers where.

    A client is served by ``with AlpacaEmulator(Market(), clock) as emulator: emulator.url``.
    """

    market: Market
    clock: SkippingTime
    switches: Switches = field(default_factory=Switches)
    seen: list[Seen] = field(default_factory=list)
    page: int = 10_000

    quota_text: ClassVar[str] = "You have run over your 500 symbol look up for this month."
    limit_body: ClassVar[dict[str, Any]] = {"message": "too many requests."}

    def routes(self) -> list[web.RouteDef]:
        """Which path is answered by what."""
        raise NotImplementedError

    def admits(self, request: web.Request) -> bool:
        """Whether the request carries the emulator's key, in a header."""
        raise NotImplementedError

    def __enter__(self) -> Any:
        ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(ready),))
        self._thread.start()
        if not ready.wait(60):
            raise RuntimeError("the emulator does not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def ws_url(self) -> str:
        """Where its streams are."""
        return f"ws://127.0.0.1:{self._port}"

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()

        @web.middleware
        async def frame(request: web.Request, handler: Answering) -> web.StreamResponse:
            return await self._frame(request, handler)

        app = web.Application(middlewares=[frame])
        app.add_routes(self.routes())
        runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self._port = runner.addresses[0][1]
        ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _frame(self, request: web.Request, answer: Answering) -> web.StreamResponse:
        self.seen.append(
            Seen(request.method, request.path, dict(request.query), dict(request.headers))
        )
        faulty = await self._faulty(request)
        if faulty is not None:
            response = faulty
        elif "upgrade" not in request.headers and not self.admits(request):
            response = web.json_response({"message": "forbidden."}, status=401)
        else:
            response = await answer(request)
        if not response.prepared:
            skew = 3_600 if self.switches.shows(Fault.SKEW) else 0
            response.headers["Date"] = self._date(skew)
        return response

    def _date(self, ahead: float) -> str:
        return formatdate(self.clock.now() / SECOND + ahead, usegmt=True)

    async def _faulty(self, request: web.Request) -> web.StreamResponse | None:
        """The first answer of the frame's own group whose switch is on."""
        if "upgrade" in request.headers:
            return None
        shows = self.switches.shows
        simple: dict[Fault, Callable[[], web.Response]] = {
            Fault.LIMIT_SECONDS: lambda: self._limit({"Retry-After": "7"}),
            Fault.LIMIT_DATE: lambda: self._limit({"Retry-After": self._date(20)}),
            Fault.LIMIT_LONG: lambda: self._limit({"Retry-After": "7200"}),
            Fault.LIMIT_BARE: lambda: self._limit({}),
            Fault.QUOTA_TEXT: lambda: web.Response(text=self.quota_text),
            Fault.SERVER_ERROR: lambda: web.json_response({"message": "internal"}, status=500),
            Fault.GATEWAY: lambda: web.Response(text=HTML, content_type="text/html", status=504),
            Fault.CUT_JSON: lambda: web.Response(
                text='{"bars": [{"t": "2024', content_type="application/json"
            ),
            Fault.HTML: lambda: web.Response(text=HTML, content_type="text/html"),
            Fault.HUGE: lambda: web.json_response({"bars": "x" * 3_000_000}),
            Fault.REDIRECT: lambda: web.Response(
                status=302, headers={"Location": OTHER_HOST + request.path_qs}
            ),
            Fault.KEY_REFUSED: lambda: web.json_response({"message": "forbidden."}, status=401),
            Fault.PLAN_REFUSED: lambda: web.json_response(
                {"message": "subscription does not permit this"}, status=403
            ),
        }
        for fault, answer in simple.items():
            if shows(fault):
                return answer()
        if shows(Fault.CUT_BODY):
            return await self._half(request, stall=False)
        if shows(Fault.STALLED_BODY):
            return await self._half(request, stall=True)
        return None

    def _limit(self, headers: dict[str, str]) -> web.Response:
        return web.json_response(self.limit_body, status=429, headers=headers)

    async def _half(self, request: web.Request, stall: bool) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.content_length = 1_000
        await response.prepare(request)
        await response.write(b'{"bars": [')
        if stall:
            await self._stop.wait()
        if request.transport is not None:
            request.transport.close()
        return response
