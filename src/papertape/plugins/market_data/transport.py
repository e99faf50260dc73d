"""The one way out to a provider: limited, patient, bounded, and silent about keys.

For whoever writes a plugin::

    access = Access(
        provider="tiingo",
        base="https://api.tiingo.com",
        headers=(KeyHeader("Authorization", Key(token), scheme="Token"),),
        limits=Limits(per_hour=50, per_day=1000),
        quota_words=("run over your",),
        key_hint="set TIINGO_API_KEY",
    )
    transport = Transport(access, Budget(folder / "budget.sqlite"))
    async with transport.open() as web:
        answer = await web.get("/iex/", {"tickers": "aapl"})
    answer.value  # decoded JSON; .body its bytes, .skew_seconds the server's clock against ours

What comes out is decoded JSON of a 200, or one error: `SettingsError` (a key or a plan is
refused), `NotFound` (404, which the plugin turns into words about its symbol) or `ProviderError`
(everything else, after retries that end). A ``next_url`` may be handed to `get` as it is: only its
path and query are used. Time, waiting and chance are handed in as `Timing`, so that tests need no
sleep. Import this module inside the plugin's methods: nobody else pays for an HTTP client.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import msgspec
import tenacity

from papertape.domain.clock import MINUTE, SECOND, Clock, Nanos, WallClock
from papertape.domain.errors import NotFound, ProviderError, SettingsError
from papertape.plugins.market_data.budget import Budget, used_up
from papertape.plugins.market_data.keys import Key, KeyHeader, masked
from papertape.plugins.market_data.source import Limits

DEAD_HOSTS = ("iexapis.com", "iex.cloud", "iexcloud.io", "api.iextrading.com")
"""Names that are dead or in other hands; no key may ever reach one, nor a name below it."""

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_KEY_PARAMETERS = {"apikey", "api_key", "token", "key", "secret"}
_WORDS_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Access:
    """Who is called, with which key, and what its refusals mean.

    Attributes:
        provider: The plugin's name, for errors and the budget.
        base: Scheme and host.
        headers: The headers that carry keys.
        limits: What the plan allows.
        quota_words: Words by which a text tells that the plan is used up, whatever its status.
        hints: For words in a refusal, what the user can do about it.
        key_hint: What to do about a refused key.

    Raises:
        SettingsError: If the address is dead or unsafe, or a test key would leave this machine.
    """

    provider: str
    base: str
    headers: tuple[KeyHeader, ...] = ()
    limits: Limits = field(default_factory=Limits)
    quota_words: tuple[str, ...] = ()
    hints: Mapping[str, str] = field(default_factory=dict)
    key_hint: str = "check the key in your settings"

    def __post_init__(self) -> None:
        check_address(self.base, self.keys, self.provider)

    @property
    def keys(self) -> tuple[Key, ...]:
        """The keys in use, for masking."""
        return tuple(header.key for header in self.headers)

    @property
    def account(self) -> str:
        """The name under which calls are counted."""
        return "-".join((self.provider, *(key.account for key in self.keys[:1])))


def check_address(address: str, keys: tuple[Key, ...], provider: str) -> None:
    """Refuse an address before a socket is opened.

    Raises:
        SettingsError: If the host is dead, the line is open to others, or the key is a test's.
    """
    parts = urlsplit(address)
    host = (parts.hostname or "").rstrip(".")
    if any(host == dead or host.endswith("." + dead) for dead in DEAD_HOSTS):
        raise SettingsError(
            f"{provider}: {host} belongs to the retired IEX Cloud; no key is sent there",
            hint="use a Tiingo token, or an Alpaca key and secret",
        )
    here = host in _LOOPBACK
    if not host or parts.scheme not in ("https", "wss", *(("http", "ws") if here else ())):
        raise SettingsError(
            f"{provider}: {parts.scheme}://{host} is no address to send a key to",
            hint="use https:// (plain http only towards this machine)",
        )
    if "@" in parts.netloc or parts.query:
        raise SettingsError(
            f"{provider}: the address carries a key or a query",
            hint="keys have their own settings",
        )
    if not here and any(key.is_test for key in keys):
        raise SettingsError(
            f"{provider}: this key is a test's and is not sent to {host}",
            hint="use your own key",
        )


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often; seconds and bytes.

    Attributes:
        attempts: Requests made at most for one answer.
        timeout: For one request, from the first byte sent to the last one read.
        deadline: For all requests and pauses together.
        longest_wait: A pause asked for that is longer than this is an error at once.
        first_wait: The first pause is a random part of this; each one after may be twice as long.
        size_cap: Largest answer, unpacked.
    """

    attempts: int = 5
    timeout: float = 30.0
    deadline: float = 180.0
    longest_wait: float = 60.0
    first_wait: float = 0.5
    size_cap: int = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Timing:
    """What time it is, how to let it pass, and chance (a number from 0 to 1).

    ``within`` awaits something for some seconds and raises TimeoutError when they are over.
    """

    clock: Clock = field(default_factory=WallClock)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    within: Callable[[Awaitable[Any], float], Awaitable[Any]] = asyncio.wait_for


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider said.

    Attributes:
        value: The body as decoded JSON.
        body: The body itself.
        skew_seconds: The provider's clock minus ours by its ``Date``, to about a second; or None.
    """

    value: Any
    body: bytes
    skew_seconds: float | None = None


def fingerprint(answers: list[Answer]) -> str:
    """One hash, hexadecimal, over the bodies of some answers in their order."""
    digest = hashlib.sha256()
    for answer in answers:
        digest.update(answer.body)
    return digest.hexdigest()


class _Passing(Exception):
    """A failure that may pass; ``wait`` is the pause in seconds that the provider asked for."""

    def __init__(self, what: str, wait: float | None = None):
        super().__init__(what)
        self.wait = wait


class _KeyHeaders(httpx2.Auth):
    """Puts the keys into a request at the last moment, so that no frame of ours holds one."""

    def __init__(self, headers: tuple[KeyHeader, ...]):
        self._headers = headers

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response]:
        for header in self._headers:
            request.headers[header.name] = header.value()
        yield request


@dataclass(frozen=True, slots=True)
class Transport:
    """A provider's access with the patience and the budget for it."""

    access: Access
    budget: Budget
    patience: Patience = Patience()
    timing: Timing = Timing()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Web]:
        """Connections to the provider, closed at the end of the block."""
        here = urlsplit(self.access.base).hostname in _LOOPBACK
        async with httpx2.AsyncClient(
            auth=_KeyHeaders(self.access.headers),
            follow_redirects=False,
            timeout=self.patience.timeout,
            trust_env=not here,  # a proxy of the environment is not for this machine
        ) as client:
            yield Web(self, client)


