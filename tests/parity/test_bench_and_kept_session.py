"""A kept session on a kept account trades what the bench trades: every order, fill and cent."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.parity.test_bench_and_session import STRATEGIES
from tests.sessions import Day

from papertape import SimulationConfig
from papertape.data.sessions import regular_hours
from papertape.domain.day import Line
from papertape.domain.event import (
    Decided,
    LedgerEvent,
    OrderAccepted,
    OrderApproved,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderRefused,
    OrderRejected,
)
from papertape.domain.market import PriceHistory
from papertape.engines.proofbench.bench import simulate
from papertape.plugins.market_data.csv import read_prices
from papertape.plugins.market_data.sample import read_sample
from papertape.strategies.strategy import Strategy

TRADING = (
    Decided,
    OrderApproved,
    OrderRefused,
    OrderAccepted,
    OrderRejected,
    OrderFilled,
    OrderCanceled,
    OrderExpired,
    *LedgerEvent.__args__,  # type: ignore[attr-defined]
)


def trading(lines: list[Line]) -> list[Line]:
    return [each for each in lines if isinstance(each, TRADING)]


def assert_equal(
    strategy: Strategy, histories: dict[str, PriceHistory], config: SimulationConfig
) -> Day:
    bench = simulate(strategy, histories, config)
    day = Day(strategy, histories, config)
    session = day.session()
    session.open(day.window.start - 1)
    day.play(session)
    assert trading(day.journal.kept) == trading(list(bench.log))
    assert session.state.orders == bench.story.orders
    assert session.state.account.cash == int(bench.valuation.cash[-1])
    last = day.moments[-1].time
    session.close(last)
    session.close(last + 1)
    assert session.is_closed
    assert not session.state.working
    return day


def spy(shared_data: Path, days: int) -> PriceHistory:
    file = shared_data / "intraday" / "spy_1min_polygon_20240220_20240418.parquet"
    whole = regular_hours(read_prices(file, symbol="SPY", frequency="1m"))
    return replace(whole, bars=whole.bars[: 390 * days])


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
def test_a_whole_day_of_real_minutes(strategy: Strategy, shared_data: Path) -> None:
    history = spy(shared_data, 2)
    start = history.bars.days()[-1].item()
    config = SimulationConfig(benchmark="none", bar_frequency="1m", start=start)
    day = assert_equal(strategy, {"SPY": history}, config)
    assert len(day.traded) == 391  # the close before, and every minute of the day


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
def test_daily_bars_with_splits_and_dividends(strategy: Strategy) -> None:
    histories = {symbol: read_sample(symbol) for symbol in ("AAPL", "IBM")}
    start, end = date(2004, 10, 1), date(2006, 2, 1)
    config = SimulationConfig(benchmark="none", start=start, end=end)
    assert any(start < each.ex_date < end for each in histories["AAPL"].actions)
    assert_equal(strategy, histories, config)
