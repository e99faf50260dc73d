"""Round trips: what a run's fills, splits and dividends amount to, by hand."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import numpy as np
import pytest

from papertape.domain.clock import DAY
from papertape.domain.errors import InvariantBroken
from papertape.domain.event import DividendAccrued, Event, OrderFilled, SplitApplied
from papertape.domain.fill import Fill
from papertape.domain.instrument import Instrument
from papertape.domain.market import DAILY, Bars
from papertape.domain.money import micros
from papertape.domain.order import Order, OrderKind
from papertape.engines.proofbench.trades import Trade, round_trips

SESSION = DAY // 4


def prices(*rows: tuple[float, float, float, float]) -> dict[str, Bars]:
    """Daily bars of SPY from (open, high, low, close); row n runs from day n to its quarter."""
    start = np.arange(1, len(rows) + 1) * DAY
    columns = np.array(rows).T
    bars = Bars(Instrument("SPY"), DAILY, start, start + SESSION, *columns, np.ones(len(rows)))
    return {"SPY": bars}


def filled(
    day: int,
    quantity: int,
    price: float,
    *,
    fee: float = 0.0,
    within: bool = False,
    order: str = "",
) -> OrderFilled:
    """A fill at the open of a day's bar, or within it (then it carries the bar's end)."""
    start = day * DAY
    time = start + SESSION if within else start
    paid = micros(price)
    name = order or f"o{day}"
    rule = "fill-L2" if within else "fill-M1"
    return OrderFilled(
        time, Fill(f"f{day}", name, "SPY", time, quantity, paid, micros(fee), rule, start, paid)
    )


def ordered(name: str, quantity: int, kind: OrderKind = OrderKind.MARKET, **terms: object) -> Order:
    return Order(name, "SPY", quantity, kind, 0, f"reason of {name}", **terms)


def trades_of(
    *events: Event, bars: dict[str, Bars] | None = None, orders: tuple[Order, ...] = ()
) -> list[Trade]:
    return round_trips(events, {order.id: order for order in orders}, bars or {})


FOUR_BARS = prices(
    (100, 101, 98.5, 100.5), (100.5, 103, 99.5, 102), (102, 102.5, 97, 101), (101, 104, 101, 103)
)


def test_a_round_trip_earns_its_price_difference_less_fees() -> None:
    [trade] = trades_of(
        filled(1, 100, 50.0, fee=1.0, order="in"),
        filled(3, -100, 52.5, fee=1.5, order="out"),
        orders=(ordered("in", 100), ordered("out", -100)),
    )
    assert (trade.id, trade.quantity, trade.side, trade.is_open) == ("T1", 100, 1, False)
    assert (trade.entry_price, trade.exit_price) == (50e6, 52.5e6)
    assert (trade.fees, trade.pnl) == (micros(2.5), micros(247.5))
    assert trade.return_on_entry == pytest.approx(247.5 / 5000)
    assert trade.held == 2 * DAY
    assert (trade.entry_reason, trade.exit_reason) == ("reason of in", "reason of out")
    assert trade.order_ids == ("in", "out")


def test_a_short_round_trip_earns_when_prices_fall() -> None:
    [trade] = trades_of(filled(1, -10, 100.0), filled(2, 10, 90.0))
    assert (trade.quantity, trade.side, trade.pnl) == (-10, -1, micros(100))


def test_a_trade_lasts_from_flat_to_flat_however_many_fills_it_takes() -> None:
    [trade] = trades_of(
        filled(1, 100, 10.0), filled(2, 100, 12.0), filled(3, -50, 13.0), filled(4, -150, 14.0)
    )
    assert trade.quantity == 200
    assert trade.entry_price == pytest.approx(11e6)
    assert trade.exit_price == pytest.approx(13.75e6)
    assert trade.pnl == micros(-2200 + 650 + 2100)


def test_a_turn_through_zero_ends_one_trade_and_begins_the_next() -> None:
    long, short = trades_of(
        filled(1, 100, 10.0), filled(2, -150, 12.0, fee=1.0, order="turn"), filled(3, 50, 11.0)
    )
    assert (long.pnl, long.fees) == (micros(200) - 666_667, 666_667)
    assert (short.quantity, short.pnl, short.fees) == (-50, micros(50) - 333_333, 333_333)
    assert long.exit_time == short.entry_time == 2 * DAY
    assert long.order_ids == ("o1", "turn")
    assert short.order_ids == ("turn", "o3")


def test_trades_are_numbered_by_entry_though_another_ends_first() -> None:
    one, other = filled(1, 5, 10.0), filled(2, 5, 10.0)
    other = OrderFilled(other.time, Fill(**{**vars(other.fill), "symbol": "QQQ"}))
    first, second = trades_of(one, other, filled(3, -5, 11.0))
    assert (first.id, first.symbol, first.is_open) == ("T1", "SPY", False)
    assert (second.id, second.symbol, second.is_open) == ("T2", "QQQ", True)


def test_costs_are_what_the_market_price_would_have_saved() -> None:
    fill = Fill("f", "o", "SPY", DAY, -10, micros(99.9), 500_000, "fill-M1", DAY, micros(100))
    [trade] = trades_of(OrderFilled(DAY, fill))
    assert trade.costs == micros(0.1 * 10 + 0.5)


def test_an_open_trade_is_marked_at_the_last_close() -> None:
    [trade] = trades_of(filled(2, 10, 100.5), bars=FOUR_BARS)
    assert (trade.exit_time, trade.exit_price, trade.exit_reason) == (None, None, "")
    assert trade.pnl == micros(25)
    assert (trade.bars_held, trade.held) == (2, 2 * DAY + SESSION)


def test_a_dividend_belongs_to_the_trade_that_held_the_shares() -> None:
    [trade] = trades_of(
        filled(1, -100, 20.0),
        DividendAccrued(2 * DAY, "SPY", -100, micros(0.5), date(1970, 2, 1)),
        filled(3, 100, 20.0),
    )
    assert trade.dividends == trade.pnl == micros(-50)


def test_a_split_while_holding_changes_shares_but_no_profit() -> None:
    bars = prices((700, 710, 690, 700), (100, 102, 99, 101), (101, 105, 100, 104))
    [trade] = trades_of(
        filled(1, 10, 700.0),
        SplitApplied(2 * DAY, "SPY", Fraction(7), 10, 70, 0),
        filled(3, -70, 101.0),
        bars=bars,
    )
    assert (trade.quantity, trade.entry_price, trade.exit_price) == (70, 100e6, 101e6)
    assert trade.pnl == micros(70)
    assert trade.mae == pytest.approx(690 / 700 - 1)
    assert trade.mfe == pytest.approx(0.02)


def test_a_fraction_paid_out_by_a_reverse_split_counts_as_sold() -> None:
    [trade] = trades_of(
        filled(1, 101, 5.0),
        SplitApplied(2 * DAY, "SPY", Fraction(1, 10), 101, 10, micros(4.0)),
        filled(3, -10, 50.0),
    )
    assert trade.quantity == 10
    assert trade.entry_price == pytest.approx(50e6)
    assert trade.exit_price == pytest.approx(504e6 / 10.1)
    assert trade.pnl == micros(-505 + 4 + 500)


def test_a_reverse_split_that_leaves_nothing_ends_the_trade() -> None:
    trade, following = trades_of(
        filled(1, 5, 2.0),
        SplitApplied(2 * DAY, "SPY", Fraction(1, 10), 5, 0, micros(9.0)),
        filled(3, 1, 20.0),
        bars=prices((2, 2.1, 1.9, 2), (20, 20, 20, 20), (20, 20, 20, 20)),
    )
    assert (trade.exit_time, trade.exit_reason) == (2 * DAY, "paid out by a split")
    assert (trade.quantity, trade.exit_price, trade.pnl) == (5, 1.8e6, micros(-1))
    assert (trade.bars_held, trade.mfe) == (0, pytest.approx(0.05))
    assert following.is_open


def test_shares_that_no_trade_holds_cannot_split_or_pay() -> None:
    with pytest.raises(InvariantBroken, match="split of 10"):
        trades_of(SplitApplied(DAY, "SPY", Fraction(2), 10, 20, 0))
    with pytest.raises(InvariantBroken, match="dividend on 10"):
        trades_of(DividendAccrued(DAY, "SPY", 10, 1, date(1970, 2, 1)))


def test_risk_is_the_distance_to_the_first_stop() -> None:
    [trade] = trades_of(
        filled(1, 100, 50.0, order="in"),
        filled(2, -100, 47.0),
        orders=(ordered("in", 100, stop_distance=micros(2.0)),),
    )
    assert trade.stop_distance == micros(2)
    assert trade.r_multiple == pytest.approx(-1.5)


def test_an_entry_without_a_stop_leaves_the_risk_unknown() -> None:
    [trade] = trades_of(
        filled(1, 100, 50.0, order="in"),
        filled(2, 100, 50.0, order="more"),
        filled(3, -200, 47.0),
        orders=(ordered("in", 100, stop_distance=micros(2.0)), ordered("more", 100)),
    )
    assert trade.r_multiple is None


# Excursions; the first case is the contract's example


@pytest.mark.parametrize(
    "exit_",
    [filled(4, -1, 103.0, within=True), filled(5, -1, 103.0)],
    ids=["at close", "next open"],
)
def test_the_published_excursions_of_a_long_trade(exit_: OrderFilled) -> None:
    fifth = {"SPY": _joined(FOUR_BARS["SPY"], (103, 110, 90, 95))}
    [trade] = trades_of(filled(1, 1, 100.0), exit_, bars=fifth)
    assert trade.mae == pytest.approx(-0.03)
    assert trade.mfe == pytest.approx(0.04)


def _joined(bars: Bars, row: tuple[float, float, float, float]) -> Bars:
    rows = zip(bars.open, bars.high, bars.low, bars.close, strict=True)
    return prices(*((float(a), float(b), float(c), float(d)) for a, b, c, d in rows), row)["SPY"]


def test_excursions_of_a_short_trade_are_mirrored() -> None:
    [trade] = trades_of(filled(1, -1, 100.0), filled(4, 1, 103.0, within=True), bars=FOUR_BARS)
    assert trade.mae == pytest.approx(-0.04)
    assert trade.mfe == pytest.approx(0.03)


def test_a_fill_within_a_bar_has_seen_only_its_close() -> None:
    bars = prices((100, 120, 80, 101), (101, 102, 100.5, 101))
    [trade] = trades_of(filled(1, 1, 100.0, within=True), bars=bars)
    assert trade.mae == 0.0
    assert trade.mfe == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("kind", "level", "left_at", "mae", "mfe"),
    [
        (OrderKind.LIMIT, {"limit": micros(103)}, 103.0, -0.05, 0.03),
        (OrderKind.STOP, {"stop": micros(98)}, 98.0, -0.02, 0.06),
    ],
)
def test_no_mark_beyond_a_resting_exit_was_seen(
    kind: OrderKind, level: dict[str, int], left_at: float, mae: float, mfe: float
) -> None:
    [trade] = trades_of(
        filled(1, 1, 100.0),
        filled(2, -1, left_at, within=True, order="out"),
        orders=(ordered("out", -1, kind, **level),),
        bars=prices((100, 101, 99, 100), (100, 106, 95, 100)),
    )
    assert trade.mae == pytest.approx(mae)
    assert trade.mfe == pytest.approx(mfe)


def test_entry_and_exit_within_one_bar_have_seen_only_the_exit() -> None:
    [trade] = trades_of(
        filled(1, 1, 100.0, within=True),
        filled(1, -1, 98.0, within=True, order="stop"),
        bars=prices((100, 106, 95, 104)),
    )
    assert (trade.mae, trade.mfe, trade.bars_held) == (pytest.approx(-0.02), 0.0, 0)