class Web:
    """An open way to one provider."""

    def __init__(self, transport: Transport, client: httpx2.AsyncClient):
        self._access = transport.access
        self._budget = transport.budget
        self._patience = transport.patience
        self._timing = transport.timing
        self._client = client

    async def get(self, path: str, parameters: Mapping[str, str] | None = None) -> Answer:
        """Ask, and ask again while the failure may pass.

        Args:
            path: A path, or an address of which only path and query are used.
            parameters: The query; those of ``path`` are kept beside it.

        Raises:
            SettingsError: If the key or the plan is refused.
            NotFound: If there is nothing under this path.
            ProviderError: If no usable answer comes in time.
        """
        address, patience = self._address(path, parameters), self._patience
        end = self._timing.clock.now() + int(patience.deadline * SECOND)
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(_Passing),
            stop=lambda state: self._gives_up(state, end),
            wait=self._pause,
            sleep=self._timing.sleep,
            reraise=True,
        )
        try:
            return await retrying(self._once, "GET", address, None)
        except _Passing as last:
            why = str(last)
        raise ProviderError(why, hint="wait a little and run the same command again")

    async def post(self, path: str, content: Any) -> Answer:
        """Send once; a failure leaves open whether it arrived, so nothing is ever sent again.

        Raises:
            SettingsError: If the key or the plan is refused.
            NotFound: If there is nothing under this path.
            ProviderError: If no usable answer comes; the request may have worked all the same.
        """
        try:
            return await self._once("POST", self._address(path, None), content)
        except _Passing as only:
            why = str(only)
        raise ProviderError(
            f"{why}; whether the request was carried out is not known",
            hint="look it up by the id it carried; never send it again blindly",
            untouched="",
        )

    def _address(self, path: str, parameters: Mapping[str, str] | None) -> str:
        # The host of an address out of an answer is not trusted, nor a key in its query wanted.
        given, base = urlsplit(path), urlsplit(self._access.base)
        asked = [
            (name, value)
            for name, value in (*parse_qsl(given.query, True), *(parameters or {}).items())
            if name.lower() not in _KEY_PARAMETERS
        ]
        query = f"?{urlencode(asked)}" if asked else ""
        return f"{base.scheme}://{base.netloc}/{given.path.lstrip('/')}{query}"

    def _gives_up(self, state: tenacity.RetryCallState, end: Nanos) -> bool:
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait if isinstance(error, _Passing) else None
        over = self._timing.clock.now() + int(state.upcoming_sleep * SECOND) > end
        too_long = asked is not None and asked > self._patience.longest_wait
        return over or too_long or state.attempt_number >= self._patience.attempts

    def _pause(self, state: tenacity.RetryCallState) -> float:
        """Full jitter: a random part of a span that doubles, after the pause asked for."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait if isinstance(error, _Passing) else None
        if asked is not None:
            return asked + self._timing.chance() * self._patience.first_wait
        span = self._patience.first_wait * 2.0 ** (state.attempt_number - 1)
        return self._timing.chance() * min(span, self._patience.longest_wait)

    async def _once(self, method: str, address: str, content: Any) -> Answer:
        await self._admitted()
        access, failure = self._access, ""
        try:
            async with (
                asyncio.timeout(self._patience.timeout),
                self._client.stream(method, address, json=content) as response,
            ):
                body = await self._read(response)
        except TimeoutError:
            failure = f"no whole answer within {self._patience.timeout:g} s"
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            failure = f"the connection failed ({type(error).__name__})"
        if failure:  # raised out here, so that no frame of the HTTP client hangs on to it
            raise _Passing(f"{access.provider}: {failure}")
        return self._judged(response, body)

    async def _admitted(self) -> None:
        access = self._access
        while True:
            now = self._timing.clock.now()
            wait = self._budget.take(access.account, access.provider, access.limits, now)
            if wait <= 0:
                return
            await self._timing.sleep(wait)

    async def _read(self, response: httpx2.Response) -> bytes:
        body = bytearray()
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > self._patience.size_cap:
                raise ProviderError(
                    f"{self._access.provider}: the answer is larger than "
                    f"{self._patience.size_cap:,} bytes",
                    hint="ask for a shorter span",
                )
        return bytes(body)

    def _judged(self, response: httpx2.Response, body: bytes) -> Answer:
        """An answer, or the error that a status and a body amount to."""
        status, words = response.status_code, self._words(body)
        here = f"{self._access.provider}: status {status}"
        says = f"{here}, {words!r}" if words else here
        if status == 429 or self._tells_of_quota(body):
            raise self._too_many(response, says)
        if status in (401, 403):
            found = [hint for mark, hint in self._access.hints.items() if mark in words]
            raise SettingsError(
                f"{says}: the key or its plan does not allow this",
                hint=found[0] if found else self._access.key_hint,
            )
        if status == 404:
            raise NotFound(says)
        if status >= 500 or status == 408:
            raise _Passing(says)
        if not 200 <= status < 300:
            followed = "; redirects are not followed" if 300 <= status < 400 else ""
            raise ProviderError(says + followed, hint="this is no answer that papertape expects")
        return self._decoded(response, body)

    def _decoded(self, response: httpx2.Response, body: bytes) -> Answer:
        kind = response.headers.get("content-type", "nothing").split(";")[0]
        if "json" not in kind:
            raise _Passing(f"{self._access.provider}: the answer is {kind}, not JSON")
        try:
            value = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError):
            value = self
        if value is self:
            raise _Passing(f"{self._access.provider}: the answer is cut off or no JSON")
        return Answer(value, body, self._skew(response))

    def _skew(self, response: httpx2.Response) -> float | None:
        there = _http_date(response.headers.get("date", ""))
        return None if there is None else (there - self._timing.clock.now()) / SECOND

    def _tells_of_quota(self, body: bytes) -> bool:
        # Quota texts are short; the words inside a long answer would be somebody's company name.
        text = body.decode("utf-8", "replace") if len(body) < 2_000 else ""
        return any(words in text for words in self._access.quota_words)

    def _too_many(self, response: httpx2.Response, says: str) -> Exception:
        """A pause to keep, or an error where it is longer than anyone waits."""
        now = self._timing.clock.now()
        wait = _asked_pause(response.headers, now)
        if wait is None and self._access.limits.per_hour is not None:
            # A plan by the hour answers again at the next one.
            wait = (60 * MINUTE - now % (60 * MINUTE)) / SECOND
        if wait is None or wait <= self._patience.longest_wait:
            return _Passing(says, wait)
        until = now + int(wait * SECOND)
        self._budget.block(self._access.account, until)
        return used_up(self._access.provider, f"too many calls ({says})", until)

    def _words(self, body: bytes) -> str:
        """What a refusal says, short, in one line and without keys."""
        text = body[:2_000].decode("utf-8", "replace")
        try:
            found = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError):
            found = None
        if isinstance(found, dict):
            named = (found.get(name) for name in ("message", "detail", "error"))
            text = next((each for each in named if isinstance(each, str)), "")
        elif found is not None:
            text = ""
        line = " ".join(masked(text, self._access.keys).split())
        return "".join(c for c in line if c.isprintable())[:_WORDS_SHOWN]


def _asked_pause(headers: Mapping[str, str], now: Nanos) -> float | None:
    """Seconds that an answer asks to wait: ``Retry-After`` in either form, or a reset moment."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    until = _http_date(text)
    reset = headers.get("x-ratelimit-reset", "").strip()
    if until is None and reset.isdecimal() and len(reset) <= 12:
        until = int(reset) * SECOND
    return None if until is None else max(0.0, (until - now) / SECOND)


def _http_date(text: str) -> Nanos | None:
    try:
        moment: datetime = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * SECOND
