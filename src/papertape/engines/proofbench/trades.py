"""Trades: round trips, read off the events of a run after the fact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from papertape.domain.clock import Nanos
from papertape.domain.errors import require
from papertape.domain.event import (
    DividendAccrued,
    Entry,
    FillBusted,
    FillCorrected,
    FinancingCharged,
    HoldingDelisted,
    OrderFilled,
    SplitApplied,
    SymbolChanged,
)
from papertape.domain.fill import Fill
from papertape.domain.market import Bars, FloatArray
from papertape.domain.money import MICROS_PER_DOLLAR, Micros, half_even, micros
from papertape.domain.order import Order, OrderId, OrderKind


@dataclass(frozen=True, slots=True)
class Trade:
    """One round trip, from flat to flat: shares left over by a turn begin the next trade.

    ``pnl`` is price result - fees - financing + dividends. That of an open trade is marked at the
    last close, so the profits of all trades of a run, open ones included, add up to its change of
    equity.

    Attributes:
        id: ``T1``, ``T2``, ... in the order of entry.
        symbol: The instrument, by its last symbol.
        quantity: Shares entered in total, signed; after a split, in new shares.
        entry_time, exit_time: First and last fill; no exit while the trade is open.
        entry_price, exit_price: Averages, micro-dollars a share of ``quantity``'s kind (of a
            contract: as it is quoted, without the multiplier).
        fees: Commission and regulatory fees of its fills, micro-dollars.
        costs: Fees, half spread, slippage and financing: what trading and holding cost against the
            market's own price.
        financing: What borrowed shares and borrowed money cost while it was held, micro-dollars.
        dividends: What it was credited, or (short) charged, while held; micro-dollars.
        pnl: Net profit in micro-dollars, see above.
        return_on_entry: ``pnl`` as a fraction of what was entered.
        r_multiple: ``pnl`` in units of the initial risk; None unless every entry had a stop.
        stop_distance: Micro-dollars a share from the first fill to its initial stop, or None.
        bars_held: Bars from the entry's to the exit's (0 within one); None without bars.
        held: Nanoseconds from entry to exit, or to the last bar's end.
        mae, mfe: Worst and best mark while held, as fractions of the entry price: ``mae`` at most
            0, ``mfe`` at least 0; None without bars.
        entry_reason, exit_reason: The words of the first and of the last order.
        order_ids: All orders that had a part in it.
    """

    id: str
    symbol: str
    quantity: int
    entry_time: Nanos
    exit_time: Nanos | None
    entry_price: float
    exit_price: float | None
    fees: Micros
    costs: Micros
    financing: Micros
    dividends: Micros
    pnl: Micros
    return_on_entry: float
    r_multiple: float | None
    stop_distance: Micros | None
    bars_held: int | None
    held: Nanos
    mae: float | None
    mfe: float | None
    entry_reason: str
    exit_reason: str
    order_ids: tuple[OrderId, ...]

    @property
    def is_open(self) -> bool:
        """Whether shares are still held; an open trade is neither won nor lost."""
        return self.exit_time is None

    @property
    def side(self) -> int:
        """1 for a long trade, -1 for a short one."""
        return 1 if self.quantity > 0 else -1


def round_trips(
    events: Iterable[Entry], orders: Mapping[OrderId, Order], bars: Mapping[str, Bars]
) -> list[Trade]:
    """The trades of a run, closed and open, in the order of their entries.

    Args:
        events: What happened, in order; fills (those taken back are left out), financing, and what
            corporate actions did to holdings matter here.
        orders: Where reasons, kinds and stop distances are looked up; a missing one gives none.
        bars: Prices as traded, for excursions and for marking what is still held. Without bars a
            holding is marked at its last fill.

    Raises:
        InvariantBroken: If a corporate action or a charge concerns shares that are not held.
    """
    everything: list[_RoundTrip] = []
    running: dict[str, _RoundTrip] = {}
    for event in in_force(events):
        match event:
            case OrderFilled(fill=fill):
                _book(fill, running, everything)
            case SplitApplied(before=before):
                _held(running, event.symbol, before, "a split of").split(event)
            case DividendAccrued(quantity=quantity, amount=amount):
                trip = _held(running, event.symbol, quantity, "a dividend on")
                trip.dividends += quantity * amount
            case HoldingDelisted(quantity=quantity):
                _held(running, event.symbol, quantity, "a delisting of").delist(event)
            case SymbolChanged(quantity=quantity):
                trip = _held(running, event.symbol, quantity, "a renaming of")
                if _rename(trip, event, running) is not trip:
                    everything = [each for each in everything if each is not trip]
            case FinancingCharged(symbol=symbol, total=total):
                require(symbol in running, f"{symbol}: a charge on what no trade holds")
                running[symbol].financing += total
            case _:
                continue
        if not all(trip.held for trip in running.values()):
            running = {symbol: trip for symbol, trip in running.items() if trip.held}
    return [
        _trade(f"T{number}", trip, orders, _bars_of(trip, bars))
        for number, trip in enumerate(everything, start=1)
    ]


def in_force(events: Iterable[Entry]) -> Iterator[Entry]:
    """The events as if executions that were taken back or put right had been right at once."""
    log = list(events)
    instead: dict[str, Fill | None] = {}
    for event in log:
        match event:
            case FillBusted(fill=fill):
                instead[fill.id] = None
            case FillCorrected(fill=fill, instead=right):
                instead[fill.id] = right
    for event in log:
        if not isinstance(event, OrderFilled) or event.fill.id not in instead:
            yield event
            continue
        last: Fill | None = event.fill
        while last is not None and last.id in instead:
            last = instead[last.id]
        if last is not None:
            yield OrderFilled(event.time, last, event.number)


def _held(running: Mapping[str, _RoundTrip], symbol: str, quantity: int, what: str) -> _RoundTrip:
    """The round trip that holds so many shares of a symbol."""
    require(
        symbol in running and running[symbol].held == quantity,
        f"{symbol}: {what} {quantity} shares that no trade holds",
    )
    return running[symbol]


def _rename(trip: _RoundTrip, event: SymbolChanged, running: dict[str, _RoundTrip]) -> _RoundTrip:
    """Let a round trip go on under its new symbol; where one runs there, it becomes part of it."""
    del running[event.symbol]
    there = running.get(event.new_symbol)
    if there is not None:
        there.absorb(trip)
        return there
    trip.symbol = event.new_symbol
    trip.renamed.append(event)
    running[event.new_symbol] = trip
    return trip


def _bars_of(trip: _RoundTrip, bars: Mapping[str, Bars]) -> Bars | None:
    """The bars of a round trip: those under its earlier symbols, then those under its last."""
    found = bars.get(trip.symbol)
    for event in reversed(trip.renamed):
        before = bars.get(event.symbol)
        if found is not None and before is not None:
            found = before[: int(np.searchsorted(before.start, event.time))].followed_by(
                found[int(np.searchsorted(found.start, event.time)) :]
            )
    return found


class _Leg(NamedTuple):
    """A fill, or the part of one that belongs to this trade."""

    fill: Fill
    quantity: int
    fee: Micros

    @property
    def value(self) -> Micros:
        return abs(self.quantity) * self.fill.price

    @property
    def is_at_open(self) -> bool:
        return self.fill.time == self.fill.bar_start


def _moment(step: _Leg | SplitApplied | HoldingDelisted) -> Nanos:
    return step.fill.time if isinstance(step, _Leg) else step.time


@dataclass(slots=True)
class _RoundTrip:
    """What happened to one holding so far."""

    symbol: str
    side: int
    held: int = 0
    dividends: Micros = 0
    financing: Micros = 0
    history: list[_Leg | SplitApplied | HoldingDelisted] = field(default_factory=list)
    renamed: list[SymbolChanged] = field(default_factory=list)
    legs: list[_Leg] = field(default_factory=list)

    def add(self, leg: _Leg) -> None:
        self.held += leg.quantity
        self.history.append(leg)
        self.legs.append(leg)

    def absorb(self, other: _RoundTrip) -> None:
        """Take over another holding, which has become one of the same symbol.

        Assumption: it counts as bought (or sold) when it was, among this one's own fills.
        """
        self.held += other.held
        self.dividends += other.dividends
        self.financing += other.financing
        self.history = sorted(self.history + other.history, key=_moment)
        self.legs = [step for step in self.history if isinstance(step, _Leg)]

    def split(self, event: SplitApplied) -> None:
        self.held = event.after
        self.history.append(event)

    def delist(self, event: HoldingDelisted) -> None:
        self.held = 0
        self.history.append(event)

    @property
    def splits(self) -> list[SplitApplied]:
        return [step for step in self.history if isinstance(step, SplitApplied)]

    @property
    def fees(self) -> Micros:
        return sum(leg.fee for leg in self.legs)

    @property
    def multiplier(self) -> int:
        return self.legs[0].fill.multiplier

    @property
    def costs(self) -> Micros:
        given = sum(leg.quantity * (leg.fill.price - leg.fill.reference) for leg in self.legs)
        return self.fees + self.financing + given * self.multiplier

    @property
    def ended(self) -> Nanos:
        """When the last thing happened that moved shares."""
        return _moment(self.history[-1])


def _book(fill: Fill, running: dict[str, _RoundTrip], everything: list[_RoundTrip]) -> None:
    """Give a fill to the running trade; what turns the holding round begins the next one."""
    trip = running.get(fill.symbol)
    quantity, fee = fill.quantity, fill.fee
    if trip and abs(quantity) > abs(trip.held) and quantity * trip.held < 0:
        closing = -trip.held
        share = half_even(fee * abs(closing), abs(quantity))
        trip.add(_Leg(fill, closing, share))
        quantity, fee = quantity - closing, fee - share
        trip = None
    if trip is None:
        trip = _RoundTrip(fill.symbol, 1 if quantity > 0 else -1)
        running[fill.symbol] = trip
        everything.append(trip)
    trip.add(_Leg(fill, quantity, fee))


class _Side(NamedTuple):
    """Shares that went in (or came out), in the last split's shares, and their value."""

    shares: int | Fraction
    value: Micros

    @property
    def price(self) -> float:
        return float(self.value / self.shares)


