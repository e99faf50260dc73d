"""What must hold after every event and every recovery of a session, whatever went wrong before.

The numbers are those of the list of invariants in the reliability specification; each check is a
law that stands outside of the code under test: conservation, uniqueness, or another way to count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from papertape.domain.account import CASH, USD
from papertape.domain.books import EXTERNAL
from papertape.domain.day import Commanded, DayOpened, Line, Released, Verb
from papertape.domain.day_state import DayState
from papertape.domain.event import (
    FillBusted,
    FillCorrected,
    OrderApproved,
    OrderFilled,
)
from papertape.domain.restraint import Cause, TradingState
from papertape.engines.flowroute.adapters.sim_account import SimAccount
from papertape.session.session import PaperSession


def check(session: PaperSession, account: SimAccount, lines: Sequence[Line]) -> None:
    """All of them, for a session that has just recorded its last line."""
    the_fold_is_the_state(session, lines)
    the_ledger_balances(session.state)
    fills_are_unique(lines)
    quantities_add_up(session.state)
    no_order_passes_under_a_halt(lines)
    a_kill_stays(lines)
    each_order_reached_the_broker_once(account, lines)


def the_fold_is_the_state(session: PaperSession, lines: Sequence[Line]) -> None:
    """(1) and (12): folding all lines anew, twice, gives the state that the session has."""
    for _ in range(2):
        anew = DayState.of(lines)
        assert anew == session.state
    assert session.state.orders == session.pipeline.orders
    assert session.state.account == session.pipeline.account


def the_ledger_balances(state: DayState) -> None:
    """(2): the pockets of each asset sum to zero."""
    totals: Counter[str] = Counter()
    for (_, asset), amount in state.account.balances.items():
        totals[asset] += amount
    assert not any(totals.values()), totals


def the_broker_agrees(session: PaperSession, account: SimAccount) -> None:
    """(3): cash to the micro-dollar, shares exactly, and the working orders."""
    statement = account.statement()
    assert session.state.account.cash == statement.cash
    held = {symbol: each.quantity for symbol, each in session.state.account.positions.items()}
    assert held == {each.symbol: each.quantity for each in statement.holdings}
    working = {state.order.id: state.open for state in session.state.working}
    assert working == {state.order.id: state.open for state in statement.working}


def each_intent_ended_once(session: PaperSession) -> None:
    """(4) after the close: nothing works, nothing is unknown, every approved order has an end."""
    assert session.is_closed
    assert not session.state.working
    assert not session.state.unanswered


def each_order_reached_the_broker_once(account: SimAccount, lines: Iterable[Line]) -> None:
    """(4): the account's own log holds an order once, and none that was not recorded before."""
    log = account.log_lines()
    began = max((n for n, line in enumerate(log) if isinstance(line, DayOpened)), default=0)
    sent = Counter(
        line.approved.order.id for line in log[began:] if isinstance(line, OrderApproved)
    )
    assert all(count == 1 for count in sent.values()), sent
    asked = [line.approved.order.id for line in lines if isinstance(line, OrderApproved)]
    assert len(asked) == len(set(asked))
    assert set(sent) <= set(asked)


def quantities_add_up(state: DayState) -> None:
    """(5): filled + open + cancelled = ordered, each with the sign of the order."""
    for each in state.orders.values():
        side, gone = each.order.side, each.order.quantity - each.filled - each.open
        assert min(each.filled * side, each.open * side, gone * side) >= 0, each
        assert gone == 0 or not each.is_working, each


def fills_are_unique(lines: Iterable[Line]) -> None:
    """(6) and, by another way to count, (3): cash is the opening cash and what fills made of it."""
    seen: set[str] = set()
    state = DayState()
    for line in lines:
        before = state.account
        state.fold(line)
        if isinstance(line, OrderFilled) and line.fill.id in seen:
            assert state.account == before, f"{line.fill.id} was booked twice"
        if isinstance(line, OrderFilled):
            seen.add(line.fill.id)
        if not isinstance(line, OrderFilled | FillBusted | FillCorrected | DayOpened):
            moved = state.account.positions != before.positions
            assert not moved or type(line).__name__ in _MOVES_HOLDINGS, line
    assert (CASH, USD) in state.account.balances


_MOVES_HOLDINGS = {"SplitApplied", "SymbolChanged", "HoldingDelisted", "VariationPaid"}


def no_order_passes_under_a_halt(lines: Iterable[Line]) -> None:
    """(7): between a halt and its release nothing is approved but what closes holdings."""
    state = DayState()
    for line in lines:
        if isinstance(line, OrderApproved):
            order = line.approved.order
            assert order.reason != EXTERNAL
            if state.restraints.state is TradingState.HALTED:
                held = state.account.quantity(order.symbol)
                closes = held * order.quantity < 0 and abs(order.quantity) <= abs(held)
                assert state.restraints.flattens, line
                assert closes, line
        state.fold(line)


def a_kill_stays(lines: Iterable[Line]) -> None:
    """(8): what a kill restrains is released by a re-arming alone."""
    killed = rearmed = False
    for line in lines:
        match line:
            case Commanded(verb=Verb.KILL | Verb.FLATTEN):
                killed, rearmed = True, False
            case Commanded(verb=Verb.REARM):
                rearmed = True
            case Released(cause=Cause.KILL):
                assert (killed, rearmed) == (True, True), line
                killed = False
    assert killed == (Cause.KILL in DayState.of(lines).restraints)
