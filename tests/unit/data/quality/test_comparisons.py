"""Rules that ask others: other symbols, another provider, the trades around a trade."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.generators import random_bars

from papertape.data.quality.checking import check
from papertape.data.quality.finding import Severity
from papertape.data.quality.peers import with_peers
from papertape.data.quality.providers import disagreements
from papertape.data.quality.sheet import Sheet
from papertape.data.quality.ticks import odd_quotes, odd_trades
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import SECOND
from papertape.domain.instrument import Instrument
from papertape.domain.market import PriceHistory

DAY = 120


def sheet(seed: int = 4, symbol: str = "SPY") -> Sheet:
    of = Sheet.of(PriceHistory(random_bars(seed, 250)))
    volume = np.random.default_rng(seed).integers(900_000, 1_100_000, 250).astype(np.float64)
    return replace(of, volume=volume, instrument=Instrument(symbol))


def with_cell(of: Sheet, column: str, factor: float, row: int = DAY) -> Sheet:
    changed = getattr(of, column).copy()
    changed[row] *= factor
    return replace(of, **{column: changed})


@pytest.mark.parametrize(("odd", "severity"), [(1, "error"), (2, "error"), (6, "info")])
def test_a_low_that_many_symbols_have_is_the_markets(odd: int, severity: Severity) -> None:
    sheets = [sheet(seed, f"S{seed}") for seed in range(10)]
    checked = [check(with_cell(of, "low", 0.7) if n < odd else of) for n, of in enumerate(sheets)]
    found = [f for each in with_peers(checked) for f in each.findings if f.rule == "D10"]
    assert [each.severity for each in found] == [severity] * odd


@pytest.mark.parametrize(("without", "severities"), [(1, ["error"]), (10, ["warn"] * 10)])
def test_a_session_that_only_one_symbol_lacks_is_an_error(
    without: int, severities: list[Severity]
) -> None:
    days = np.delete(np.arange(250), DAY)
    sheets = [sheet(seed, f"S{seed}") for seed in range(10)]
    checked = [check(of.only(days) if n < without else of) for n, of in enumerate(sheets)]
    found = [f for each in with_peers(checked) for f in each.findings if f.rule == "D13"]
    assert [each.severity for each in found] == severities


def test_few_symbols_are_no_market() -> None:
    checked = [check(with_cell(sheet(seed, f"S{seed}"), "low", 0.7)) for seed in range(4)]
    assert [each.findings for each in with_peers(checked)] == [each.findings for each in checked]


def test_the_same_bars_on_another_scale_agree() -> None:
    of = sheet()
    prices = {name: getattr(of, name) / 7 for name in ("open", "high", "low", "close")}
    assert disagreements(of, replace(of, **prices)) == []


def test_adjusted_and_raw_bars_agree_where_the_actions_are_known() -> None:
    of = sheet()
    dividend, split = np.zeros(250), np.ones(250)
    split[DAY], dividend[DAY] = 2.0, 0.5
    before = np.arange(250) < DAY
    # What the raw close before the ex-date was, for the same total return.
    factor = 2.0 * (of.close[DAY] + 0.5) / of.close[DAY]
    prices = {
        name: np.where(before, getattr(of, name) * factor, getattr(of, name))
        for name in ("open", "high", "low", "close")
    }
    raw = replace(of, **prices, split=split, dividend=dividend)
    assert disagreements(raw, replace(of, adjusted="all")) == []
    forgotten = replace(raw, dividend=np.zeros(250))
    (found,) = disagreements(forgotten, replace(of, adjusted="all"))
    assert (found.severity, found.days.tolist()) == ("warn", [of.days[DAY].item()])


def test_the_other_sources_low_is_taken_on_this_scale() -> None:
    of = sheet()
    other = {name: getattr(of, name) * 3 for name in ("open", "high", "low", "close")}
    flawed = with_cell(of, "low", 0.8)
    (found,) = disagreements(flawed, replace(of, **other))
    assert (found.rule, found.severity) == ("D14", "error")
    assert found.repair is not None
    np.testing.assert_allclose(flawed.mended(found.repair).low, of.low, rtol=1e-12)


def test_a_last_row_taken_during_the_session_is_left_out() -> None:
    of = sheet()
    partial = with_cell(with_cell(of, "volume", 0.4, 249), "close", 1.004, 249)
    found = disagreements(partial, of)[0]
    assert (found.severity, found.days.tolist()) == ("error", [of.days[249].item()])
    assert found.repair is not None
    assert len(partial.mended(found.repair)) == 249


def test_sheets_without_a_day_in_common_say_nothing() -> None:
    of = sheet()
    assert disagreements(of.only(np.arange(100)), of.only(np.arange(100, 250))) == []


def session_seconds(count: int) -> np.ndarray:
    opening = calendar_of("XNYS").session(np.datetime64("2024-03-14").item()).open
    return opening + np.arange(count) * SECOND


def test_a_trade_off_the_tape_is_told_and_its_neighbours_are_not() -> None:
    price = 100 + np.random.default_rng(3).integers(-3, 4, 2000).cumsum() / 100
    price[777] *= 1.02
    (found,) = odd_trades("SPY", session_seconds(2000), price)
    assert (found.rule, found.severity, found.count) == ("D10", "warn", 1)
    assert f"{price[777]:g}" in found.example


def test_trades_before_the_open_are_not_judged_but_need_a_price() -> None:
    price = np.full(500, 100.0)
    price[3], price[4] = 120.0, 0.0
    (found,) = odd_trades("SPY", session_seconds(500) - 7200 * SECOND, price)
    assert (found.rule, found.count) == ("D4", 1)


def test_a_quote_of_one_side_is_a_quote_and_one_of_none_is_not() -> None:
    bid = np.array([10.0, 0.0, 0.0, 10.2, 10.0])
    ask = np.array([0.0, 10.1, 0.0, 10.1, 10.1])
    doubted = np.array([False, False, False, False, True])
    found = odd_quotes("SPY", session_seconds(5), bid, ask, doubted)
    assert [(each.rule, each.count) for each in found] == [("D4", 1), ("D4", 1), ("D3", 1)]