def _exchanges(trip: _RoundTrip) -> Iterator[tuple[bool, int | Fraction, Micros]]:
    """Each step as (whether it entered, shares as they are now, micro-dollars), newest first."""
    factor: int | Fraction = 1
    for step in reversed(trip.history):
        if isinstance(step, _Leg):
            yield step.quantity * trip.side > 0, abs(step.quantity) * factor, step.value
        elif isinstance(step, HoldingDelisted):
            yield False, abs(step.quantity) * factor, abs(step.quantity) * step.price
        elif step.after == 0:  # nothing whole is left: the old shares were all paid out
            yield False, abs(step.before) * factor, abs(step.cash_in_lieu)
        else:
            paid_out = abs(step.before * step.ratio - step.after)
            yield False, paid_out * factor, abs(step.cash_in_lieu)
            factor *= step.ratio


def _total(exchanges: list[tuple[bool, int | Fraction, Micros]], *, entering: bool) -> _Side:
    chosen = [(shares, value) for enters, shares, value in exchanges if enters is entering]
    shares = sum(shares for shares, _ in chosen)
    return _Side(shares, sum(value for _, value in chosen))


def _trade(
    name: str, trip: _RoundTrip, orders: Mapping[OrderId, Order], bars: Bars | None
) -> Trade:
    legs, exchanges = trip.legs, list(_exchanges(trip))
    entry, exit_ = (_total(exchanges, entering=entering) for entering in (True, False))
    first, last = orders.get(legs[0].fill.order_id), orders.get(legs[-1].fill.order_id)
    stretch = _stretch(trip, bars) if bars is not None and len(bars) else None
    worst, best = _excursions(trip, entry.price, last, stretch) if stretch else (None, None)
    until = int(stretch.end[-1]) if trip.held and stretch else trip.ended
    pnl = trip.side * (exit_.value - entry.value) + _worth(trip, stretch)
    pnl = pnl * trip.multiplier + trip.dividends - trip.fees - trip.financing
    risk = _initial_risk(trip, orders)
    return Trade(
        id=name,
        symbol=trip.symbol,
        quantity=trip.side * int(entry.shares),
        entry_time=legs[0].fill.time,
        exit_time=None if trip.held else trip.ended,
        entry_price=entry.price,
        exit_price=None if trip.held else exit_.price,
        fees=trip.fees,
        costs=trip.costs,
        financing=trip.financing,
        dividends=trip.dividends,
        pnl=pnl,
        return_on_entry=pnl / (entry.value * trip.multiplier),
        r_multiple=pnl / risk if risk else None,
        stop_distance=(first.stop_distance or None) if first else None,
        bars_held=len(stretch) - 1 if stretch else None,
        held=until - legs[0].fill.time,
        mae=worst,
        mfe=best,
        entry_reason=first.reason if first else "",
        exit_reason=_exit_reason(trip, last),
        order_ids=tuple(dict.fromkeys(leg.fill.order_id for leg in legs)),
    )


