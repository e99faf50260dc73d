"""Evening: everything that is known of a session's day once it is over, from its journal alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from papertape.cli.catalogue import listed
from papertape.cli.conduct import guard_of
from papertape.cli.options import pairs
from papertape.cli.session_terms import SessionTerms, terms_of
from papertape.cli.tables import number
from papertape.cli.vitals import NEW_YORK
from papertape.cli.voice import voiced
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import MINUTE, Nanos, rfc3339
from papertape.domain.day import (
    BarAmended,
    Commanded,
    DayOpened,
    FeedLost,
    FeedRestored,
    FeedTroubled,
    Line,
    MomentSeen,
    Reconciled,
    SessionResumed,
)
from papertape.domain.day_state import DayState
from papertape.domain.event import OrderFilled, OrderRefused
from papertape.domain.money import dollars
from papertape.engines.riskguard import RiskTally
from papertape.engines.riskguard.controls import evidence
from papertape.engines.riskguard.tally import WHOLE_LIMIT
from papertape.monitoring.board import Board, Plate
from papertape.monitoring.status import Status
from papertape.session.proof import Proof, explained_in, prove


@dataclass(frozen=True, slots=True)
class Differs:
    """One item on which paper and bench differ, and the cause."""

    time: str
    item: str
    paper: str
    bench: str
    cause: str


@dataclass(frozen=True, slots=True)
class Outage:
    """A time without market data; ``to`` and ``missed`` are None if they never came back.

    ``part`` is ``data``, or what of the feed failed while data still came.
    """

    since: str
    reason: str
    to: str | None
    missed: int | None
    part: str = "data"


@dataclass(frozen=True, slots=True)
class Control:
    """A risk control's day: its limits, the most that was used of them, what it did."""

    rule: str
    name: str
    setting: str
    used: float
    vetoes: int
    restraints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody's word that changed what the session might do."""

    time: str
    verb: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Evening:
    """A session's day; text, JSON and the page all say what stands here. Money is in dollars.

    Attributes:
        session, title, strategy, account, feed, code, settings, profile: As on every screen.
        verdict, words: ``equal`` or ``different``, and a sentence on it.
        orders: Orders that were sent.
        differences: Between paper and bench.
        cash_difference_micros: What paper's cash is above the bench's.
        day: The exchange's date.
        closed: Whether it ended in order.
        running: Whether it runs, so that this is the proof so far.
        bars_seen, bars_due: Bars of the session, each once, of those that its hours hold.
        late_bars: Came or changed after their decision.
        outages: Each time without market data.
        restarts: How often the process began again.
        heartbeats: Comparisons with the broker.
        states: End state -> orders in it; they sum to all orders.
        refused: Control -> orders that it vetoed.
        fills: Executions.
        costs: Of them spread and slippage are ``slippage``.
        cash, cash_change: At the end, and over the day.
        equity, day_pnl, open_pnl: Marked at the last prices; None where a holding has none.
        peak: The highest equity so far, earlier days included; what risk-R22 counts from.
        positions: Symbol -> shares.
        broker_equal: Whether the last comparison found no difference.
        limits: Every control.
        overrides: What people asked for, with their names (risk-R30).
        restraints: What is in force.
        lines: Of the journal.
        seal: Of its last line, hexadecimal: other lines would have another; empty while it runs.
        blotter: Every order, as `papertape blotter` shows it.
    """

    session: str
    title: str
    strategy: str
    account: str
    feed: str
    code: str
    settings: str
    profile: str
    verdict: str
    words: str
    orders: int
    differences: tuple[Differs, ...]
    cash_difference_micros: int
    day: str
    closed: bool
    running: bool
    bars_seen: int
    bars_due: int
    late_bars: int
    outages: tuple[Outage, ...]
    restarts: int
    heartbeats: int
    states: dict[str, int]
    refused: dict[str, int]
    fills: int
    costs: float
    slippage: float
    cash: float
    cash_change: float
    equity: float | None
    day_pnl: float
    open_pnl: float
    peak: float
    positions: dict[str, int]
    broker_equal: bool
    limits: tuple[Control, ...]
    overrides: tuple[Override, ...]
    restraints: tuple[str, ...]
    lines: int
    seal: str
    blotter: tuple[dict[str, Any], ...]

    @property
    def is_equal(self) -> bool:
        """Whether paper did what the bench says it should have done."""
        return self.verdict == "equal"


