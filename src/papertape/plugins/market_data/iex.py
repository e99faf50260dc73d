"""IEX after IEX Cloud: one name for what is left, namely Tiingo, Alpaca's IEX feed, or captures.

The backends' prices differ, so none ever stands in for another: which one it is follows from the
settings alone, and every history says it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypeAlias

from papertape.domain.clock import Nanos
from papertape.domain.errors import SettingsError
from papertape.domain.market import Adjustment, PriceHistory, Quote
from papertape.plugins.market_data.hist.source import HistDataPlugin, OnLoss
from papertape.plugins.market_data.keys import Key
from papertape.plugins.market_data.live import Endurance
from papertape.plugins.market_data.settings import settled
from papertape.plugins.market_data.source import (
    Capabilities,
    MarketData,
    MarketEvent,
    Polls,
    ReferencePrice,
    refuse,
)
from papertape.plugins.market_data.transport import Patience, Timing, check_address

Backend: TypeAlias = Literal["auto", "tiingo", "alpaca", "hist"]

_CHOICES = (
    "give a Tiingo token as api_key, an Alpaca key as api_key and api_secret, "
    "or a folder of IEX HIST captures as hist_dir"
)
_IEX_CLOUD_TOKEN = re.compile(r"T?[ps]k_[0-9A-Fa-f]+")
_ENTITLEMENTS = {
    "tiingo": "a free token; bid and ask need a market-data agreement with IEX",
    "alpaca": "a free account",
    "hist": "none; the captures are free a day later, for internal use",
}


@dataclass(frozen=True, slots=True)
class IEXSettings:
    """What a plugin is told; keys print as stars.

    Attributes:
        api_key: A Tiingo token, or an Alpaca key where ``api_secret`` is given too.
        api_secret: Alpaca's second half.
        backend: ``auto`` is alpaca with both keys, tiingo with one, hist with none and a folder.
        base_url, ws_url: Other addresses than the backend's own.
        hist_dir: A folder of captures as downloaded.
        on_loss: What to do about a capture that lacks messages.
        home: The folder of the call budget; the user's data folder if nobody says.
    """

    api_key: Key | None = None
    api_secret: Key | None = None
    backend: Backend = "auto"
    base_url: str | None = None
    ws_url: str | None = None
    hist_dir: Path | str | None = None
    on_loss: OnLoss = "error"
    home: Path | str | None = None


@dataclass(frozen=True, slots=True)
class IEXHistory(PriceHistory):
    """A history with what must be known of prices that carry the name IEX.

    Attributes:
        provider: Who was asked.
        venue: Whose trades these are: ``IEX`` or ``consolidated``.
        as_of: When they were fetched.
        entitlement: What the account needs for them.
    """

    provider: str = ""
    venue: str = ""
    as_of: Nanos = 0
    entitlement: str = ""

    @property
    def adjustment(self) -> Adjustment:
        """What the prices have been adjusted for."""
        return self.adjusted


class IEXDataPlugin:
    """IEX's name as a source of market data.

    Args:
        config: The fields of `IEXSettings`; keys may be texts.
        patience: How long and how often it asks.
        timing: Clock, sleep and chance.
        endurance: How patient a stream is.

    Raises:
        SettingsError: If no backend follows from the settings, or a key is of the old IEX Cloud.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        *,
        patience: Patience | None = None,
        timing: Timing | None = None,
        endurance: Endurance | None = None,
    ):
        self.settings = settled(IEXSettings, config, "iex")
        _refuse_the_dead(self.settings)
        self.backend = _chosen(self.settings)
        self._timing = timing or Timing()
        self._source = _made(self.backend, self.settings, patience, self._timing, endurance)

    @property
    def capabilities(self) -> Capabilities:
        """Those of the backend, which is named as the feed."""
        says = self._source.capabilities
        return replace(says, name="iex", feed=self.backend)

    async def fetch_historical_data(
        self,
        *,
        symbol: str,
        start_date: date | None = None,
        end_date: date | None = None,
        frequency: str = "1d",
    ) -> IEXHistory:
        """The backend's bars from the first to the last of two exchange dates, both included.

        Raises:
            PapertapeError: Whatever the backend refuses; no other one is asked instead.
        """
        history = await self._source.fetch_historical_data(
            symbol=symbol, start_date=start_date, end_date=end_date, frequency=frequency
        )
        is_of_all = self.backend == "tiingo" and history.bars.frequency.is_daily
        return IEXHistory(
            **{each.name: getattr(history, each.name) for each in fields(PriceHistory)},
            provider=self.backend,
            venue="consolidated" if is_of_all else "IEX",
            as_of=self._timing.clock.now(),
            entitlement=_ENTITLEMENTS[self.backend],
        )

    async def fetch_quote(self, symbol: str) -> Quote | ReferencePrice:
        """The backend's latest quote; without the agreement with IEX it stays without bid and ask.

        Raises:
            PapertapeError: Whatever the backend refuses; no other one is asked instead.
        """
        return await self._source.fetch_quote(symbol)

    def stream(
        self, symbols: Sequence[str], since: Nanos | None = None
    ) -> AsyncIterator[MarketEvent]:
        """The backend's live minutes, and Tiingo's reference prices at once.

        Raises:
            PapertapeError: Whatever the backend refuses; no other one is asked instead.
        """
        return self._source.stream(symbols, since)

    def poll(
        self, symbols: Sequence[str], since: Nanos | None = None
    ) -> AsyncIterator[MarketEvent]:
        """The backend's live minutes by asking alone.

        Raises:
            PapertapeError: Whatever the backend refuses; no other one is asked instead.
        """
        if not isinstance(self._source, Polls):
            refuse(self.capabilities, "streams")
        return self._source.poll(symbols, since)


