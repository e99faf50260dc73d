"""What corporate actions do to holdings, cash and working orders, by hand, on real prices.

Each run is repeated as a session, which must come to the same bookings, orders and equity.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.generators import random_bars
from tests.published import Always

from papertape import PriceHistory, SimulationConfig, backtest, read_prices
from papertape.domain.errors import DataError
from papertape.domain.market import Bars, Delisting, Dividend, Renaming, Split
from papertape.domain.money import micros
from papertape.session.paper import replay

SPLIT = Split("AAPL", date(2014, 6, 9), Fraction(7))


class Script:
    """An order strategy that follows a script: day of the close -> what it does then."""

    warmup = 1

    def __init__(self, **steps: Callable[[Any], object]):
        self.steps = {name[1:].replace("_", "-"): step for name, step in steps.items()}

    def on_bar(self, context: Any, bar: Any) -> None:
        step = self.steps.pop(str(pd.Timestamp(bar.end).date()), None)
        if step is not None:
            step(context)


def buy(symbol: str, quantity: int, **terms: Any) -> Callable[[Any], object]:
    return lambda context: context.submit(symbol, quantity, reason="scripted", **terms)


def run(
    make: Callable[[], Any], prices: Mapping[str, PriceHistory], first: str, last: str, **also: Any
) -> Any:
    settings: dict[str, Any] = {
        "start": date.fromisoformat(first),
        "end": date.fromisoformat(last),
        "size": "shares:100",
        "cost": "none",
        "warmup": "inside",
        "benchmark": "none",
        **also,
    }
    results = backtest(make(), prices, **settings)
    session = replay(make(), prices, SimulationConfig(**settings))
    for part in ("orders", "fills", "bookings", "equity", "trades"):
        assert getattr(session.record, part) == getattr(results.record, part), part
    return results


@pytest.fixture(scope="module")
def lean(shared_data: Path) -> Callable[..., PriceHistory]:
    """A symbol's raw daily bars with the actions stated."""

    def read(symbol: str, *actions: Any) -> PriceHistory:
        path = shared_data / "daily" / "lean_daily_raw.parquet"
        return replace(read_prices(path, symbol=symbol, adjusted="raw"), actions=actions)

    return read


def equity_on(results: Any, day: str) -> float:
    days = results.equity.index.tz_convert("America/New_York").strftime("%Y-%m-%d")
    return float(results.equity.equity[days == day].iloc[-1])


def test_a_long_holding_is_seven_times_as_many_shares_after_seven_to_one(lean: Any) -> None:
    results = run(Always, {"AAPL": lean("AAPL", SPLIT)}, "2014-06-05", "2014-06-11")
    # 100 bought at the open of 06-06, 650.00; 700 after the split.
    assert equity_on(results, "2014-06-06") == pytest.approx(100_000 + 100 * (645.57 - 650))
    assert equity_on(results, "2014-06-09") == pytest.approx(100_000 - 65_000 + 700 * 93.70)
    assert results.metrics["final_equity"] == pytest.approx(100_000 - 65_000 + 700 * 93.86)
    [trade] = results.record.trades
    assert (trade.quantity, trade.entry_price) == (700, pytest.approx(650 / 7))
    [booking] = results.record.bookings
    assert (booking.what, booking.cash) == ("split 7", 0.0)
    assert "booked   2014-06-09T13:30:00Z split 7" in results.why("T1")


def test_a_short_holding_is_seven_times_as_short(lean: Any) -> None:
    prices = {"AAPL": lean("AAPL", SPLIT)}
    results = run(lambda: Always(-1.0), prices, "2014-06-05", "2014-06-11", account="margin")
    assert equity_on(results, "2014-06-09") == pytest.approx(100_000 + 65_000 - 700 * 93.70)
    assert results.metrics["final_equity"] == pytest.approx(100_000 + 65_000 - 700 * 93.86)
    assert results.record.trades[0].quantity == -700


