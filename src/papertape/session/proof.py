"""Proof: the bench lives through a session's day from its journal, and must do what paper did.

What it is shown is the day as it is known in the evening: bars that came late stand where they
belong, corrected ones as they were corrected, missed ones as if they had been there. Without a
fault the two are equal; each difference is named, with the cause that the journal knows of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from papertape.domain.clock import Nanos
from papertape.domain.day import (
    BarAmended,
    DayOpened,
    FeedLost,
    FeedRestored,
    Line,
    MomentSeen,
    Restrained,
    SessionResumed,
    StrategyFailed,
)
from papertape.domain.day_state import DayState
from papertape.domain.errors import DataError
from papertape.domain.event import Moment, NoJournal, OrderRefused
from papertape.domain.instrument import Instrument
from papertape.domain.lifecycle import OrderState, OrderStatus
from papertape.domain.market import Bar
from papertape.domain.money import Micros
from papertape.domain.restraint import Cause
from papertape.domain.statement import carried_over
from papertape.domain.terms import account_terms
from papertape.engines.flowroute.adapters.paper import PaperBroker
from papertape.engines.flowroute.core import FlowRoute
from papertape.engines.pipeline import TradingPipeline
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.riskguard import RiskGuard
from papertape.session.assembly import desk, exchange
from papertape.session.closing import FLATTENING
from papertape.session.isolation import Isolated
from papertape.session.session import SESSION_ENDS
from papertape.strategies.strategy import Strategy


class Reason(StrEnum):
    """Why paper and bench may differ."""

    LATE_DATA = "late data"
    DIFFERENT_BAR = "different bar"
    FILL_RULE = "fill rule"
    CLOCK = "clock"
    RESTART = "restart"
    RISK_VETO = "risk veto"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One order or figure on which paper and bench differ."""

    time: Nanos
    item: str
    paper: str
    bench: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Proof:
    """What the comparison found.

    Attributes:
        orders: Orders that paper sent.
        mismatches: In the order of time.
        cash: What paper's cash is above the bench's, micro-dollars.
    """

    orders: int
    mismatches: tuple[Mismatch, ...]
    cash: Micros

    @property
    def is_equal(self) -> bool:
        """Whether paper did what the bench says it should have done."""
        return not self.mismatches and not self.cash


class Benched(NamedTuple):
    """What the bench made of the day."""

    orders: Mapping[str, OrderState]
    cash: Micros
    holdings: Mapping[str, int]


def prove(
    lines: Sequence[Line],
    strategy: Strategy,
    instruments: Mapping[str, Instrument],
    config: SimulationConfig,
    guard: RiskGuard,
) -> Proof:
    """Compare a session's day with the bench's run over the same market.

    Args:
        lines: The whole journal of the day.
        strategy: The same, made anew.
        instruments: What was traded.
        config: The session's settings.
        guard: With the session's limits, and no restraint.

    Raises:
        DataError: If the journal holds no day.
    """
    if not lines or not isinstance(lines[0], DayOpened):
        raise DataError("the journal does not begin with a day")
    paper = DayState.of(lines)
    isolated = Isolated(desk(strategy, instruments, config))
    benched = _benched(lines[0], film(lines), isolated, _failure(lines), instruments, config, guard)
    causes = _Causes(lines)
    found = [*_orders(paper, benched, causes), *_holdings(paper, benched, causes)]
    return Proof(
        orders=len(paper.orders),
        mismatches=tuple(sorted(found, key=lambda each: each.time)),
        cash=paper.account.cash - benched.cash,
    )


class Film(NamedTuple):
    """The market of a day: what was history when it began, and what was to be traded on."""

    history: list[Moment]
    traded: list[Moment]