def _refuse_the_dead(settings: IEXSettings) -> None:
    """Stop before a socket is opened: IEX Cloud's hosts and tokens are gone.

    Raises:
        SettingsError: If a key has its shape, or an address its name.
    """
    keys = tuple(key for key in (settings.api_key, settings.api_secret) if key)
    if any(_IEX_CLOUD_TOKEN.fullmatch(key.reveal()) for key in keys):
        raise SettingsError(
            "iex: this is a token of IEX Cloud, retired on 2024-08-31; no server takes it",
            hint=_CHOICES,
        )
    for address in (settings.base_url, settings.ws_url):
        if address is not None:
            check_address(address, keys, "iex")


def _chosen(settings: IEXSettings) -> Backend:
    backend = settings.backend
    if backend == "auto":
        backend = _by_what_is_there(settings)
    if backend not in _ENTITLEMENTS:
        raise SettingsError(f"iex has no backend {backend!r}", hint="auto, tiingo, alpaca, hist")
    is_unsaid = settings.backend == "auto" and settings.ws_url
    if backend == "tiingo" and (settings.api_secret or is_unsaid):
        # An Alpaca key must not travel to another company by mistake.
        raise SettingsError(
            "iex: api_secret belongs to the backend alpaca, ws_url to a backend that is named, "
            "and tiingo is chosen",
            hint="leave them out, or set backend='alpaca' or backend='tiingo'",
        )
    if backend == "hist" and settings.hist_dir is None:
        raise SettingsError("iex needs hist_dir for the backend hist", hint=_CHOICES)
    return backend


def _by_what_is_there(settings: IEXSettings) -> Backend:
    if settings.api_key and settings.api_secret:
        return "alpaca"
    if settings.api_key:
        return "tiingo"
    if settings.hist_dir and not settings.api_secret:
        return "hist"
    raise SettingsError(
        "iex: IEX Cloud was retired on 2024-08-31, so another source has to be named",
        hint=_CHOICES,
    )


def _made(
    backend: Backend,
    settings: IEXSettings,
    patience: Patience | None,
    timing: Timing,
    endurance: Endurance | None,
) -> MarketData:
    if backend == "hist":
        return HistDataPlugin(Path(settings.hist_dir or ""), settings.on_loss)
    told = {
        name: getattr(settings, name)
        for name in ("api_key", "api_secret", "base_url", "ws_url", "home")
        if getattr(settings, name) is not None
    }
    if backend == "tiingo":
        from papertape.plugins.market_data.tiingo import TiingoDataPlugin  # noqa: PLC0415

        return TiingoDataPlugin(told, patience=patience, timing=timing, endurance=endurance)
    from papertape.plugins.market_data.alpaca import AlpacaDataPlugin  # noqa: PLC0415

    return AlpacaDataPlugin(
        told | {"feed": "iex"}, patience=patience, timing=timing, endurance=endurance
    )