def evening(
    lines: Sequence[Line], seal: str, proof: Proof, title: str, *, running: bool = False
) -> Evening:
    """What is known of the day.

    Args:
        lines: Of its journal.
        seal: Of the last of them.
        proof: What the comparison with the bench found.
        title: ``PAPER``, ``PAPER REPLAY``, with ``SAMPLE`` or ``SYNTHETIC`` where it is so.
        running: Whether the session runs.
    """
    opened, terms, state = opening(lines), terms_in(lines), DayState.of(lines)
    status = _status(lines, title)
    tally = RiskTally.of(guard_of(terms).limits, lines)
    reconciled = [line for line in lines if isinstance(line, Reconciled)]
    fills = [line.fill for line in lines if isinstance(line, OrderFilled)]
    return Evening(
        session=opened.session,
        title=title,
        strategy=terms.strategy,
        account=terms.account,
        feed=terms.feed,
        code=opened.code,
        settings=terms.digest,
        profile=terms.config.risk_profile,
        verdict=_verdict(proof),
        words=proof_words(proof),
        orders=proof.orders,
        differences=differences(proof),
        cash_difference_micros=proof.cash,
        day=opened.day.isoformat(),
        closed=state.closed is not None,
        running=running,
        bars_seen=_bars_seen(lines),
        bars_due=_bars_due(lines),
        late_bars=sum(isinstance(line, BarAmended) for line in lines),
        outages=_outages(lines),
        restarts=sum(isinstance(line, SessionResumed) for line in lines),
        heartbeats=len(reconciled),
        states=dict(Counter(str(each.status) for each in state.orders.values())),
        refused=dict(
            Counter(line.refused.rule for line in lines if isinstance(line, OrderRefused))
        ),
        fills=len(fills),
        costs=dollars(sum(fill.cost for fill in fills)),
        slippage=dollars(sum(fill.slippage_cost + fill.spread_cost for fill in fills)),
        cash=dollars(state.account.cash),
        cash_change=dollars(state.account.cash - opened.cash),
        equity=status.equity.value,
        day_pnl=status.day_pnl,
        open_pnl=status.open_pnl,
        peak=dollars(tally.peak),
        positions={symbol: each.quantity for symbol, each in state.account.positions.items()},
        broker_equal=bool(reconciled) and not reconciled[-1].differences,
        limits=_controls(tally, terms),
        overrides=tuple(
            Override(rfc3339(line.time), line.verb.value, line.by, line.reason)
            for line in lines
            if isinstance(line, Commanded)
        ),
        restraints=tuple(str(each.cause) for each in state.restraints.in_force),
        lines=len(lines),
        seal=seal,
        blotter=tuple(msgspec.to_builtins(status.sent)),
    )


def opening(lines: Sequence[Line]) -> DayOpened:
    """How the day began."""
    opened = lines[0]
    assert isinstance(opened, DayOpened)
    return opened


def terms_in(lines: Sequence[Line]) -> SessionTerms:
    """The terms that a journal begins with."""
    return terms_of(opening(lines).settings)


def proof_of(lines: Sequence[Line]) -> Proof:
    """The bench's run of a session's day beside what the session did."""
    terms = terms_in(lines)
    strategy = listed(terms.strategy).make(pairs("--param", terms.parameters))
    instruments = {each.symbol: each for each in terms.instruments}
    with voiced():
        return prove(lines, strategy, instruments, terms.config, guard_of(terms))


def proof_data(proof: Proof) -> dict[str, Any]:
    """The verdict for programs."""
    return {
        "verdict": _verdict(proof),
        "orders": proof.orders,
        "differences": differences(proof),
        "cash_difference_micros": proof.cash,
    }


def _verdict(proof: Proof) -> str:
    return "equal" if proof.is_equal else "different"


def proof_words(proof: Proof) -> str:
    """The verdict in a sentence."""
    if proof.is_equal:
        return (
            f"equal: the bench, from the journal, does the same {proof.orders} orders to the cent."
        )
    causes = explained_in(proof.mismatches) or "only cash"
    return (
        f"DIFFERENT: {len(proof.mismatches)} differences ({causes}), cash "
        f"{dollars(proof.cash):+,.2f} against the bench."
    )


def told(found: Evening) -> list[tuple[str, str]]:
    """The day in sentences, each under its label."""
    ended = ", ".join(f"{count} {state}" for state, count in sorted(found.states.items()))
    refused = ", ".join(f"{count} {rule}" for rule, count in sorted(found.refused.items()))
    held = ", ".join(f"{count:,} {symbol}" for symbol, count in found.positions.items())
    agrees = "equal to the broker" if found.broker_equal else "NOT EQUAL to the broker"
    words = [
        ("Proof", found.words),
        (
            "Market",
            f"bars seen {found.bars_seen}/{found.bars_due}, {found.late_bars} late or changed, "
            f"{len(found.outages)} outages, {found.restarts} restarts, {found.heartbeats} "
            "comparisons with the broker",
        ),
        *(("Outage", _outage_words(each)) for each in found.outages),
        ("Orders", f"{found.orders} sent = {ended or 'none'}; refused {refused or 'none'}"),
        (
            "Account",
            f"cash {number(found.cash)} ({found.cash_change:+,.2f} today), {held or 'no shares'}, "
            f"{agrees} to the cent",
        ),
        (
            "Result",
            f"{found.day_pnl:+,.2f} today, of it {found.open_pnl:+,.2f} still open; equity "
            f"{number(found.equity)}, its peak {number(found.peak)}",
        ),
        ("Costs", f"{number(found.costs)}, of them spread and slippage {number(found.slippage)}"),
        ("Limits", f"profile {found.profile}: {_used_words(found.limits)}"),
    ]
    words += (("Override", _override_words(each)) for each in found.overrides)
    if found.restraints:
        words.append(("Latched", ", ".join(found.restraints)))
    if found.seal:
        words.append(("Journal", f"{found.lines:,} lines, sealed {found.seal}"))
    if found.running:
        words.append(("Day", "not over: this is the proof so far"))
    elif not found.closed:
        words.append(("Day", "not ended in order: papertape resume"))
    return words