def test_working_orders_are_restated_by_the_split_and_trade_afterwards(lean: Any) -> None:
    # On 06-06: a buy of 10 at 643.10 and a sale of 5 with its stop at 600.25, good till cancelled.
    def at_the_eve(context: Any) -> None:
        buy("AAPL", 10, kind="limit", limit=643.10)(context)
        buy("AAPL", -5, kind="stop", stop=600.25)(context)

    script = {"d2014_06_05": buy("AAPL", 100), "d2014_06_06": at_the_eve}
    prices = {"AAPL": lean("AAPL", SPLIT)}
    results = run(lambda: Script(**script), prices, "2014-06-05", "2014-06-13")
    _, limit, stop = results.record.orders
    # 643.10 / 7 = 91.871, a buyer's price rounded up; 600.25 / 7 = 85.75 exactly.
    assert (limit.quantity, limit.limit) == (70, 91.88)
    assert (stop.quantity, stop.stop, stop.status) == (-35, 85.75, "new")
    # The low of 06-09 was 91.75: crossed by a tick, so filled at the limit.
    [fill] = [each for each in results.record.fills if each.order_id == limit.id]
    assert (fill.time[:10], fill.quantity, fill.price) == ("2014-06-09", 70, 91.88)


def test_a_reverse_split_cancels_orders_and_pays_the_fraction_in_cash(lean: Any) -> None:
    # USO, one for eight before the open of 2020-04-29, after a close of 2.13.
    script = {
        "d2020_04_24": buy("USO", 1003),
        "d2020_04_27": buy("USO", -100, kind="limit", limit=9.0),
    }
    prices = {"USO": lean("USO", Split("USO", date(2020, 4, 29), Fraction(1, 8)))}
    results = run(lambda: Script(**script), prices, "2020-04-24", "2020-05-01")
    # 1003 / 8 = 125 shares and three eighths, which are worth 3 old shares at 2.13 = 6.39.
    [booking] = results.record.bookings
    assert (booking.what, booking.cash) == ("split 1/8", 6.39)
    bought = 1003 * 2.28
    assert equity_on(results, "2020-04-29") == pytest.approx(100_000 - bought + 6.39 + 125 * 18.00)
    order = results.record.orders[1]
    assert (order.status, order.note) == ("canceled", "reverse split")


def test_a_short_pays_for_the_fraction_of_a_reverse_split(lean: Any) -> None:
    prices = {"USO": lean("USO", Split("USO", date(2020, 4, 29), Fraction(1, 8)))}
    script = {"d2020_04_24": buy("USO", -1003)}
    results = run(lambda: Script(**script), prices, "2020-04-24", "2020-05-01", account="margin")
    assert results.record.bookings[0].cash == -6.39
    assert results.metrics["final_equity"] == pytest.approx(
        100_000 + 1003 * 2.28 - 6.39 - 125 * 18.86
    )


@pytest.fixture(scope="module")
def spy_2024(shared_data: Path) -> PriceHistory:
    path = shared_data / "daily" / "spy_yahoo_raw_1999_2026.csv.gz"
    with (shared_data / "daily" / "spy_dividends_2015_2026.csv").open(newline="") as file:
        paid = tuple(
            Dividend(
                "SPY",
                date.fromisoformat(row["ex_date"]),
                micros(float(row["dividend_per_share"])),
                date.fromisoformat(row["pay_date"]),
            )
            for row in csv.DictReader(file)
        )
    return replace(read_prices(path, symbol="SPY", adjusted="raw"), actions=paid)


@pytest.mark.parametrize("side", [1, -1])
def test_dividends_are_owed_from_the_ex_date_and_paid_on_the_pay_date(
    spy_2024: PriceHistory, side: int
) -> None:
    results = run(
        lambda: Always(float(side)), {"SPY": spy_2024}, "2024-03-12", "2024-05-03", account="margin"
    )
    [fill] = results.record.fills
    owed = side * 100 * 1.594937  # ex 2024-03-15, paid 2024-04-30
    [booking] = results.record.bookings
    assert (booking.time[:10], booking.what) == ("2024-04-30", "dividend")
    assert booking.cash == pytest.approx(owed)
    cash = results.equity.cash
    before = 100_000 - side * 100 * fill.price
    assert cash["2024-04-29"].iloc[0] == pytest.approx(before)
    assert cash["2024-04-30"].iloc[0] == pytest.approx(before + owed)
    # Equity knew it on the ex-date, when the price fell by it.
    closes = {
        day: float(c)
        for day, c in zip(spy_2024.bars.days().astype(str), spy_2024.bars.close, strict=True)
    }
    assert equity_on(results, "2024-03-15") == pytest.approx(
        before + owed + side * 100 * closes["2024-03-15"]
    )
    assert results.record.trades[0].dividends == pytest.approx(owed)


def test_with_the_compatibility_policy_they_are_paid_on_the_ex_date(
    spy_2024: PriceHistory,
) -> None:
    compat = "dividends_on_ex_date"
    results = run(Always, {"SPY": spy_2024}, "2024-03-12", "2024-05-03", compat=compat)
    assert [row.time[:10] for row in results.record.bookings] == ["2024-03-15"]


