"""RiskTally: what the controls count, as a fold over the lines of a journal.

Nothing else remembers a count, so a restart that reads its journal again goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from math import isnan
from typing import Any, TypeAlias, get_args

from papertape.domain.account import Account
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import SECOND, Nanos
from papertape.domain.day import (
    Commanded,
    DayOpened,
    Line,
    MomentSeen,
    Reconciled,
    Released,
    Restrained,
)
from papertape.domain.day_state import DayState
from papertape.domain.event import (
    FillBusted,
    FillCorrected,
    LedgerEvent,
    Moment,
    OrderApproved,
    OrderFilled,
    OrderRefused,
    OrderRejected,
    ReplaceApproved,
)
from papertape.domain.fill import Fill
from papertape.domain.market import Bar, Renaming, Trade, TradingStatus
from papertape.domain.money import Micros, micros
from papertape.domain.order import Order
from papertape.domain.restraint import Cause
from papertape.domain.verdict import Approved
from papertape.engines.riskguard.limits import RiskLimits

WHOLE_LIMIT = 10_000
"""A limit used up, in hundredths of a percent."""

THROTTLE_WINDOW: Nanos = 60 * SECOND
_THROTTLES = frozenset({"R13", "R14"})

Content: TypeAlias = tuple[object, ...]


def content_of(order: Order) -> Content:
    """What makes two orders the same wish (risk-R16)."""
    return (order.symbol, order.quantity, order.kind, order.limit, order.stop)


def part(value: int, limit: int | Fraction) -> int:
    """How much of a limit a value is, in hundredths of a percent; never below 0."""
    return max(0, int(WHOLE_LIMIT * value // limit))


@dataclass(frozen=True)
class RiskTally:
    """The counts of one account and one strategy.

    Attributes:
        limits: What is counted towards; how long something is remembered depends on it.
        account: Cash and holdings.
        prices: The last price of each symbol, micro-dollars.
        volumes: Symbol -> volumes of its last bars, oldest first; what is unknown is left out.
        halted: Symbols in which the exchange has halted trading.
        day: The exchange's date.
        opened: Equity that the day began with; None until all holdings have a price.
        peak: The highest equity so far, days before included.
        orders: Orders and changes that were approved today.
        debt: What the token bucket lacks to be full, in nanoseconds of one order a second.
        debt_at: When that was.
        recent: Content of the orders that were approved within the window, each with its time.
        bought, sold: Value executed today, micro-dollars.
        throttled: When orders were refused for their rate, within the last minute.
        rejects: When the broker rejected orders, within the window.
        cycles: Symbol -> entries and exits since its last bar.
        reconciled: When the broker's books were last compared with ours.
        used: Control -> the most that its limit was used, in hundredths of a percent.
        vetoes: Control -> orders that it refused.
        restrained: Every restraint that came into force.
        released: Every one that ended, and who ended it.
    """

    limits: RiskLimits
    account: Account = field(default_factory=Account)
    prices: Mapping[str, Micros] = field(default_factory=dict)
    volumes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    halted: frozenset[str] = frozenset()
    day: date | None = None
    opened: Micros | None = None
    peak: Micros = 0
    orders: int = 0
    debt: int = 0
    debt_at: Nanos = 0
    recent: tuple[tuple[Nanos, Content], ...] = ()
    bought: Micros = 0
    sold: Micros = 0
    throttled: tuple[Nanos, ...] = ()
    rejects: tuple[Nanos, ...] = ()
    cycles: Mapping[str, int] = field(default_factory=dict)
    reconciled: Nanos = 0
    used: Mapping[str, int] = field(default_factory=dict)
    vetoes: Mapping[str, int] = field(default_factory=dict)
    restrained: tuple[Restrained, ...] = ()
    released: tuple[Released, ...] = ()

    @classmethod
    def of(cls, limits: RiskLimits, lines: Iterable[Line]) -> RiskTally:
        """The counts after a session's lines; reports without effect count for nothing."""
        state, tally = DayState(), cls(limits)
        for line in lines:
            counts = state.fold(line)
            if isinstance(line, DayOpened):
                tally = cls(limits, state.account).after(line)
            elif counts:
                tally = tally.after(line)
        return tally

    def after(self, line: Line) -> RiskTally:
        """The counts once a line was written; the very same ones where it counts for nothing."""
        step = _STEPS.get(type(line))
        return self if step is None else step(self, line)

    @property
    def equity(self) -> Micros | None:
        """Cash and holdings at the last prices; None where a holding has no price."""
        if any(symbol not in self.prices for symbol in self.account.positions):
            return None
        return self.account.equity(self.prices)

    @property
    def loss(self) -> Micros:
        """By how much equity lies below what the day began with; 0 where it does not."""
        equity, opened = self.equity, self.opened
        return 0 if equity is None or opened is None else max(0, opened - equity)

    @property
    def drawdown(self) -> Micros:
        """By how much equity lies below its peak."""
        equity = self.equity
        return 0 if equity is None else max(0, self.peak - equity)

    def debt_now(self, now: Nanos) -> int:
        """What the bucket lacks at a moment; a clock that goes back fills nothing."""
        rate = self.limits.order_rate
        drained = max(0, now - self.debt_at) * rate if isinstance(rate, int) else self.debt
        return max(0, self.debt - drained)

    def median_volume(self, symbol: str) -> Fraction | None:
        """The median volume of the symbol's last bars; None where none is known."""
        volumes = sorted(self.volumes.get(symbol, ()))
        if not volumes:
            return None
        middle = len(volumes) // 2
        return Fraction(volumes[middle] + volumes[-1 - middle], 2)

    def noted(self, rule: str, used: int) -> Mapping[str, int]:
        """The highest use of each limit, with what it is now of one of them."""
        return self.used if used <= self.used.get(rule, 0) else {**self.used, rule: used}


