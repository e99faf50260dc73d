"""RunRecord: a finished run as plain data, whole enough to explain every figure from it alone.

Money is in dollars here, times are RFC 3339 text: this is what ``--json`` prints, what a run's
folder keeps and what the frames of a result are made of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from papertape.domain.clock import Nanos, rfc3339
from papertape.domain.event import (
    Decided,
    DividendPaid,
    Entry,
    FillBusted,
    FillCorrected,
    FinancingCharged,
    HoldingDelisted,
    LimitTouched,
    OrderApproved,
    OrderFilled,
    OrderRefused,
    PathUncertain,
    SplitApplied,
    SymbolChanged,
    VariationPaid,
)
from papertape.domain.lifecycle import OrderState
from papertape.domain.money import Micros, dollars
from papertape.domain.order import OrderId
from papertape.engines.proofbench.trades import Trade


class Row(msgspec.Struct, frozen=True):
    """A line of one of the tables."""


class OrderRow(Row, frozen=True):
    """An order and what became of it.

    ``checks`` are the limits it was held against; ``touched`` counts the bars that came to its
    limit and not beyond it.
    """

    id: str
    time: str
    symbol: str
    side: str
    quantity: int
    kind: str
    limit: float | None
    stop: float | None
    stop_distance: float | None
    time_in_force: str
    status: str
    filled: int
    average_price: float | None
    reason: str
    note: str
    parent: str | None
    checks: list[str]
    touched: int


class FillRow(Row, frozen=True):
    """An execution with everything that made its price."""

    id: str
    order_id: str
    time: str
    symbol: str
    side: str
    quantity: int
    price: float
    fee: float
    reason: str
    rule: str
    bar: str
    reference: float
    half_spread: float
    slippage: float
    cost: float
    spread_cost: float
    slippage_cost: float
    cap: str
    outside: bool
    level: float | None = None
    path: str = ""
    ambiguous: bool = False
    delay: float = 0.0
    delay_cost: float = 0.0
    tape: str = ""


class TradeRow(Row, frozen=True):
    """A round trip; see `papertape.engines.proofbench.trades.Trade`."""

    id: str
    symbol: str
    quantity: int
    entry_time: str
    exit_time: str | None
    entry_price: float
    exit_price: float | None
    fees: float
    costs: float
    financing: float
    dividends: float
    pnl: float
    return_on_entry: float
    r_multiple: float | None
    bars_held: int | None
    mae: float | None
    mfe: float | None
    entry_reason: str
    exit_reason: str
    orders: list[str]


class DecisionRow(Row, frozen=True):
    """A change of the strategy's wish, and what came of it; ``order_id`` of the order, if any."""

    time: str
    symbol: str
    exposure: float
    price: float
    quantity: int
    reason: str
    order_id: str | None
    outcome: str


class RefusalRow(Row, frozen=True):
    """An order that RiskGuard vetoed."""

    time: str
    order_id: str
    symbol: str
    quantity: int
    rule: str
    reason: str


class BookingRow(Row, frozen=True):
    """Cash or shares that moved without a trade: a corporate action, a charge, a correction."""

    time: str
    symbol: str
    what: str
    cash: float


class EquityColumns(Row, frozen=True):
    """The account at the start and at each close."""

    time: list[str]
    equity: list[float]
    cash: list[float]
    gross: list[float]
    benchmark: list[float] | None


class LookaheadVerdict(Row, frozen=True):
    """Whether the past stayed the same when the future was cut off.

    Attributes:
        status: ``passed``, ``failed`` or ``not_run``.
        cuts: How many cuts were tried.
        detail: In words; for a failure the first bar that disagrees and how much does.
    """

    status: str
    cuts: int
    detail: str


class Ground(Row, frozen=True):
    """What a result rests on; two runs compare only if these are equal.

    Attributes:
        strategy: Name of the strategy.
        parameters: Its parameters.
        symbols: What was traded.
        source: Where the prices come from, symbol by symbol.
        first, last: First and last session traded.
        frequency: Bar length.
        data_hash, code_hash: Of the bars used; of the strategy's code, parameters and settings.
        cost: The cost model's name; ``cost_words`` what it charges.
        account: The account's terms: ``cash``, ``cash-settled`` or ``margin``.
        size: Order sizing.
        capital: Starting cash.
        risk_free: A year.
        warmup: ``before`` or ``inside``; ``warmup_bars`` how many bars were seen before trading.
        profile: Risk profile.
        seed: Of everything that is drawn.
        compat: Conventions of other engines that the run followed; with any, it flatters.
    """

    strategy: str
    parameters: dict[str, Any]
    symbols: list[str]
    source: dict[str, str]
    first: str
    last: str
    bars: int
    frequency: str
    data_hash: str
    code_hash: str
    cost: str
    cost_words: str
    account: str
    size: str
    capital: float
    risk_free: float
    warmup: str
    warmup_bars: int
    profile: str
    benchmark: str
    seed: int
    compat: list[str] = []


