"""Bars, quotes, trades and actions refuse nonsense when they are made."""

from dataclasses import replace
from datetime import date
from fractions import Fraction

import numpy as np
import pytest

from papertape.domain.calendar import calendar_of
from papertape.domain.errors import DataError, UsageError
from papertape.domain.instrument import Instrument
from papertape.domain.market import (
    DAILY,
    Bar,
    Bars,
    Dividend,
    Frequency,
    Quote,
    Split,
    Trade,
    bar_faults,
    quantised,
    session_times,
)

GOOD = {"open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0, "volume": 100.0}
DAYS = [date(2024, 7, 2), date(2024, 7, 3), date(2024, 7, 5)]
NAN, INF = float("nan"), float("inf")

BAD_ROWS = [
    ({"low": 0.0}, "low 0.0 is not a positive price"),
    ({"open": -1.0}, "open -1.0 is not a positive price"),
    ({"close": NAN}, "close nan is not a positive price"),
    ({"high": INF}, "high inf is too large"),
    ({"high": 8.0}, "high 8.0 is below low 9.0"),
    ({"open": 13.0}, "open 13.0 is outside"),
    ({"close": 8.5}, "close 8.5 is outside"),
    ({"volume": -1.0}, "volume -1.0 is not between"),
    ({"volume": INF}, "volume inf is not between"),
]


def bars(**columns: list[float]) -> Bars:
    start, end = session_times(DAYS, calendar_of("XNYS"))
    rows = {name: [value] * len(DAYS) for name, value in GOOD.items()} | columns
    arrays = {name: np.array(values, np.float64) for name, values in rows.items()}
    return Bars(Instrument("SPY"), DAILY, start, end, **arrays)


@pytest.mark.parametrize(("change", "why"), BAD_ROWS)
def test_a_row_that_cannot_have_happened_is_no_bar(change: dict[str, float], why: str) -> None:
    with pytest.raises(DataError, match=why):
        Bar("SPY", 0, 1, **(GOOD | change))


@pytest.mark.parametrize(("change", "why"), BAD_ROWS)
def test_columns_refuse_the_same_rows_as_a_single_bar(change: dict[str, float], why: str) -> None:
    rows = {name: np.array([good, (GOOD | change)[name]]) for name, good in GOOD.items()}
    [(row, found)] = bar_faults(*rows.values())
    assert (row, found.startswith(why)) == (1, True)


def test_an_unknown_volume_is_allowed_and_a_flat_bar_too() -> None:
    Bar("SPY", 0, 1, 10.0, 10.0, 10.0, 10.0, NAN)


def test_a_bar_ends_after_it_began() -> None:
    with pytest.raises(DataError, match="ends before it began"):
        Bar("SPY", 5, 5, **GOOD)


def test_bars_name_the_first_bad_row_and_count_them_all() -> None:
    with pytest.raises(DataError, match=r"2 rows .* row 1 \(2024-07-03T13:30:00Z\): low"):
        bars(low=[9.0, 0.0, 99.0])


def test_bars_ascend_without_overlap() -> None:
    good = bars()
    with pytest.raises(DataError, match="begins before the bar above it ended"):
        replace(good, start=good.start[[0, 0, 2]], end=good.end[[0, 0, 2]])


def test_bars_want_columns_of_one_length() -> None:
    with pytest.raises(DataError, match="another length"):
        bars(close=[11.0, 11.0])


def test_a_column_cannot_be_changed_once_checked() -> None:
    with pytest.raises(ValueError, match="read-only"):
        bars().close[0] = 1.0


def test_a_row_of_bars_equals_the_bar_made_from_it() -> None:
    start, end = session_times(DAYS[1:2], calendar_of("XNYS"))
    assert bars().bar(1) == Bar("SPY", int(start[0]), int(end[0]), **GOOD)
    assert [bar.start for bar in bars()] == bars().start.tolist()


def test_a_daily_bar_of_a_half_day_ends_at_the_early_close() -> None:
    hours = (bars().end - bars().start) / 3_600_000_000_000
    assert hours.tolist() == [6.5, 3.5, 6.5]


def test_a_slice_of_bars_is_bars_and_shares_their_memory() -> None:
    whole = bars()
    part = whole[1:]
    assert (len(part), part.symbol) == (2, "SPY")
    assert np.shares_memory(part.close, whole.close)


def test_the_days_of_bars_are_the_exchanges_dates() -> None:
    assert bars().days().tolist() == DAYS


def test_scaled_bars_keep_their_volume_and_lie_on_the_micro_grid() -> None:
    scaled = bars().scaled(np.array([1 / 3, 0.5, 1.0]))
    assert scaled.close.tolist() == [3.666667, 5.5, 11.0]
    assert scaled.volume.tolist() == [100.0] * 3


def test_prices_are_quantised_once_to_a_millionth_of_a_dollar() -> None:
    assert quantised(np.array([0.1 + 0.2, 1.23456789])).tolist() == [0.3, 1.234568]
    assert bars(close=[11.00000049, 11.0, 11.0]).close[0] == 11.0


@pytest.mark.parametrize(
    ("text", "minutes"), [("1d", 0), ("1m", 1), ("5m", 5), ("1h", 60), ("12h", 720)]
)
def test_a_bar_length_is_read_from_text(text: str, minutes: int) -> None:
    assert Frequency.parse(text) == Frequency(minutes)


@pytest.mark.parametrize("text", ["", "0m", "2d", "13h", "1w", "-1m", "1M", "m", "1 m", "99999m"])
def test_text_that_is_no_bar_length_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="no bar length"):
        Frequency.parse(text)


def test_a_year_has_252_daily_and_98280_minute_bars() -> None:
    assert (DAILY.per_year, Frequency(1).per_year) == (252, 98_280)


@pytest.mark.parametrize(("bid", "ask"), [(0.0, 1.0), (-1.0, 1.0), (2.0, 1.0), (NAN, 1.0)])
def test_a_crossed_or_priceless_quote_is_refused(bid: float, ask: float) -> None:
    with pytest.raises(DataError, match="bid"):
        Quote("SPY", 0, bid, ask, 100, 100)


@pytest.mark.parametrize(("price", "size"), [(0.0, 1), (NAN, 1), (1.0, 0), (1.0, -5)])
def test_a_print_has_a_price_and_a_size(price: float, size: int) -> None:
    with pytest.raises(DataError, match="SPY"):
        Trade("SPY", 0, price, size)


@pytest.mark.parametrize("ratio", [Fraction(0), Fraction(1), Fraction(-2)])
def test_a_split_has_a_ratio_that_changes_something(ratio: Fraction) -> None:
    with pytest.raises(DataError, match="no split ratio"):
        Split("AAPL", date(2014, 6, 9), ratio)


def test_a_dividend_pays_something_and_not_before_its_ex_date() -> None:
    for amount, pay_date in ((0, date(2024, 4, 30)), (1_000_000, date(2024, 3, 14))):
        with pytest.raises(DataError, match="no dividend"):
            Dividend("SPY", date(2024, 3, 15), amount, pay_date)