def film(lines: Iterable[Line]) -> Film:
    """The day as it is known in the evening."""
    seen = [line for line in lines if isinstance(line, MomentSeen | BarAmended)]
    shown = [line for line in seen if isinstance(line, MomentSeen)]
    first = next((line.moment.time for line in shown if not line.is_history), None)
    amended = {
        (line.bar.symbol, line.bar.start): line.bar for line in seen if isinstance(line, BarAmended)
    }
    by_time = {line.moment.time: line.moment for line in shown}
    for bar in amended.values():
        by_time[bar.end] = _with(by_time.get(bar.end, Moment(bar.end, ())), bar)
    moments = [by_time[time] for time in sorted(by_time)]
    if first is None:
        return Film(moments, [])
    history = [each for each in moments if each.time < first]
    return Film(history, [each for each in moments if each.time >= first])


def _with(moment: Moment, bar: Bar) -> Moment:
    bars = {each.symbol: each for each in moment.bars} | {bar.symbol: bar}
    return replace(moment, bars=tuple(bars[symbol] for symbol in sorted(bars)))


class _Failure(NamedTuple):
    """The moment that a strategy did not survive, and what it did."""

    moment: Nanos
    reason: str


def _failure(lines: Iterable[Line]) -> _Failure | None:
    """How the strategy failed, if it did; one that hung is not to be asked again, here neither."""
    asked: Nanos = 0
    for line in lines:
        match line:
            case MomentSeen(moment=moment, is_history=False):
                asked = moment.time
            case StrategyFailed(reason=reason):
                return _Failure(asked, reason)
    return None


class _Recalling(PaperBroker):
    """The simulated account of the bench: what was before its day is seen, and books nothing."""

    is_recalling = True

    def collect(self, moment: Moment) -> None:
        if self.is_recalling:
            self.remember(moment)
        else:
            super().collect(moment)


def _benched(
    opened: DayOpened,
    market: Film,
    isolated: Isolated,
    failure: _Failure | None,
    instruments: Mapping[str, Instrument],
    config: SimulationConfig,
    guard: RiskGuard,
) -> Benched:
    """A fresh pipeline on a fresh exchange, from the statement that the day began with."""
    broker = exchange(instruments, config, kind=_Recalling)
    broker.carry_over(opened)
    account = carried_over(opened.cash, opened.holdings, opened.coming)
    pipeline = TradingPipeline(
        isolated,
        guard,
        FlowRoute(broker),
        account,
        account_terms(config.account),
        instruments,
    )
    guard.note(opened)
    for moment in market.history:
        pipeline.warm(moment)
    broker.is_recalling = False
    for moment in market.traded:
        if failure is not None and moment.time >= failure.moment:
            isolated.fail(failure.reason)
        pipeline.step(moment, NoJournal())
    pipeline.finish()
    held = {symbol: each.quantity for symbol, each in pipeline.account.positions.items()}
    return Benched(pipeline.orders, pipeline.account.cash, held)


def _orders(paper: DayState, bench: Benched, causes: _Causes) -> list[Mismatch]:
    """Order by order, by what they ask for and when; ids shift after the first difference."""
    ours = _by_content(state for state in paper.orders.values() if not _is_sessions_own(state))
    theirs = _by_content(bench.orders.values())
    found: list[Mismatch] = []
    for content in sorted(ours.keys() | theirs.keys(), key=lambda each: (each[0], each[1:3])):
        one, other = ours.get(content), theirs.get(content)
        time, symbol = content[0], content[1]
        item = f"order {(one or other).order.id} {symbol}"  # type: ignore[union-attr]
        if one is None or other is None:
            reason = causes.of(time, symbol, is_missing=one is None)
            found.append(Mismatch(time, item, _words(one), _words(other), reason))
        elif _outcome(one) != _outcome(other):
            reason = causes.of(time, symbol, until=True)
            reason = Reason.FILL_RULE if reason is Reason.UNEXPLAINED else reason
            found.append(Mismatch(time, item, _words(one), _words(other), reason))
    return found


_Content = tuple[Nanos, str, str, int, int, int, int]


def _by_content(states: Iterable[OrderState]) -> dict[_Content, OrderState]:
    found: dict[_Content, OrderState] = {}
    for state in states:
        order = state.order
        terms = (order.time, order.symbol, order.kind.value, order.quantity)
        prices = order.limit or 0, order.stop or 0
        twin = 0
        while (content := (*terms, *prices, twin)) in found:
            twin += 1
        found[content] = state
    return found