def _exit_reason(trip: _RoundTrip, last: Order | None) -> str:
    if trip.held:
        return ""
    match trip.history[-1]:
        case SplitApplied():
            return "paid out by a split"
        case HoldingDelisted(price=price):
            return f"delisted at {price / MICROS_PER_DOLLAR:g} a share"
    return last.reason if last else ""


def _worth(trip: _RoundTrip, stretch: Bars | None) -> Micros:
    """What is still held at the last close, or at the last fill where there are no bars."""
    last = micros(float(stretch.close[-1])) if stretch else trip.legs[-1].fill.price
    return trip.held * last


def _initial_risk(trip: _RoundTrip, orders: Mapping[OrderId, Order]) -> Micros:
    """Micro-dollars between the entries and their stops; 0 if any entry had none."""
    entries = [leg for leg in trip.legs if leg.quantity * trip.side > 0]
    found = [orders.get(leg.fill.order_id) for leg in entries]
    risks = [
        abs(leg.quantity) * order.stop_distance if order else 0
        for leg, order in zip(entries, found, strict=True)
    ]
    return sum(risks) * trip.multiplier if all(risks) else 0


def _stretch(trip: _RoundTrip, bars: Bars) -> Bars:
    """The bars from the entry's to the exit's, or to the last one."""
    legs = trip.legs
    first = int(bars.start.searchsorted(legs[0].fill.bar_start, "right")) - 1
    if trip.held:
        after = len(bars)
    elif not isinstance(trip.history[-1], _Leg):  # gone before that day's bar began
        after = int(bars.start.searchsorted(trip.ended, "left"))
    else:
        after = int(bars.start.searchsorted(legs[-1].fill.bar_start, "right"))
    first = max(first, 0)
    return bars[first : max(after, first + 1)]


