"""Alpaca's own client as the referee: on the same emulator it and our plugin see the same."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.emulators.alpaca import AlpacaEmulator
from tests.emulators.market import CALENDAR, Market
from tests.emulators.server import KEY, SECRET
from tests.fakes import SkippingTime

from papertape.domain.clock import MINUTE, SECOND, Nanos
from papertape.domain.market import Bars, Dividend, Split
from papertape.plugins.market_data.alpaca import AlpacaDataPlugin
from papertape.plugins.market_data.refined import midnight
from papertape.plugins.market_data.source import finished, load
from papertape.plugins.market_data.transport import Timing

with warnings.catch_warnings():  # it stands on a part of `websockets` that is deprecated
    warnings.simplefilter("ignore")
    from alpaca.data.historical import StockHistoricalDataClient
    from alpaca.data.historical.corporate_actions import CorporateActionsClient
    from alpaca.data.live import StockDataStream
    from alpaca.data.requests import (
        CorporateActionsRequest,
        StockBarsRequest,
        StockLatestQuoteRequest,
    )
    from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

FIRST, LAST = date(2024, 5, 28), date(2024, 7, 5)
SPAN = {"start": datetime(2024, 5, 28, tzinfo=UTC), "end": datetime(2024, 7, 6, tzinfo=UTC)}
MINUTES = {
    "start": datetime(2024, 7, 3, 8, tzinfo=UTC),
    "end": datetime(2024, 7, 3, 23, tzinfo=UTC),
}


@pytest.fixture
def time() -> SkippingTime:
    return SkippingTime(CALENDAR.session(date(2024, 7, 8)).close)


@pytest.fixture
def emulator(time: SkippingTime) -> Iterator[AlpacaEmulator]:
    with AlpacaEmulator(Market(), time, page=100) as running:
        yield running


@pytest.fixture
def theirs(emulator: AlpacaEmulator) -> Any:
    return StockHistoricalDataClient(KEY, SECRET, url_override=emulator.url)


def ours(emulator: AlpacaEmulator, time: SkippingTime, home: Path, **more: Any) -> AlpacaDataPlugin:
    keys = {"api_key": KEY, "api_secret": SECRET}
    places = {"base_url": emulator.url, "ws_url": emulator.ws_url, "home": home}
    timing = Timing(time, time.sleep, lambda: 0.5, time.within)
    return AlpacaDataPlugin({**keys, **places, **more}, timing=timing)


def nanos(moment: datetime) -> Nanos:
    return int(moment.timestamp()) * SECOND


def agree(bars: Bars, rows: list[Any]) -> None:
    daily = bars.frequency.is_daily
    starts = [midnight(day, CALENDAR) for day in bars.days().tolist()]
    assert (starts if daily else bars.start.tolist()) == [nanos(row.timestamp) for row in rows]
    for name in ("open", "high", "low", "close", "volume"):
        assert getattr(bars, name).tolist() == [getattr(row, name) for row in rows], name


@pytest.mark.parametrize("adjustment", ["raw", "split", "all"])
@pytest.mark.parametrize("symbol", ["SPLT", "BRK.B"])
def test_daily_bars(
    adjustment: str,
    symbol: str,
    emulator: AlpacaEmulator,
    theirs: Any,
    time: SkippingTime,
    tmp_path: Path,
) -> None:
    request = StockBarsRequest(
        symbol_or_symbols=[symbol],
        timeframe=TimeFrame.Day,
        adjustment=adjustment,
        feed="sip",
        **SPAN,
    )
    plugin = ours(emulator, time, tmp_path, adjustment=adjustment)
    history = load(plugin, symbol=symbol, start_date=FIRST, end_date=LAST)
    assert history.adjusted == adjustment
    agree(history.bars, theirs.get_stock_bars(request).data[symbol])


@pytest.mark.parametrize(("frequency", "unit"), [("1m", 1), ("5m", 5), ("60m", 60)])
def test_short_bars_of_a_half_day(
    frequency: str,
    unit: int,
    emulator: AlpacaEmulator,
    theirs: Any,
    time: SkippingTime,
    tmp_path: Path,
) -> None:
    length = (
        TimeFrame(1, TimeFrameUnit.Hour) if unit == 60 else TimeFrame(unit, TimeFrameUnit.Minute)
    )
    request = StockBarsRequest(
        symbol_or_symbols=["QUIET"], timeframe=length, feed="sip", limit=None, **MINUTES
    )
    day = date(2024, 7, 3)
    history = load(
        ours(emulator, time, tmp_path),
        symbol="QUIET",
        start_date=day,
        end_date=day,
        frequency=frequency,
    )
    agree(history.bars, theirs.get_stock_bars(request).data["QUIET"])


def test_corporate_actions(emulator: AlpacaEmulator, time: SkippingTime, tmp_path: Path) -> None:
    client = CorporateActionsClient(KEY, SECRET, url_override=emulator.url)
    request = CorporateActionsRequest(symbols=["SPLT"], start=FIRST, end=LAST)
    told = client.get_corporate_actions(request).data
    (split,), (dividend,) = told["forward_splits"], told["cash_dividends"]
    history = load(ours(emulator, time, tmp_path), symbol="SPLT", start_date=FIRST, end_date=LAST)
    our_dividend, our_split = history.actions
    assert isinstance(our_split, Split)
    assert isinstance(our_dividend, Dividend)
    assert (our_split.ex_date, our_split.ratio) == (split.ex_date, split.new_rate / split.old_rate)
    assert our_dividend.ex_date == dividend.ex_date
    assert our_dividend.pay_date == dividend.payable_date
    assert our_dividend.amount == round(dividend.rate * 1_000_000)


def test_the_latest_quote(
    emulator: AlpacaEmulator, theirs: Any, time: SkippingTime, tmp_path: Path
) -> None:
    request = StockLatestQuoteRequest(symbol_or_symbols=["ACME"], feed="iex")
    told = theirs.get_stock_latest_quote(request)["ACME"]
    quote = finished(ours(emulator, time, tmp_path).fetch_quote("ACME"))
    assert (quote.bid, quote.ask) == (told.bid_price, told.ask_price)
    assert (quote.bid_size, quote.ask_size) == (told.bid_size, told.ask_size)
    assert quote.time == nanos(told.timestamp)


def test_the_stream(emulator: AlpacaEmulator, time: SkippingTime, tmp_path: Path) -> None:
    begun = CALENDAR.session(date(2024, 7, 9)).open + 3_600 * SECOND
    time._now = begun
    until = begun + 15 * MINUTE
    told = asyncio.run(streamed_by_them(emulator, time, until + 40 * SECOND))
    time._now = begun

    async def streamed_by_us() -> list[Any]:
        found = []
        async for bar in ours(emulator, time, tmp_path).stream(["ACME"]):
            if bar.end > until:
                break
            found.append(bar)
        return found

    bars = asyncio.run(streamed_by_us())
    assert len(bars) == 15
    columns = ("open", "high", "low", "close", "volume")
    for bar in bars:
        assert [getattr(bar, each) for each in columns] == [
            getattr(told[bar.start], each) for each in columns
        ]


async def streamed_by_them(
    emulator: AlpacaEmulator, time: SkippingTime, until: Nanos
) -> dict[Nanos, Any]:
    """Their bars by start, the corrected one where there is one."""
    told: dict[Nanos, Any] = {}

    async def take(bar: Any) -> None:
        told[nanos(bar.timestamp)] = bar

    stream = StockDataStream(KEY, SECRET, url_override=f"{emulator.ws_url}/v2/iex")
    stream.subscribe_bars(take, "ACME")
    stream.subscribe_updated_bars(take, "ACME")
    running = asyncio.create_task(stream._run_forever())
    async with asyncio.timeout(20):
        while not time.audience:
            await asyncio.sleep(0.005)
        while time.now() < until:
            await step(time)
        await stream.stop_ws()
        while not running.done():  # it looks for the stop when it hears something
            await step(time)
    return told


async def step(time: SkippingTime) -> None:
    """Five seconds of the market, told by the emulator."""
    await time.sleep(5)
    while any(each.looked < time.now() for each in time.audience):
        await asyncio.sleep(0.001)