def _is_sessions_own(state: OrderState) -> bool:
    """Whether no strategy asked for it: what closed holdings on somebody's word."""
    return state.order.reason == FLATTENING


def _outcome(state: OrderState) -> tuple[int, Micros, str]:
    """What became of it; an order that still works in the evening is ended by the session."""
    status = state.status
    if status is OrderStatus.CANCELED and state.note == SESSION_ENDS:
        status = OrderStatus.NEW if not state.filled else OrderStatus.PARTIALLY_FILLED
    return state.filled, state.paid, status.value


def _words(state: OrderState | None) -> str:
    if state is None:
        return "none"
    order = state.order
    filled = f", {state.filled:+,} at {state.average_price / 1e6:,.4f}" if state.filled else ""
    return f"{order.quantity:+,} {order.kind.value} {state.status.value}{filled}"


def _holdings(paper: DayState, bench: Benched, causes: _Causes) -> list[Mismatch]:
    held = {symbol: each.quantity for symbol, each in paper.account.positions.items()}
    return [
        Mismatch(
            paper.seen_until,
            f"position {symbol}",
            f"{held.get(symbol, 0):,}",
            f"{bench.holdings.get(symbol, 0):,}",
            causes.of(paper.seen_until, symbol, until=True),
        )
        for symbol in sorted(held.keys() | bench.holdings.keys())
        if held.get(symbol, 0) != bench.holdings.get(symbol, 0)
    ]


class _Causes:
    """What the journal knows that could make paper differ, by when it could have."""

    def __init__(self, lines: Sequence[Line]):
        self._vetoes: set[tuple[Nanos, str]] = set()
        self._marks: list[tuple[Nanos, Reason]] = []
        is_restarted = has_traded = False
        for line in lines:
            match line:
                case OrderRefused(time=time, refused=refused):
                    self._vetoes.add((time, refused.order.symbol))
                case SessionResumed(time=time):
                    is_restarted = True
                    self._marks.append((time, Reason.RESTART))
                case MomentSeen(moment=moment, is_history=False):
                    has_traded = True
                    is_restarted = False if moment.bars else is_restarted
                case MomentSeen(moment=moment, is_history=True) if has_traded:
                    reason = Reason.RESTART if is_restarted else Reason.LATE_DATA
                    self._marks.append((moment.time, reason))
                case BarAmended(bar=bar, revision=revision):
                    reason = Reason.DIFFERENT_BAR if revision else Reason.LATE_DATA
                    self._marks.append((bar.end, reason))
                case FeedLost(time=time) | FeedRestored(time=time):
                    self._marks.append((time, Reason.LATE_DATA))
                case Restrained(restraint=each) if each.cause not in _HARMLESS:
                    reason = Reason.CLOCK if each.cause is Cause.CLOCK else Reason.RISK_VETO
                    self._marks.append((each.since, reason))
        self._marks.sort()

    def of(
        self, time: Nanos, symbol: str, *, is_missing: bool = False, until: bool = False
    ) -> Reason:
        """The latest thing up to a moment that explains a difference at it.

        Args:
            time: When the order was decided.
            symbol: Of what.
            is_missing: Whether paper has no such order: then a veto explains it.
            until: Whether what came later may explain it, too: an outcome has the rest of the day.
        """
        if is_missing and (time, symbol) in self._vetoes:
            return Reason.RISK_VETO
        known = [reason for at, reason in self._marks if at <= time]
        if known:
            return known[-1]
        if until and self._marks:
            return self._marks[0][1]
        return Reason.UNEXPLAINED


_HARMLESS = frozenset({Cause.UNRECONCILED})


def explained_in(mismatches: Iterable[Mismatch]) -> str:
    """The causes of differences, each with how often, in a phrase."""
    counts: dict[str, int] = {}
    for each in mismatches:
        counts[each.reason] = counts.get(each.reason, 0) + 1
    return ", ".join(f"{reason} {count}" for reason, count in counts.items())
