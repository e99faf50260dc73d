"""Tiingo's answers as its documents show them, parsed without a network."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from tests.emulators.market import CALENDAR, Market
from tests.emulators.server import KEY
from tests.emulators.tiingo import TiingoEmulator
from tests.fakes import SkippingTime

from papertape.domain.clock import MINUTE, SECOND, rfc3339
from papertape.domain.errors import DataError, ProviderError
from papertape.domain.instrument import Instrument
from papertape.domain.market import DAILY, Dividend, Frequency, Quote, Split
from papertape.plugins.market_data.refined import Wanted
from papertape.plugins.market_data.source import ReferencePrice, finished, load
from papertape.plugins.market_data.tiingo import TiingoDataPlugin
from papertape.plugins.market_data.tiingo_answers import (
    daily_actions,
    daily_rows,
    intraday_rows,
    latest_price,
)
from papertape.plugins.market_data.transport import Timing

AAPL = Wanted(Instrument("AAPL"), DAILY, date(2026, 11, 18), date(2026, 11, 20))
ROW = {
    "date": "2026-11-20T00:00:00.000Z",
    "open": 270.1,
    "high": 273.4,
    "low": 269.2,
    "close": 271.35,
    "volume": 41233110,
    "adjOpen": 135.05,
    "adjHigh": 136.7,
    "adjLow": 134.6,
    "adjClose": 135.675,
    "adjVolume": 82466220,
    "divCash": 0.0,
    "splitFactor": 1.0,
}
PRICE = {
    "ticker": "AAPL",
    "timestamp": "2026-11-20T15:30:00.250+00:00",
    "quoteTimestamp": None,
    "lastSaleTimestamp": None,
    "last": None,
    "lastSize": None,
    "tngoLast": 271.35,
    "prevClose": 270.02,
    "open": 270.11,
    "high": 272.0,
    "low": 269.9,
    "mid": None,
    "volume": 812345,
    "bidSize": None,
    "bidPrice": None,
    "askSize": None,
    "askPrice": None,
}


def test_a_daily_date_is_a_label_and_no_instant() -> None:
    (row,) = daily_rows([ROW], AAPL, adjusted=False)
    # As an instant, UTC's midnight would lie on the nineteenth in New York.
    assert rfc3339(row.start) == "2026-11-20T14:30:00Z"
    assert (row.open, row.high, row.low, row.close) == (270.1, 273.4, 269.2, 271.35)


def test_adjusted_columns_are_taken_only_when_asked_for() -> None:
    (row,) = daily_rows([ROW], AAPL, adjusted=True)
    assert (row.close, row.volume) == (135.675, 82466220)


def test_splits_and_dividends_stand_in_the_rows() -> None:
    rows = [
        ROW | {"date": "2020-08-31T00:00:00.000Z", "splitFactor": 4.0},
        ROW | {"date": "2020-08-07T00:00:00.000Z", "divCash": 0.82},
        ROW | {"date": "2021-08-02T00:00:00.000Z", "splitFactor": 0.125},
        ROW,
    ]
    assert daily_actions(rows, "X") == [
        Dividend("X", date(2020, 8, 7), 820_000, date(2020, 8, 7)),
        Split("X", date(2020, 8, 31), Fraction(4)),
        Split("X", date(2021, 8, 2), Fraction(1, 8)),
    ]


def test_an_intraday_date_is_the_start_of_its_bar() -> None:
    five = Wanted(AAPL.instrument, Frequency(5), AAPL.first, AAPL.last)
    told = [{"date": "2026-11-20T14:30:00.000Z", "open": 270.11, "high": 270.4, "low": 270.0}]
    (row,) = intraday_rows(told, five)
    assert (rfc3339(row.start), row.end - row.start) == ("2026-11-20T14:30:00Z", 5 * MINUTE)
    assert (row.close, row.volume) == (None, None)


def test_without_an_agreement_a_price_is_a_reference_and_no_spread_is_made_up() -> None:
    told = latest_price([PRICE], "AAPL")
    assert isinstance(told, ReferencePrice)
    assert (told.price, rfc3339(told.time)) == (271.35, "2026-11-20T15:30:00.250000Z")


def test_with_an_agreement_a_price_is_a_quote() -> None:
    seen = {"quoteTimestamp": "2026-11-20T10:29:59.123456789-05:00", "bidPrice": 271.3}
    more = {"bidSize": 200, "askPrice": 271.4, "askSize": 100}
    told = latest_price([PRICE | seen | more], "AAPL")
    assert isinstance(told, Quote)
    assert (told.bid, told.ask, told.bid_size, told.ask_size) == (271.3, 271.4, 200, 100)
    assert rfc3339(told.time) == "2026-11-20T15:29:59.123456Z"


@pytest.mark.parametrize("value", [[], [PRICE | {"tngoLast": None}], [PRICE | {"ticker": "MSFT"}]])
def test_no_price_is_an_error_of_the_data(value: Any) -> None:
    with pytest.raises(DataError):
        latest_price(value, "AAPL")


@pytest.mark.parametrize("value", [{}, {"detail": "x"}, [1], None, [{"open": 1}]])
def test_another_shape_is_the_providers_fault(value: Any) -> None:
    with pytest.raises(ProviderError, match="an answer of another shape"):
        daily_rows(value, AAPL, adjusted=False)


EVENING = CALENDAR.session(date(2024, 7, 31)).close + 6 * 3_600 * SECOND


@pytest.fixture
def emulator() -> Iterator[TiingoEmulator]:
    with TiingoEmulator(Market(), SkippingTime(EVENING)) as running:
        yield running


def plugin(emulator: TiingoEmulator, home: Path, **more: Any) -> TiingoDataPlugin:
    settings = {"api_key": KEY, "base_url": emulator.url, "home": home} | more
    return TiingoDataPlugin(settings, timing=Timing(emulator.clock, emulator.clock.sleep))


def test_a_long_span_of_minutes_is_asked_for_in_parts_that_are_not_cut(
    emulator: TiingoEmulator, tmp_path: Path
) -> None:
    first, last = date(2024, 7, 1), date(2024, 7, 19)
    told = load(
        plugin(emulator, tmp_path), symbol="ACME", start_date=first, end_date=last, frequency="1m"
    )
    days = Market().sessions(first, last)
    every = [row for day in days for row in Market().regular_minutes("ACME", day)]
    assert told.bars.start.tolist() == [row.start for row in every]
    assert len(every) == 13 * 390 + 210  # the third is a half day, the fourth a holiday
    assert len(emulator.seen) == 3


def test_a_cut_that_nobody_expected_is_told(emulator: TiingoEmulator, tmp_path: Path) -> None:
    emulator.page = 500
    first, last = date(2024, 7, 8), date(2024, 7, 10)
    told = load(
        plugin(emulator, tmp_path), symbol="ACME", start_date=first, end_date=last, frequency="1m"
    )
    words = " ".join(told.notices)
    assert "has nothing before 2024-07-09, though asked from 2024-07-08" in words
    assert "begins 280 minutes after the opening of 2024-07-09" in words


def test_adjusted_history_is_the_providers_own(emulator: TiingoEmulator, tmp_path: Path) -> None:
    span = {"start_date": date(2024, 5, 28), "end_date": date(2024, 7, 2)}
    history = load(plugin(emulator, tmp_path, adjustment="all"), symbol="SPLT", **span)
    market = Market()
    rows = market.adjusted("SPLT", market.daily("SPLT", *span.values()))
    assert history.bars.close.tolist() == [row.close for row in rows]
    assert (history.adjusted, history.actions) == ("all", ())


def test_an_account_with_an_agreement_gets_bid_and_ask(
    emulator: TiingoEmulator, tmp_path: Path
) -> None:
    emulator.agreement = True
    assert isinstance(finished(plugin(emulator, tmp_path).fetch_quote("BRK.B")), Quote)


@pytest.mark.parametrize(("calls", "late"), [(2, 3_575), (45, 95), (67, 35), (3_600, 35)])
def test_a_live_minute_is_as_late_as_the_plan_has_few_calls(calls: int, late: float) -> None:
    """A tenth of the calls is kept back: of 67 an hour there is one a minute, of 45 one in two."""
    plan = {"calls_per_hour": calls, "calls_per_day": 86_400}
    plugin = TiingoDataPlugin({"api_key": KEY, "base_url": "http://127.0.0.1:9", **plan})
    assert plugin.capabilities.live_delay_seconds == late