def _with(tally: RiskTally, **changes: Any) -> RiskTally:
    """The tally with other values; `dataclasses.replace` takes as long as reading a line does."""
    after = object.__new__(RiskTally)
    after.__dict__.update(tally.__dict__)
    after.__dict__.update(changes)
    return after


def _opened(tally: RiskTally, line: DayOpened) -> RiskTally:
    """The peak of the days before is the first there is: a night heals no drawdown."""
    return _with(tally, peak=max(tally.peak, line.peak))


def _moment(tally: RiskTally, line: MomentSeen) -> RiskTally:
    """The market moved: the equity before it is marked, then its prices are the last ones."""
    marked = _marked(tally, line.time)
    prices, halted = _last_prices(marked, line.moment)
    new = {bar.symbol for bar in line.moment.bars}
    return _with(
        marked,
        prices=prices,
        halted=halted,
        volumes=_last_volumes(marked, line.moment.bars),
        cycles={symbol: many for symbol, many in marked.cycles.items() if symbol not in new},
    )


def _marked(tally: RiskTally, now: Nanos) -> RiskTally:
    """The tally once the equity of the prices before is taken down."""
    # Assumption: one exchange's sessions make the days of everything that is traded.
    day, equity = calendar_of("XNYS").local_day(now), tally.equity
    peak = tally.peak if equity is None else max(tally.peak, equity)
    tally = _losses(tally)
    if day == tally.day:
        return _with(tally, peak=peak, opened=equity if tally.opened is None else tally.opened)
    return _with(tally, day=day, peak=peak, opened=equity, orders=0, bought=0, sold=0, cycles={})


def _losses(tally: RiskTally) -> RiskTally:
    """The tally with what is used up of the loss limits."""
    for rule, loss, most, whole in (
        ("R21", tally.loss, tally.limits.max_daily_loss, tally.opened),
        ("R22", tally.drawdown, tally.limits.max_drawdown, tally.peak),
    ):
        if loss and whole and isinstance(most, Fraction):
            tally = _with(tally, used=tally.noted(rule, part(loss, most * whole)))
    return tally


def _last_prices(tally: RiskTally, moment: Moment) -> tuple[dict[str, Micros], frozenset[str]]:
    prices, halted = dict(tally.prices), set(tally.halted)
    for action in moment.actions:
        if isinstance(action, Renaming) and action.symbol in prices:
            prices[action.new_symbol] = prices[action.symbol]
    for tick in moment.ticks:
        if isinstance(tick, Trade):
            prices[tick.symbol] = micros(tick.price)
        elif isinstance(tick, TradingStatus):
            (halted.add if tick.is_halted else halted.discard)(tick.symbol)
    for bar in moment.bars:
        prices[bar.symbol] = micros(bar.close)
    return prices, frozenset(halted)


def _last_volumes(tally: RiskTally, bars: tuple[Bar, ...]) -> Mapping[str, tuple[int, ...]]:
    many = tally.limits.participation_bars
    known = {bar.symbol: int(bar.volume) for bar in bars if not isnan(bar.volume)}
    if not (isinstance(many, int) and known):
        return tally.volumes
    volumes = dict(tally.volumes)
    for symbol, volume in known.items():
        volumes[symbol] = (*volumes.get(symbol, ()), volume)[-many:]
    return volumes


def _order(tally: RiskTally, line: OrderApproved) -> RiskTally:
    order = line.approved.order
    return _with(_sent(tally, line.time, line.approved), recent=_recent(tally, line.time, order))


def _change(tally: RiskTally, line: ReplaceApproved) -> RiskTally:
    return _sent(tally, line.time, line.approved)


