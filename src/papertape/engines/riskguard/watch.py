"""Watches: controls that act on the account and not on one order."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from papertape.domain.clock import SECOND, Nanos
from papertape.domain.day import Reconciled
from papertape.domain.money import dollars
from papertape.domain.restraint import Cause, Restraint, Sweep, TradingState
from papertape.engines.riskguard.limits import RiskLimits
from papertape.engines.riskguard.tally import THROTTLE_WINDOW, RiskTally

HALTED, REDUCING = TradingState.HALTED, TradingState.REDUCING


def watch(tally: RiskTally, now: Nanos) -> list[Restraint]:
    """What the counts call for at a moment; the same again as long as they do."""
    looks = (_daily_loss, _drawdown, _reject_burst, _flood)
    return [found for look in looks if (found := look(tally, now)) is not None]


def _daily_loss(tally: RiskTally, now: Nanos) -> Restraint | None:
    """risk-R21: equity against what the day began with; a loss of exactly the limit is too much."""
    most, opened = tally.limits.max_daily_loss, tally.opened
    if not isinstance(most, Fraction) or not opened:
        return None
    loss = tally.loss
    if loss * most.denominator < opened * most.numerator:
        return None
    reason = _of(loss, opened, "the day began with", most)
    return Restraint(Cause.DAILY_LOSS, HALTED, f"lost {reason}", now, "R21", sweep=Sweep.ALL)


def _drawdown(tally: RiskTally, now: Nanos) -> Restraint | None:
    """risk-R22: equity against its peak."""
    most, peak = tally.limits.max_drawdown, tally.peak
    if not isinstance(most, Fraction) or not peak:
        return None
    drawdown = tally.drawdown
    if drawdown * most.denominator < peak * most.numerator:
        return None
    reason = _of(drawdown, peak, "that there were at the peak", most)
    return Restraint(Cause.DRAWDOWN, REDUCING, f"down {reason}", now, "R22")


def _reject_burst(tally: RiskTally, now: Nanos) -> Restraint | None:
    """risk-R23: the broker rejects one order after another."""
    most, window = tally.limits.max_rejects, tally.limits.reject_window
    if not (isinstance(most, int) and isinstance(window, int)):
        return None
    many = sum(now - time < window for time in tally.rejects)
    if many < most:
        return None
    reason = f"{many} orders rejected within {window / SECOND:.0f} s, limit {most}"
    return Restraint(Cause.REJECTS, HALTED, reason, now, "R23")


def _flood(tally: RiskTally, now: Nanos) -> Restraint | None:
    """risk-R13: a strategy that does not slow down when it is throttled is out of order."""
    most = tally.limits.max_throttled
    if not isinstance(most, int):
        return None
    many = sum(now - time < THROTTLE_WINDOW for time in tally.throttled)
    if many < most:
        return None
    seconds = THROTTLE_WINDOW / SECOND
    reason = f"{many} orders refused for their rate within {seconds:.0f} s, limit {most}"
    return Restraint(Cause.FLOOD, HALTED, reason, now, "R13", sweep=Sweep.ALL)


def silence(limits: RiskLimits, heard: Nanos, now: Nanos, whom: str) -> Restraint | None:
    """risk-R27: feed or operator has not been heard of for too long.

    Args:
        limits: How long is too long.
        heard: When there was last a sign of life.
        now: The present moment.
        whom: Who is silent, as ``the feed``.
    """
    most = limits.dead_man
    if not isinstance(most, int) or now - heard <= most:
        return None
    silent, limit = (now - heard) / SECOND, most / SECOND
    reason = f"nothing heard of {whom} for {silent:.0f} s, limit {limit:.0f} s"
    return Restraint(Cause.FEED, REDUCING, reason, now, "R27", sweep=Sweep.ENTRIES)


def unequal(compared: Reconciled) -> Restraint | None:
    """risk-R28: a difference between the broker's books and ours that stands."""
    standing = [each for each in compared.differences if not each.decision]
    if not standing:
        return None
    first, more = standing[0], len(standing) - 1
    reason = f"{first.item}: journal {first.journal}, broker {first.broker}"
    reason += f", and {more} more" if more else ""
    return Restraint(Cause.UNRECONCILED, REDUCING, reason, compared.time, "R28")


def reconcile_due(tally: RiskTally, now: Nanos) -> bool:
    """risk-R28: whether it is time to compare the books again."""
    every = tally.limits.reconcile_every
    return isinstance(every, int) and now - tally.reconciled >= every


def near_limits(tally: RiskTally) -> Iterable[str]:
    """risk-R15: controls of whose limit so much was used that somebody is told."""
    alert = tally.limits.alert_at
    if not isinstance(alert, Fraction):
        return ()
    return (rule for rule, used in tally.used.items() if used >= 10_000 * alert)


def _of(loss: int, whole: int, what: str, most: Fraction) -> str:
    share = f"{loss / whole:.2%}, limit {float(most):.2%}"
    return f"{dollars(loss):,.2f} of the {dollars(whole):,.2f} {what} ({share})"