def _excursions(
    trip: _RoundTrip, entry_price: float, last: Order | None, stretch: Bars
) -> tuple[float, float]:
    """Worst and best mark between fill and exit, as fractions of the average entry price.

    Assumption: a trade entered in steps is measured against its final average price throughout.
    """
    worst, best = stretch.low.copy(), stretch.high.copy()
    if trip.side < 0:
        worst, best = best, worst
    if not trip.legs[0].is_at_open:
        # Which part of the fill bar came after the fill is unknown; its close surely did.
        worst[0] = best[0] = stretch.close[0]
    if not trip.held and isinstance(trip.history[-1], _Leg):
        _cut_after_exit(worst, best, trip, last, stretch)
    scale = _to_new_shares(trip, stretch) * MICROS_PER_DOLLAR / entry_price
    return (
        min(0.0, float(np.min(trip.side * (worst * scale - 1)))),
        max(0.0, float(np.max(trip.side * (best * scale - 1)))),
    )


def _cut_after_exit(
    worst: FloatArray, best: FloatArray, trip: _RoundTrip, last: Order | None, stretch: Bars
) -> None:
    """Take from the exit bar's marks what can only have come after the exit.

    A limit leaves at the first touch, so nothing better was seen before it; a stop likewise, so
    nothing worse.
    Assumption: otherwise the whole exit bar was seen, unless the exit was at its open.
    """
    fill = trip.legs[-1].fill
    left_at = fill.reference / MICROS_PER_DOLLAR
    if trip.legs[-1].is_at_open:
        worst[-1] = best[-1] = stretch.open[-1]
    elif len(stretch) == 1 and not trip.legs[0].is_at_open:
        worst[-1] = best[-1] = left_at
    elif last and last.kind is OrderKind.LIMIT:
        best[-1] = left_at
    elif last and last.kind in {OrderKind.STOP, OrderKind.TRAILING_STOP}:
        worst[-1] = left_at


def _to_new_shares(trip: _RoundTrip, stretch: Bars) -> FloatArray | float:
    """What makes each bar's prices those of the shares as the trade counts them."""
    splits = trip.splits
    if not splits:
        return 1.0
    factor = np.ones(len(stretch))
    for split in splits:
        if split.after:
            factor[stretch.start < split.time] /= float(split.ratio)
    return factor