class PathBand(Row, frozen=True):
    """How far the run could have gone otherwise, had its bars been walked another way (fill-P1).

    Attributes:
        bars: Bars that fill otherwise on another path; of the two canonical ones the worse was
            booked each time.
        better: Dollars that the best path would have brought besides, summed over these bars.
        trail_worse: Dollars that trailing stops could have lost besides, on some other path.
    """

    bars: int
    better: float
    trail_worse: float


class CostSplit(Row, frozen=True):
    """What trading cost against the market's own prices, and where it went; dollars.

    Attributes:
        total: Of all fills; the parts add up to it.
        fees: Commissions and regulatory fees.
        spread: What half of the spread took.
        slippage: What the orders' own weight took, rounding to the tick included.
        lateness: What using an open too late took (fill-E3).
    """

    total: float
    fees: float
    spread: float
    slippage: float
    lateness: float = 0.0


class FillReport(Row, frozen=True):
    """How the run's fills came about, as far as it must be told with any result (fill rules 2.9).

    Attributes:
        fills: Executions; ``exits`` of them made a position smaller, ``ambiguous_exits`` of those
            could have come out otherwise on the other path through the bar.
        touched: Times that a bar came to a resting limit and not beyond it: no fill.
        capped: Fills that a limit of quantity cut short.
        outside: Fills that costs carried outside their bar's low to high.
        deferred: Orders that arrived within a bar and waited for the next one (fill-E3).
        gap_stops: Stops that were filled beyond their level, at a gap; ``gap_cost`` is what that
            took on average, dollars a stop.
        entry_bar_share: Of all profits and losses of closed trades, the share made by trades that
            were over within the bar of their entry.
    """

    fills: int
    exits: int
    ambiguous_exits: int
    touched: int
    capped: int
    outside: int
    deferred: int
    gap_stops: int
    gap_cost: float | None
    entry_bar_share: float | None


class RunRecord(Row, frozen=True):
    """A finished run."""

    ground: Ground
    metrics: dict[str, float | int | None]
    units: dict[str, str]
    reasons: dict[str, str]
    lookahead: LookaheadVerdict
    path_band: PathBand
    costs: CostSplit
    fill_report: FillReport
    words: list[str]
    notices: list[str]
    orders: list[OrderRow]
    fills: list[FillRow]
    trades: list[TradeRow]
    decisions: list[DecisionRow]
    refusals: list[RefusalRow]
    bookings: list[BookingRow]
    equity: EquityColumns
    benchmark_metrics: dict[str, float | int | None]
    against_benchmark: str


def order_rows(orders: Mapping[OrderId, OrderState], log: Sequence[Entry]) -> list[OrderRow]:
    """Every order that was sent, in the order it was decided."""
    checks = {
        entry.approved.order.id: entry.approved.checks
        for entry in log
        if isinstance(entry, OrderApproved)
    }
    touched = Counter(entry.order_id for entry in log if isinstance(entry, LimitTouched))
    return [
        OrderRow(
            id=order.id,
            time=rfc3339(order.time),
            symbol=order.symbol,
            side=_side(order.quantity),
            quantity=order.quantity,
            kind=order.kind.value,
            limit=_maybe(order.limit),
            stop=_maybe(order.stop),
            stop_distance=_maybe(order.stop_distance or None),
            time_in_force=order.time_in_force.value,
            status=state.status.value,
            filled=state.filled,
            average_price=state.average_price / 1e6 if state.filled else None,
            reason=order.reason,
            note=state.note,
            parent=order.parent,
            checks=[f"{c.rule} {c.found} of {c.limit}" for c in checks.get(order.id, ())],
            touched=touched[order.id],
        )
        for state in orders.values()
        for order in [state.order]
    ]


def fill_rows(log: Sequence[Entry], orders: Mapping[OrderId, OrderState]) -> list[FillRow]:
    """Every execution, in order."""
    return [
        FillRow(
            id=fill.id,
            order_id=fill.order_id,
            time=rfc3339(fill.time),
            symbol=fill.symbol,
            side=_side(fill.quantity),
            quantity=fill.quantity,
            price=dollars(fill.price),
            fee=dollars(fill.fee),
            reason=orders[fill.order_id].order.reason,
            rule=fill.rule,
            bar=rfc3339(fill.bar_start),
            reference=dollars(fill.reference),
            half_spread=dollars(fill.half_spread),
            slippage=dollars(fill.slippage),
            cost=dollars(fill.cost),
            spread_cost=dollars(fill.spread_cost),
            slippage_cost=dollars(fill.slippage_cost),
            cap=fill.cap,
            outside=fill.outside,
            level=_maybe(fill.level or None),
            path=fill.path,
            ambiguous=fill.ambiguous,
            delay=dollars(fill.delay),
            delay_cost=dollars(fill.delay_cost),
            tape=fill.tape,
        )
        for entry in log
        if isinstance(entry, OrderFilled)
        for fill in [entry.fill]
    ]


