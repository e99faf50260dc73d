"""Board: a session's status, drawn from its state and from the lines as they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from papertape.domain.calendar import Calendar
from papertape.domain.clock import MINUTE, Nanos, rfc3339, utc
from papertape.domain.day import BarAmended, DayOpened, FeedLost, Line, MomentSeen, Reconciled
from papertape.domain.day_state import DayState
from papertape.domain.event import Decided, OrderApproved, OrderFilled, OrderRefused
from papertape.domain.lifecycle import OrderState
from papertape.domain.money import Micros, dollars, micros
from papertape.domain.restraint import Cause, TradingState
from papertape.monitoring.status import (
    Figure,
    Health,
    Held,
    LimitUse,
    Restrains,
    Sent,
    Status,
)


@dataclass(frozen=True, slots=True)
class Plate:
    """What stands on a session's door: it does not change over the day.

    Attributes:
        session, strategy, account, feed: As they were asked for.
        title: ``PAPER``, ``PAPER REPLAY``, with ``SAMPLE`` or ``SYNTHETIC``.
        code, settings: Short hashes.
        day: The exchange's date, as text.
        opens, closes: Of the exchange.
        length: Of a bar; a day's for daily ones.
        symbols: What is traded.
    """

    session: str
    title: str
    strategy: str
    account: str
    feed: str
    code: str
    settings: str
    day: str
    opens: Nanos
    closes: Nanos
    length: Nanos
    symbols: tuple[str, ...]


class Board:
    """Counts what the state does not keep, and marks holdings at the last prices seen.

    Args:
        plate: Whose status it is.
        state: The session's, folded by the session itself.
        calendar: For the exchange's wall time.
    """

    def __init__(self, plate: Plate, state: DayState, calendar: Calendar):
        self._plate, self._state, self._calendar = plate, state, calendar
        self._last: dict[str, tuple[Micros, Nanos]] = {}
        self._decided: dict[str, float] = {}
        self._client_ids: dict[str, str] = {}
        self._prices_at: dict[tuple[str, Nanos], float] = {}
        self._seen = self._late = self._outages = self._refused = 0
        self._costs: Micros = 0
        self._opening: Micros | None = None
        self._highest: Micros | None = None
        self._heard: Nanos = 0
        self._begun: Nanos = 0
        self._reconciled = Figure(None)

    def take(self, lines: Sequence[Line]) -> None:
        """Note new lines."""
        for line in lines:
            self._take(line)
        equity = self._equity()
        if equity is not None:
            self._opening = equity if self._opening is None else self._opening
            self._highest = equity if self._highest is None else max(self._highest, equity)

    def _take(self, line: Line) -> None:  # noqa: C901 - one case a record
        match line:
            case DayOpened(time=time) if self._plate.feed.startswith("live"):
                self._begun = time  # a replay has all of its day before it
            case MomentSeen(moment=moment):
                since = max(self._plate.opens, self._begun)
                within = since < moment.time <= self._plate.closes
                self._seen += len(moment.bars) if within else 0
                for bar in moment.bars:
                    self._last[bar.symbol] = micros(bar.close), bar.end
            case BarAmended():
                self._late += 1
            case FeedLost():
                self._outages += 1
            case Reconciled(time=time, differences=differences):
                still = sum(not each.decision for each in differences)
                self._heard, self._reconciled = time, Figure(float(still), time)
            case Decided(time=time, signal=signal):
                self._prices_at[signal.symbol, time] = signal.price
            case OrderApproved(time=time, approved=approved, client_id=client_id):
                order = approved.order
                self._client_ids[order.id] = client_id
                last = self._last.get(order.symbol)
                known = self._prices_at.get((order.symbol, time))
                self._decided[order.id] = known or (dollars(last[0]) if last else 0.0)
            case OrderRefused():
                self._refused += 1
            case OrderFilled(time=time, fill=fill):
                self._heard = max(self._heard, time)
                self._costs += fill.cost

    def _equity(self) -> Micros | None:
        """None until every holding has a price."""
        account = self._state.account
        if any(symbol not in self._last for symbol in account.positions):
            return None
        return account.equity({symbol: price for symbol, (price, _) in self._last.items()})

    def status(
        self, now: Nanos, published: Nanos, pid: int, limits: Sequence[LimitUse] = (), lost: int = 0
    ) -> Status:
        """The status at a moment.

        Args:
            now: The session's time.
            published: This machine's time.
            pid: The process.
            limits: How much of each limit is used.
            lost: Lines that could not be published.
        """
        plate, state = self._plate, self._state
        equity, opening = self._equity(), self._opening
        highest = self._highest or 0
        strictest = state.restraints.strictest
        orders = [self._sent(each) for each in state.orders.values()]
        held = self._held(equity)
        newest = max((at for _, at in self._last.values()), default=0)
        gross = sum(abs(each.quantity) * (each.last.value or 0.0) for each in held)
        return Status(
            session=plate.session,
            title=plate.title,
            strategy=plate.strategy,
            account=plate.account,
            feed=plate.feed,
            code=plate.code,
            settings=plate.settings,
            pid=pid,
            published=published,
            now=now,
            state=self._word(),
            why=f"{strictest.cause}: {strictest.reason}" if strictest else "",
            day=plate.day,
            opens=plate.opens,
            closes=plate.closes,
            market=Figure(None, newest),
            broker=Figure(None, self._heard),
            equity=Figure(None if equity is None else dollars(equity), newest),
            cash=dollars(state.account.cash),
            day_pnl=0.0 if equity is None or opening is None else dollars(equity - opening),
            open_pnl=sum(each.open_pnl for each in held),
            drawdown=0.0 if equity is None or not highest else equity / highest - 1,
            exposure=gross / dollars(equity) if equity else 0.0,
            costs=dollars(self._costs),
            orders=len(orders),
            refused=self._refused,
            filled=sum(order.state == "filled" for order in orders),
            working=sum(order.is_open for order in orders),
            restraints=[
                Restrains(
                    str(each.cause), str(each.state), each.reason, rfc3339(each.since), each.by
                )
                for each in state.restraints.in_force
            ],
            held=held,
            sent=orders,
            limits=list(limits),
            health=Health(
                bars_seen=self._seen,
                bars_due=self._due(now),
                outages=self._outages,
                troubles=[f"{part}: {reason}" for part, reason in state.troubles.items()],
                late_bars=self._late,
                unknown=len(state.unanswered),
                reconciled=self._reconciled,
                events=state.lines,
                lost=lost,
                memory_mb=memory_mb(),
            ),
        )

    def _word(self) -> str:
        state = self._state
        if state.closed is not None:
            return "CLOSED"
        if state.opened is None:
            return "STARTING"
        others = state.restraints.without(Cause.UNRECONCILED).state
        if Cause.UNRECONCILED in state.restraints and others is TradingState.ACTIVE:
            return "RECONCILING"
        return str(state.restraints.state)

    def _due(self, now: Nanos) -> int:
        plate = self._plate
        if plate.length > plate.closes - plate.opens or not plate.length:
            return self._seen  # daily bars: one a day, whenever it comes
        passed = min(now, plate.closes) - plate.opens
        missed = max(0, self._begun - plate.opens) // plate.length  # before anybody looked
        return max(0, passed // plate.length - missed) * len(plate.symbols)

    def _held(self, equity: Micros | None) -> list[Held]:
        found: list[Held] = []
        for symbol, position in sorted(self._state.account.positions.items()):
            price, at = self._last.get(symbol, (0, 0))
            value = position.quantity * price * position.multiplier
            found.append(
                Held(
                    symbol,
                    position.quantity,
                    position.average_price / 1e6,
                    Figure(dollars(price) if at else None, at),
                    dollars(value - position.cost) if at else 0.0,
                    value / equity if equity else 0.0,
                )
            )
        return found

    def _sent(self, state: OrderState) -> Sent:
        order = state.order
        worse = None
        decided = self._decided.get(order.id)
        average = state.average_price / 1e6 if state.filled else None
        if decided and average is not None:
            worse = order.side * (average / decided - 1) * 10_000
        local = utc(order.time).astimezone(self._calendar.zone)
        return Sent(
            time=local.strftime("%H:%M:%S" if self._plate.length <= MINUTE * 60 else "%Y-%m-%d"),
            id=order.id,
            side="buy" if order.quantity > 0 else "sell",
            quantity=order.quantity,
            symbol=order.symbol,
            type=order.kind.value,
            state=state.status.value,
            filled=state.filled,
            average_price=average,
            against_decision_bp=worse,
            reason=order.reason,
            is_open=state.is_working,
            client_id=self._client_ids.get(order.id, ""),
        )


def memory_mb() -> float:
    """Peak resident memory of this process in MB; 0 where the system does not tell."""
    try:
        import resource  # noqa: PLC0415 - not everywhere
    except ImportError:
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