def test_a_new_symbol_takes_over_the_holding_and_its_orders(lean: Any) -> None:
    # Waste Management: WMI until 2009-08-04, WM from 2009-08-05 on.
    prices = {"WMI": lean("WMI", Renaming("WMI", date(2009, 8, 5), "WM")), "WM": lean("WM")}
    script = {
        "d2009_07_28": buy("WMI", 100),
        "d2009_08_03": buy("WMI", -40, kind="limit", limit=29.00),
    }
    results = run(lambda: Script(**script), prices, "2009-07-28", "2009-08-12")
    assert [(row.symbol, row.what) for row in results.record.bookings] == [
        ("WM", "ticker change from WMI")
    ]
    # Bought at 29.19 on 07-29; the limit rested, and the high of 29.25 on 08-05 crossed it.
    first, second = results.record.fills
    assert (first.symbol, first.price, first.time[:10]) == ("WMI", 29.19, "2009-07-29")
    assert (second.symbol, second.price, second.time[:10]) == ("WM", 29.00, "2009-08-05")
    [trade] = results.record.trades
    assert (trade.symbol, trade.quantity) == ("WM", 100)
    assert trade.mae == pytest.approx(27.52 / 29.19 - 1)  # 08-06, under the new symbol
    assert trade.mfe == pytest.approx(30.29 / 29.19 - 1)
    final = 100_000 - 2919 + 1160 + 60 * 30.02
    assert results.metrics["final_equity"] == pytest.approx(final)


def test_a_signal_strategy_keeps_what_it_holds_under_the_new_symbol(lean: Any) -> None:
    prices = {"WMI": lean("WMI", Renaming("WMI", date(2009, 8, 5), "WM")), "WM": lean("WM")}

    class Slow(Always):
        warmup = 4

    results = run(Slow, prices, "2009-07-23", "2009-08-12")
    assert [(fill.symbol, fill.quantity) for fill in results.record.fills] == [("WMI", 100)]
    assert [trade.symbol for trade in results.record.trades] == ["WM"]


def test_a_holding_of_the_new_symbol_and_one_that_becomes_it_are_one_trade() -> None:
    whole = random_bars(5, 40, symbol="NEW")
    old = replace_symbol(random_bars(6, 40)[:20], "OLD")
    day = whole.days()[20].item()
    prices = {"OLD": PriceHistory(old, (Renaming("OLD", day, "NEW"),)), "NEW": PriceHistory(whole)}
    steps = [str(pd.Timestamp(int(each)).date()).replace("-", "_") for each in whole.end]
    script = {
        f"d{steps[1]}": buy("NEW", 30),
        f"d{steps[4]}": buy("OLD", 50),
        f"d{steps[30]}": buy("NEW", -80),
    }
    first, last = (whole.days()[at].item().isoformat() for at in (0, 35))
    results = run(lambda: Script(**script), prices, first, last)
    [trade] = results.record.trades
    assert (trade.symbol, trade.quantity) == ("NEW", 80)
    paid = 30 * float(whole.open[2]) + 50 * float(old.open[5])
    assert trade.pnl == pytest.approx(80 * float(whole.open[31]) - paid, abs=1e-4)
    assert results.metrics["final_equity"] == pytest.approx(100_000 + trade.pnl, abs=1e-4)


def ended(seed: int, last: int, symbol: str = "GONE") -> Bars:
    return random_bars(seed, 40, symbol=symbol)[:last]


def test_a_delisting_pays_the_consideration_and_cancels_orders() -> None:
    gone, other = ended(1, 10), random_bars(2, 40, symbol="SPY")
    day = other.days()[10].item()
    dead = PriceHistory(gone, (Delisting("GONE", day, micros(12.5)),))
    first, last = (other.days()[at].item().isoformat() for at in (0, 15))
    steps = [str(pd.Timestamp(int(each)).date()).replace("-", "_") for each in other.end]
    script = {
        f"d{steps[1]}": buy("GONE", 100),
        f"d{steps[3]}": buy("GONE", -10, kind="limit", limit=999.0),
        f"d{steps[12]}": buy("GONE", 10),
    }
    prices = {"GONE": dead, "SPY": PriceHistory(other)}
    results = run(lambda: Script(**script), prices, first, last)
    [booking] = results.record.bookings
    assert (booking.time[:10], booking.cash) == (day.isoformat(), 1250.0)
    assert booking.what == "delisted, 100 at 12.5"
    entry = 100 * float(gone.open[2])
    assert results.metrics["final_equity"] == pytest.approx(100_000 - entry + 1250)
    _, resting = results.record.orders
    assert (resting.status, resting.note) == ("canceled", "delisted")
    assert [refused.rule for refused in results.record.refusals] == ["R7"]  # no fresh price
    [trade] = results.record.trades
    assert (trade.exit_price, trade.exit_reason) == (12.5, "delisted at 12.5 a share")
    assert trade.pnl == pytest.approx(1250 - entry)