def trade_rows(trades: Sequence[Trade]) -> list[TradeRow]:
    """Every round trip, in the order of entry."""
    return [
        TradeRow(
            id=trade.id,
            symbol=trade.symbol,
            quantity=trade.quantity,
            entry_time=rfc3339(trade.entry_time),
            exit_time=None if trade.exit_time is None else rfc3339(trade.exit_time),
            entry_price=trade.entry_price / 1e6,
            exit_price=None if trade.exit_price is None else trade.exit_price / 1e6,
            fees=dollars(trade.fees),
            costs=dollars(trade.costs),
            financing=dollars(trade.financing),
            dividends=dollars(trade.dividends),
            pnl=dollars(trade.pnl),
            return_on_entry=trade.return_on_entry,
            r_multiple=trade.r_multiple,
            bars_held=trade.bars_held,
            mae=trade.mae,
            mfe=trade.mfe,
            entry_reason=trade.entry_reason,
            exit_reason=trade.exit_reason,
            orders=list(trade.order_ids),
        )
        for trade in trades
    ]


def decision_rows(log: Sequence[Entry]) -> list[DecisionRow]:
    """Every change of wish with its outcome: the order it became, the veto, or why nothing."""
    orders: dict[tuple[Nanos, str], str] = {}
    vetoes: dict[tuple[Nanos, str], str] = {}
    for entry in log:
        match entry:
            case OrderApproved(time=time, approved=approved):
                orders[time, approved.order.symbol] = approved.order.id
            case OrderRefused(time=time, refused=refused):
                vetoes[time, refused.order.symbol] = f"refused {refused.rule}: {refused.reason}"
    return [
        DecisionRow(
            time=rfc3339(entry.time),
            symbol=entry.signal.symbol,
            exposure=entry.signal.exposure,
            price=entry.signal.price,
            quantity=entry.quantity,
            reason=entry.signal.reason,
            order_id=orders.get(place),
            outcome=_outcome(orders.get(place), vetoes.get(place), entry.note),
        )
        for entry in log
        if isinstance(entry, Decided)
        for place in [(entry.time, entry.signal.symbol)]
    ]


def _outcome(order_id: str | None, veto: str | None, note: str) -> str:
    if veto:
        return veto
    if order_id:
        return f"order {order_id}" + (f" ({note})" if note else "")
    return note or "nothing to do"


def refusal_rows(log: Sequence[Entry]) -> list[RefusalRow]:
    """Every veto, in order."""
    return [
        RefusalRow(
            time=rfc3339(entry.time),
            order_id=refused.order.id,
            symbol=refused.order.symbol,
            quantity=refused.order.quantity,
            rule=refused.rule,
            reason=refused.reason,
        )
        for entry in log
        if isinstance(entry, OrderRefused)
        for refused in [entry.refused]
    ]


def booking_rows(log: Sequence[Entry]) -> list[BookingRow]:
    """What moved cash or shares besides trades, in order; a new symbol is booked under itself."""
    rows: list[BookingRow] = []
    for entry in log:
        match entry:
            case DividendPaid(time=time, symbol=symbol, total=total):
                rows.append(BookingRow(rfc3339(time), symbol, "dividend", dollars(total)))
            case SplitApplied(time=time, symbol=symbol, ratio=ratio, cash_in_lieu=cash):
                rows.append(BookingRow(rfc3339(time), symbol, f"split {ratio}", dollars(cash)))
            case SymbolChanged(time=time, symbol=symbol, new_symbol=new):
                what = f"ticker change from {symbol}"
                rows.append(BookingRow(rfc3339(time), new, what, 0.0))
            case HoldingDelisted(time=time, symbol=symbol, quantity=quantity, price=price):
                what = f"delisted, {quantity} at {dollars(price):g}"
                rows.append(BookingRow(rfc3339(time), symbol, what, dollars(quantity * price)))
            case VariationPaid(time=time, symbol=symbol, total=total):
                rows.append(BookingRow(rfc3339(time), symbol, "variation", dollars(total)))
            case FinancingCharged(time=time, symbol=symbol, what=what, days=days, total=total):
                what = f"{what}, {days} day{'' if days == 1 else 's'}"
                rows.append(BookingRow(rfc3339(time), symbol, what, -dollars(total)))
            case FillBusted(time=time, fill=fill):
                what = f"bust {fill.id}"
                rows.append(BookingRow(rfc3339(time), fill.symbol, what, -dollars(fill.cash)))
            case FillCorrected(time=time, fill=fill, instead=instead):
                cash, what = instead.cash - fill.cash, f"correction {fill.id} to {instead.id}"
                rows.append(BookingRow(rfc3339(time), fill.symbol, what, dollars(cash)))
    return rows


def path_band(log: Sequence[Entry]) -> PathBand:
    """The uncertainty of every bar, summed."""
    found = [entry for entry in log if isinstance(entry, PathUncertain)]
    return PathBand(
        bars=sum(entry.ambiguous for entry in found),
        better=dollars(sum(entry.band_canonical for entry in found)),
        trail_worse=dollars(sum(entry.band_trail for entry in found)),
    )


def _side(quantity: int) -> str:
    return "buy" if quantity > 0 else "sell"


def _maybe(amount: Micros | None) -> float | None:
    return None if amount is None else dollars(amount)
