"""Alpaca's answers as its documents show them, parsed without a network."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from tests.emulators.alpaca import AlpacaEmulator
from tests.emulators.market import CALENDAR, Market
from tests.emulators.server import KEY, SECRET
from tests.fakes import SkippingTime

from papertape.domain.clock import MINUTE, SECOND, rfc3339
from papertape.domain.errors import DataError, ProviderError, SettingsError
from papertape.domain.instrument import Instrument
from papertape.domain.market import DAILY, Bar, Dividend, Frequency, Split
from papertape.plugins.market_data.alpaca import AlpacaDataPlugin
from papertape.plugins.market_data.alpaca_answers import (
    bar_rows,
    corporate_actions,
    latest_quote,
)
from papertape.plugins.market_data.alpaca_stream import Word, heed, read_frame
from papertape.plugins.market_data.live import Lost
from papertape.plugins.market_data.refined import Wanted
from papertape.plugins.market_data.source import AmendedBar, load
from papertape.plugins.market_data.transport import Timing

AAPL = Wanted(Instrument("AAPL"), Frequency(1), date(2026, 11, 20), date(2026, 11, 20))
PAGE = {
    "bars": {
        "AAPL": [
            {
                "t": "2026-11-20T14:30:00Z",
                "o": 270.11,
                "h": 270.4,
                "l": 270.0,
                "c": 270.31,
                "v": 10233,
                "n": 118,
                "vw": 270.2114,
            }
        ]
    },
    "next_page_token": "QUFQTHxNfDE3OTUxODUwMDAwMDAwMDAwMDA=",
    "currency": "USD",
}
SPLIT = {
    "id": "..",
    "symbol": "NVDA",
    "cusip": "67066G104",
    "new_rate": 10,
    "old_rate": 1,
    "process_date": "2024-06-10",
    "ex_date": "2024-06-10",
    "record_date": "2024-06-06",
    "payable_date": "2024-06-07",
}
DIVIDEND = {
    "id": "..",
    "symbol": "AAPL",
    "cusip": "037833100",
    "rate": 0.27,
    "special": False,
    "foreign": False,
    "process_date": "2026-11-12",
    "ex_date": "2026-11-09",
    "record_date": "2026-11-09",
    "payable_date": "2026-11-12",
}


def test_a_minute_begins_where_its_stamp_says() -> None:
    (row,) = bar_rows(PAGE, AAPL)
    assert rfc3339(row.start) == "2026-11-20T14:30:00Z"
    assert row.end == row.start + MINUTE
    assert (row.open, row.high, row.low, row.close, row.volume) == (
        270.11,
        270.4,
        270.0,
        270.31,
        10233,
    )


@pytest.mark.parametrize(
    ("stamp", "opening"),
    [
        ("2026-11-20T05:00:00Z", "2026-11-20T14:30:00Z"),  # winter: midnight in New York
        ("2026-07-01T04:00:00Z", "2026-07-01T13:30:00Z"),  # summer
    ],
)
def test_a_day_is_its_session(stamp: str, opening: str) -> None:
    page = {"bars": {"AAPL": [{"t": stamp, "o": 1, "h": 1, "l": 1, "c": 1, "v": 1}]}}
    daily = Wanted(AAPL.instrument, DAILY, AAPL.first, AAPL.last)
    (row,) = bar_rows(page, daily)
    assert rfc3339(row.start) == opening


@pytest.mark.parametrize("bars", [None, {}, {"MSFT": []}])
def test_nothing_found_is_an_answer_without_rows(bars: Any) -> None:
    assert bar_rows({"bars": bars, "next_page_token": None}, AAPL) == []


def test_a_missing_field_stays_missing() -> None:
    (row,) = bar_rows({"bars": {"AAPL": [{"t": "2026-11-20T14:30:00Z", "c": None}]}}, AAPL)
    assert (row.open, row.close, row.volume) == (None, None, None)


@pytest.mark.parametrize("value", [[], {"bars": 7}, {"bars": {"AAPL": [{"o": 1}]}}, "text", None])
def test_another_shape_is_the_providers_fault(value: Any) -> None:
    with pytest.raises(ProviderError, match="an answer of another shape"):
        bar_rows(value, AAPL)


def test_a_time_without_a_zone_is_no_time() -> None:
    with pytest.raises(DataError, match="no time with a zone"):
        bar_rows({"bars": {"AAPL": [{"t": "2026-11-20T14:30:00"}]}}, AAPL)


def test_splits_and_dividends_are_booked_and_the_rest_is_named() -> None:
    groups = {
        "forward_splits": [SPLIT],
        "reverse_splits": [SPLIT | {"new_rate": 1, "old_rate": 8, "ex_date": "2025-01-02"}],
        "cash_dividends": [DIVIDEND, DIVIDEND],
        "stock_dividends": [{"symbol": "X", "rate": 0.05, "ex_date": "2025-03-03"}],
        "spin_offs": [{"source_symbol": "X", "ex_date": "2025-04-01", "new_rate": 1}],
        "name_changes": [{"old_symbol": "X", "process_date": "2025-05-01"}],
    }
    actions, others = corporate_actions([{"corporate_actions": groups}], "X")
    assert actions == [
        Split("X", date(2024, 6, 10), Fraction(10)),
        Split("X", date(2025, 1, 2), Fraction(1, 8)),
        Split("X", date(2025, 3, 3), Fraction(21, 20)),
        Dividend("X", date(2026, 11, 9), 270_000, date(2026, 11, 12)),
    ]
    assert others == [("spin off", date(2025, 4, 1)), ("name change", date(2025, 5, 1))]


def test_a_quote_of_zero_is_no_quote() -> None:
    quote = {"t": "2026-11-20T15:30:00.25Z", "bp": 271.3, "bs": 2, "ap": 271.4, "as": 3}
    told = latest_quote({"quotes": {"AAPL": quote}}, "AAPL")
    assert (told.bid, told.ask, told.bid_size, told.ask_size) == (271.3, 271.4, 2, 3)
    assert rfc3339(told.time) == "2026-11-20T15:30:00.250000Z"
    with pytest.raises(DataError, match="nobody quotes a bid"):
        latest_quote({"quotes": {"AAPL": quote | {"bp": 0}}}, "AAPL")
    with pytest.raises(DataError, match="no quote of AAPL"):
        latest_quote({"quotes": {}}, "AAPL")


FRAME = (
    '[{"T":"b","S":"AAPL","o":270.11,"h":270.4,"l":270.0,"c":270.31,"v":10233,'
    '"t":"2026-11-20T14:30:00Z","n":118,"vw":270.2114}]'
)


def test_a_frame_holds_minutes_and_minutes_told_again() -> None:
    (told,) = read_frame(FRAME)
    assert isinstance(told, Bar)
    assert (told.symbol, rfc3339(told.end), told.close) == ("AAPL", "2026-11-20T14:31:00Z", 270.31)
    assert read_frame(FRAME.replace('"T":"b"', '"T":"u"')) == [AmendedBar(told, 1)]
    assert read_frame('[{"T":"success","msg":"connected"}]') == [Word("success", "connected")]
    assert read_frame('[{"T":"d","S":"AAPL"},{"T":"q","S":"AAPL"}]') == []


@pytest.mark.parametrize(
    "frame",
    ["", "<html>", "{}", "[1]", b"\xff\xfe", '[{"T":"b"}]', FRAME.replace("270.4", "1.0")],
)
def test_a_frame_that_is_none_ends_the_connection(frame: str | bytes) -> None:
    with pytest.raises(Lost):
        read_frame(frame)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, Lost),
        (402, SettingsError),
        (404, Lost),
        (405, SettingsError),
        (406, Lost),
        (407, Lost),
        (408, SettingsError),
        (409, SettingsError),
        (410, SettingsError),
        (500, Lost),
    ],
)
def test_each_error_code_has_its_reaction(code: int, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        heed(Word("error", "words", code))
    assert getattr(caught.value, "wait", 0.0) == (30.0 if code == 406 else 0.0)


def test_being_authenticated_already_is_no_failure() -> None:
    heed(Word("error", "already authenticated", 403))


NOON = CALENDAR.session(date(2024, 7, 3)).open + 2 * 3_600 * SECOND


@pytest.fixture
def emulator() -> Iterator[AlpacaEmulator]:
    with AlpacaEmulator(Market(), SkippingTime(NOON)) as running:
        yield running


def plugin(emulator: AlpacaEmulator, home: Path, **more: Any) -> AlpacaDataPlugin:
    keys = {"api_key": KEY, "api_secret": SECRET, "base_url": emulator.url, "home": home}
    return AlpacaDataPlugin(keys | more, timing=Timing(emulator.clock, emulator.clock.sleep))


def test_consolidated_bars_are_asked_for_once_they_are_free(
    emulator: AlpacaEmulator, tmp_path: Path
) -> None:
    day = date(2024, 7, 3)
    told = load(plugin(emulator, tmp_path), symbol="ACME", start_date=day, frequency="1m")
    assert NOON - 17 * MINUTE <= told.bars.end[-1] <= NOON - 15 * MINUTE
    live = plugin(emulator, tmp_path, feed="iex")
    told = load(live, symbol="ACME", start_date=day, frequency="1m")
    assert told.bars.end[-1] == NOON
    assert "the last bar may still be corrected" in " ".join(told.notices)


def test_a_day_is_a_bar_once_all_of_it_is_free(emulator: AlpacaEmulator, tmp_path: Path) -> None:
    close = CALENDAR.session(date(2024, 7, 3)).close
    for minutes, last in ((5, date(2024, 7, 2)), (17, date(2024, 7, 3))):
        emulator.clock.wait_until(close + minutes * MINUTE)
        told = load(plugin(emulator, tmp_path), symbol="ACME", start_date=date(2024, 7, 1))
        assert told.bars.days().tolist()[-1] == last


def test_split_adjusted_prices_bring_dividends_in_todays_shares(
    emulator: AlpacaEmulator, tmp_path: Path
) -> None:
    span = {"start_date": date(2024, 5, 28), "end_date": date(2024, 7, 2)}
    history = load(plugin(emulator, tmp_path, adjustment="split"), symbol="SPLT", **span)
    assert history.adjusted == "split"
    # 0.40 dollars a share before the 4:1 split are 0.10 dollars a share of today.
    assert history.actions == (Dividend("SPLT", date(2024, 6, 5), 100_000, date(2024, 6, 20)),)
    history = load(plugin(emulator, tmp_path, adjustment="all"), symbol="SPLT", **span)
    assert (history.adjusted, history.actions) == ("all", ())