@pytest.mark.parametrize(
    ("side", "stated", "share"),
    [
        (1, {}, 0.0),  # nothing is known: a long holding is lost whole
        (-1, {}, 1.0),  # and a short one gains nothing by that
        (1, {"haircut": Fraction(3, 10)}, 0.7),
        (-1, {"haircut": Fraction(3, 10)}, 0.7),
        (1, {"consideration": 0}, 0.0),
        (-1, {"consideration": 0}, 0.0),
    ],
)
def test_what_a_share_is_worth_that_ceased_to_trade(
    side: int, stated: dict[str, Any], share: float
) -> None:
    gone = ended(3, 10)
    day = random_bars(3, 40).days()[10].item()
    dead = {"GONE": PriceHistory(gone, (Delisting("GONE", day, **stated),))}
    days = gone.days()
    first, last = days[0].item().isoformat(), day.isoformat()
    results = run(lambda: Always(float(side)), dead, first, last, account="margin")
    entry, close = float(gone.open[1]), float(gone.close[9])
    expected = 100_000 + side * 100 * (share * close - entry)
    assert results.metrics["final_equity"] == pytest.approx(expected, abs=1e-4)
    assert results.equity.index[-1].date() == day  # its own last mark, though no bar came
    assert results.equity.gross.iloc[-1] == 0


def test_an_end_after_the_run_did_not_happen_to_it() -> None:
    gone = ended(3, 10)
    dead = {"GONE": PriceHistory(gone, (Delisting("GONE", date(2016, 1, 4)),))}
    days = gone.days()
    results = run(Always, dead, days[0].item().isoformat(), days[9].item().isoformat())
    assert results.record.bookings == []
    assert results.record.trades[0].exit_time is None


def test_an_end_with_bars_after_it_or_into_nowhere_is_refused() -> None:
    bars = ended(4, 20)
    day = bars.days()[10].item()
    with pytest.raises(DataError, match="there are bars until"):
        backtest(Always(), {"GONE": PriceHistory(bars, (Delisting("GONE", day),))})
    after = random_bars(4, 40).days()[20].item()
    with pytest.raises(DataError, match="no prices of NEW"):
        backtest(Always(), {"GONE": PriceHistory(bars, (Renaming("GONE", after, "NEW"),))})


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_to_the_shares_the_profits_of_all_trades_add_up(seed: int) -> None:
    random = np.random.default_rng(seed)
    whole = random_bars(seed, 60, symbol="OLD")
    old, new = whole[:30], replace_symbol(random_bars(seed, 60, symbol="OLD")[30:50], "NEW")
    days = whole.days()
    actions = (
        Split("OLD", days[8].item(), Fraction(int(random.integers(2, 9)), 1)),
        Dividend("OLD", days[12].item(), micros(0.37), days[14].item()),
        Split("OLD", days[20].item(), Fraction(1, int(random.integers(2, 9)))),
        Renaming("OLD", days[30].item(), "NEW"),
    )
    prices = {
        "OLD": PriceHistory(old, actions),
        "NEW": PriceHistory(new, (Delisting("NEW", days[50].item(), micros(3.0)),)),
    }
    results = run(
        lambda: Always(1.0),
        prices,
        days[0].item().isoformat(),
        days[50].item().isoformat(),
        account="margin",
        cost="percent:0.1",
        allow=("D11",),  # these prices know nothing of the splits
    )
    total = sum(trade.pnl for trade in results.record.trades)
    assert results.metrics["final_equity"] == pytest.approx(100_000 + total, abs=1e-4)
    assert results.equity.equity.iloc[-1] == pytest.approx(results.equity.cash.iloc[-1])


def replace_symbol(bars: Bars, symbol: str) -> Bars:
    return replace(bars, instrument=replace(bars.instrument, symbol=symbol))
