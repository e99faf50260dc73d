"""A session's published status as lines of text, for `status` and `watch` alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from papertape.cli.tables import listing, number, painted, table
from papertape.domain.clock import SECOND, Nanos, utc
from papertape.monitoring.status import NO_CONTACT_AFTER, Figure, LimitUse, Sent, Status

if TYPE_CHECKING:
    from papertape.monitoring.blotter import BlotterRow  # a run's; `status` does without runs

NEW_YORK = ZoneInfo("America/New_York")
_STATE_STYLES = {"ACTIVE": "green", "REDUCING": "red", "HALTED": "red"}
_LIMITS_SHOWN = 3


def clock_time(moment: Nanos) -> str:
    """The exchange's wall time."""
    return utc(moment).astimezone(NEW_YORK).strftime("%H:%M:%S")


def vitals(status: Status, now: Nanos, colour: bool) -> list[str]:
    """Six lines: what it is, its market, its day, its orders, its limits and what is wrong.

    Args:
        status: What was published last.
        now: This machine's time, for the ages.
        colour: Whether to paint.
    """
    silent = _silence(status, now)
    return [
        _headline(status, now, colour),
        f"Feed     {_aged('market', status.market, status, silent)}   "
        f"{_aged('broker', status.broker, status, silent)}   bars {status.health.bars_seen}/"
        f"{status.health.bars_due}   {_reconciled(status, silent)}"
        + "".join(f"   TROUBLE {each}" for each in status.health.troubles),
        f"Day      {status.day_pnl:+,.2f}   open P&L {status.open_pnl:+,.2f}   drawdown "
        f"{100 * status.drawdown:.2f} %   equity {number(status.equity.value)}   cash "
        f"{number(status.cash)}   costs {number(status.costs)}",
        f"Orders   {status.orders} ({status.refused} refused)   {status.filled} filled   "
        f"{status.working} working   exposure {100 * status.exposure:.1f} %"
        + (f"   {status.health.unknown} UNKNOWN" if status.health.unknown else ""),
        f"Limits   {_limits(status.limits)}",
        f"Next     {_next(status, now)}",
    ]


def _headline(status: Status, now: Nanos, colour: bool) -> str:
    state = "NO CONTACT" if not _is_heard(status, now) else status.state
    shown = painted(state, _STATE_STYLES.get(state, "bold"), colour)
    left = max(0, status.closes - status.now) // SECOND
    if status.state == "CLOSED":
        until = f"closed, {status.day}"
    elif status.now < status.opens:
        until = f"opens {clock_time(status.opens)}"
    else:
        until = f"close in {left // 3600}:{left // 60 % 60:02}:{left % 60:02}"
    why = f"   {status.why}" if status.why else ""
    return (
        f"{status.title} {status.account}  {status.session}  {shown}{why}   "
        f"{clock_time(status.now)} New York, {until}   code {status.code} config {status.settings}"
    )


def _is_heard(status: Status, now: Nanos) -> bool:
    return status.state == "CLOSED" or now - status.published <= NO_CONTACT_AFTER


def _silence(status: Status, now: Nanos) -> float:
    """Seconds since it was published, to be added to every age; a closed day does not age."""
    return 0.0 if status.state == "CLOSED" else max(0, now - status.published) / SECOND


def _aged(name: str, figure: Figure, status: Status, silent: float) -> str:
    age = figure.age(status.now)
    return f"{name} never" if age is None else f"{name} {age + silent:,.1f} s"


def _reconciled(status: Status, silent: float) -> str:
    found = status.health.reconciled
    age = found.age(status.now)
    if age is None:
        return "not reconciled yet"
    result = "equal" if not found.value else f"{found.value:.0f} DIFFERENCES"
    return f"{result} with the broker {age + silent:,.0f} s ago"


def _limits(limits: Sequence[LimitUse]) -> str:
    worst = sorted(limits, key=lambda use: -use.used)[:_LIMITS_SHOWN]
    told = (
        f"{use.rule} {use.name} {100 * use.used:.0f} % (peak {100 * use.peak:.0f})" for use in worst
    )
    return "   ".join(told) or "none used"


def _next(status: Status, now: Nanos) -> str:
    if status.state == "CLOSED":
        return f"papertape eod --day {status.day}"
    if not _is_heard(status, now):
        return "papertape resume"
    causes = {each.cause for each in status.restraints}
    if "kill" in causes:
        return f'papertape rearm --confirm "REARM {status.strategy}" --reason TEXT'
    if "stop" in causes:
        return "papertape resume  |  papertape kill"
    return "papertape watch  |  papertape stop  |  papertape kill"


def positions(status: Status, now: Nanos, width: int) -> list[str]:
    """What is held, each price with its age."""
    if not status.held:
        return ["no position"]
    silent = _silence(status, now)
    rows = [
        [
            each.symbol,
            f"{each.quantity:,}",
            number(each.average_price),
            f"{number(each.last.value)} ({(each.last.age(status.now) or 0) + silent:,.0f} s)",
            f"{each.open_pnl:+,.2f}",
            f"{100 * each.share:.1f} %",
        ]
        for each in status.held
    ]
    return table(("symbol", "qty", "average", "last (age)", "open P&L", "share"), rows, width=width)


def blotter_lines(
    orders: Sequence[Sent] | Sequence[BlotterRow], width: int, when: str = "time"
) -> list[str]:
    """Orders, one a line, each with its reason beside or below it.

    Args:
        orders: Of a session's status, or of a run.
        width: Columns to write in.
        when: The head of their times.
    """
    if not orders:
        return ["no order was sent"]
    heads = (when, "id", "side", "qty", "symbol", "type", *_ENDS)
    rows = [
        [
            each.time,
            each.id,
            each.side,
            str(abs(each.quantity)),
            each.symbol,
            each.type,
            each.state,
            str(abs(each.filled)),
            number(each.average_price),
            "" if each.against_decision_bp is None else f"{each.against_decision_bp:+.1f}",
            each.reason,
        ]
        for each in orders
    ]
    return listing(heads, rows, left=3, width=width)


_ENDS = ("state", "filled", "price", "bp", "reason")