def clock_words(time: str) -> str:
    """The exchange's wall time of a moment in RFC 3339."""
    return datetime.fromisoformat(time).astimezone(NEW_YORK).strftime("%H:%M:%S")


def _outage_words(outage: Outage) -> str:
    ends = "to the end"
    if outage.to is not None:
        ends = f"back {clock_words(outage.to)}, {outage.missed} bars fetched"
    return f"{clock_words(outage.since)} {outage.part}: {outage.reason}, {ends}"


def _override_words(override: Override) -> str:
    why = f": {override.reason}" if override.reason else ""
    return f"{clock_words(override.time)} {override.by} asked for {override.verb}{why}"


def _used_words(limits: Sequence[Control]) -> str:
    used = (
        f"{each.rule} {each.name} {100 * each.used:.1f} %"
        + (f", {each.vetoes} vetoes" if each.vetoes else "")
        for each in limits
        if each.used or each.vetoes
    )
    return "; ".join(used) or "none was used"


def differences(proof: Proof) -> tuple[Differs, ...]:
    """What differs, in words."""
    return tuple(
        Differs(rfc3339(each.time), each.item, each.paper, each.bench, each.reason.value)
        for each in proof.mismatches
    )


def _status(lines: Sequence[Line], title: str) -> Status:
    """The day's last status, drawn anew: its equity, result and orders."""
    opened, terms, state = opening(lines), terms_in(lines), DayState()
    calendar = calendar_of(terms.instruments[0].venue)
    session = calendar.session(opened.day)
    board = Board(
        Plate(
            session=opened.session,
            title=title,
            strategy=terms.strategy,
            account=terms.account,
            feed=terms.feed,
            code=opened.code,
            settings=terms.digest,
            day=opened.day.isoformat(),
            opens=session.open,
            closes=session.close,
            length=(terms.config.frequency.minutes or 24 * 60) * MINUTE,
            symbols=tuple(each.symbol for each in terms.instruments),
        ),
        state,
        calendar,
    )
    for line in lines:
        state.fold(line)
        board.take([line])
    return board.status(lines[-1].time, lines[-1].time, 0)


def _controls(tally: RiskTally, terms: SessionTerms) -> tuple[Control, ...]:
    """Every control of the day: its setting, the most that was used of it, what it refused."""
    return tuple(
        Control(
            each.control.id,
            each.control.name,
            each.setting,
            each.used / WHOLE_LIMIT,
            each.vetoes,
            each.restraints,
        )
        for each in evidence(tally, terms.config.risk_profile)
    )


def _bars_seen(lines: Sequence[Line]) -> int:
    """Bars that closed in the day's session once it was open to them, each once."""
    opened, calendar, begun = opening(lines), calendar_of("XNYS"), _begun(lines)
    keys = {
        (bar.symbol, bar.start)
        for line in lines
        if isinstance(line, MomentSeen)
        for bar in line.moment.bars
        if calendar.local_day(bar.start) == opened.day and bar.end > begun
    }
    return len(keys)


def _bars_due(lines: Sequence[Line]) -> int:
    """Bars that the exchange's hours hold, after the start, for all symbols; one if daily."""
    opened, terms = opening(lines), terms_in(lines)
    minutes = terms.config.frequency.minutes
    if not minutes:
        return len(terms.instruments)
    session, length = calendar_of(terms.instruments[0].venue).session(opened.day), minutes * MINUTE
    due = -(-(session.close - session.open) // length)
    missed = max(0, _begun(lines) - session.open) // length  # before anybody looked
    return max(0, due - missed) * len(terms.instruments)


def _begun(lines: Sequence[Line]) -> Nanos:
    """When the market was first listened to; a replay has all of its day before it."""
    return 0 if terms_in(lines).is_replay else opening(lines).time


def _outages(lines: Sequence[Line]) -> tuple[Outage, ...]:
    """Each time that market data, or a part of their feed, were lost, and how it ended."""
    found: list[Outage] = []
    going: dict[str, int] = {}

    def begin(part: str, time: Nanos, reason: str) -> None:
        going[part] = len(found)
        found.append(Outage(rfc3339(time), reason, None, None, part))

    def end(part: str, time: Nanos, missed: int) -> None:
        if part in going:
            row = going.pop(part)
            found[row] = replace(found[row], to=rfc3339(time), missed=missed)

    for line in lines:
        match line:
            case FeedLost(time=time, reason=reason):
                begin("data", time, reason)
            case FeedRestored(time=time, missed=missed):
                end("data", time, missed)
            case FeedTroubled(time=time, part=part, reason=""):
                end(part, time, 0)
            case FeedTroubled(time=time, part=part, reason=reason):
                begin(part, time, reason)
    return tuple(found)