def _sent(tally: RiskTally, now: Nanos, approved: Approved) -> RiskTally:
    """One more order or change on its way, and how near it came to its limits."""
    limits, orders, used = tally.limits, tally.orders + 1, tally.used
    for check in approved.checks:
        if check.used > used.get(check.rule, 0):
            used = {**used, check.rule: check.used}
    counted = _with(tally, orders=orders, used=used)
    if isinstance(limits.max_orders, int):
        used = counted.noted("R14", part(orders, limits.max_orders))
        counted = _with(counted, used=used)
    if isinstance(limits.order_rate, int) and isinstance(limits.order_burst, int):
        debt = tally.debt_now(now) + SECOND
        used = counted.noted("R13", part(debt, limits.order_burst * SECOND))
        return _with(counted, debt=debt, debt_at=max(now, tally.debt_at), used=used)
    return counted


def _recent(tally: RiskTally, now: Nanos, order: Order) -> tuple[tuple[Nanos, Content], ...]:
    window = tally.limits.duplicate_window
    if not isinstance(window, int):
        return ()
    young = (each for each in tally.recent if now - each[0] < window)
    return (*young, (now, content_of(order)))


def _refused(tally: RiskTally, line: OrderRefused) -> RiskTally:
    rule, most = line.refused.rule, tally.limits.max_throttled
    vetoes = {**tally.vetoes, rule: tally.vetoes.get(rule, 0) + 1}
    if rule not in _THROTTLES or not isinstance(most, int):
        return _with(tally, vetoes=vetoes)
    throttled = _within(THROTTLE_WINDOW, tally.throttled, line.time)[-most:]
    return _with(tally, vetoes=vetoes, throttled=throttled)


def _rejected(tally: RiskTally, line: OrderRejected) -> RiskTally:
    window, most = tally.limits.reject_window, tally.limits.max_rejects
    if not (isinstance(window, int) and isinstance(most, int)):
        return tally
    rejects = _within(window, tally.rejects, line.time)
    return _with(tally, rejects=rejects, used=tally.noted("R23", part(len(rejects), most)))


def _within(window: Nanos, times: tuple[Nanos, ...], now: Nanos) -> tuple[Nanos, ...]:
    """The times that are younger than the window, and now."""
    return (*(time for time in times if now - time < window), now)


def _fill(tally: RiskTally, line: OrderFilled) -> RiskTally:
    return _booked(_traded(tally, line.fill, 1), line)


def _bust(tally: RiskTally, line: FillBusted) -> RiskTally:
    return _booked(_traded(tally, line.fill, -1), line)


def _correction(tally: RiskTally, line: FillCorrected) -> RiskTally:
    return _booked(_traded(_traded(tally, line.fill, -1), line.instead, 1), line)


def _traded(tally: RiskTally, fill: Fill, times: int) -> RiskTally:
    if fill.quantity > 0:
        return _with(tally, bought=tally.bought + times * fill.value)
    return _with(tally, sold=tally.sold - times * fill.value)


def _booked(tally: RiskTally, line: LedgerEvent) -> RiskTally:
    account = tally.account.after(line)
    if not isinstance(line, OrderFilled):
        return _with(tally, account=account)
    symbol = line.fill.symbol
    before, after = tally.account.quantity(symbol), account.quantity(symbol)
    if before == 0 or before * after > 0:
        return _with(tally, account=account)
    cycles = {**tally.cycles, symbol: tally.cycles.get(symbol, 0) + 1}
    most = tally.limits.max_cycles
    used = part(cycles[symbol], most) if isinstance(most, int) else 0
    return _with(tally, account=account, cycles=cycles, used=tally.noted("R19", used))


def _by_hand(tally: RiskTally, line: Commanded) -> RiskTally:
    return _with(tally, cycles={})  # a human looked at it


def _compared(tally: RiskTally, line: Reconciled) -> RiskTally:
    return _with(tally, reconciled=line.time)


def _restrained(tally: RiskTally, line: Restrained) -> RiskTally:
    return _with(tally, restrained=(*tally.restrained, line))


def _released(tally: RiskTally, line: Released) -> RiskTally:
    """Whoever lifts a restraint has looked into it: what led to it does not count again."""
    tally = _with(tally, released=(*tally.released, line))
    match line.cause:
        case Cause.DAILY_LOSS:
            return _with(tally, opened=tally.equity)
        case Cause.DRAWDOWN:
            return _with(tally, peak=tally.equity or 0)
        case Cause.REJECTS:
            return _with(tally, rejects=())
        case Cause.FLOOD:
            return _with(tally, throttled=(), debt=0)
    return tally


_STEPS: Mapping[type, Callable[[RiskTally, Any], RiskTally]] = {
    DayOpened: _opened,
    MomentSeen: _moment,
    OrderApproved: _order,
    ReplaceApproved: _change,
    OrderRefused: _refused,
    OrderRejected: _rejected,
    **dict.fromkeys(get_args(LedgerEvent), _booked),
    OrderFilled: _fill,
    FillBusted: _bust,
    FillCorrected: _correction,
    Commanded: _by_hand,
    Reconciled: _compared,
    Restrained: _restrained,
    Released: _released,
}
