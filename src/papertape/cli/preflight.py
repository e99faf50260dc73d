"""Preflight: twelve checks before a session starts; one that fails starts nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction

from papertape.cli.begun import Begun
from papertape.cli.checks import Check
from papertape.cli.options import SIZES
from papertape.cli.session_checks import clock_check
from papertape.cli.session_terms import code_digest
from papertape.cli.surroundings import Surroundings
from papertape.cli.vitals import NEW_YORK, clock_time
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import SECOND
from papertape.domain.errors import RiskRefusal, SettingsError
from papertape.domain.statement import Statement
from papertape.engines.riskguard import RiskLimits, limits_from
from papertape.engines.riskguard.controls import CONTROLS
from papertape.engines.signalcore.sizing import size_policy
from papertape.monitoring.journal import SQLITE
from papertape.session.control import CommandBox

_LEAST_FREE = 200_000_000
_LEAST_OPEN = 64
"""Files: two journals with heads and locks, a feed, who asks for metrics, and as many again."""


def preflight(begun: Begun, statement: Statement, lines: int, here: Surroundings) -> list[Check]:
    """Every check with its verdict, none of them left out because another one failed."""
    return [
        _settings(begun),
        clock_check(here),
        _calendar(begun),
        _data(begun),
        _warm_up(begun),
        _journal(lines),
        _positions(begun, statement),
        _cash(statement),
        _code(begun),
        _kill(begun),
        _disk(begun),
        _account(begun),
    ]


def require_descriptors() -> None:
    """Stop where a session could open what it needs and nothing more (fault-F51).

    Raises:
        SettingsError: If this process may hold too few files open.
    """
    try:
        import resource  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= most < _LEAST_OPEN:
        raise SettingsError(
            f"this process may hold {most} files open, a session wants {_LEAST_OPEN}",
            hint=f"ulimit -n {_LEAST_OPEN}, or more",
            untouched="nothing was sent, and no session was begun",
        )


def refuse_failures(checks: Sequence[Check]) -> None:
    """Stop where a check failed.

    Raises:
        RiskRefusal: Naming each that did.
    """
    failed = [each for each in checks if each.verdict == "FAIL"]
    if failed:
        told = "; ".join(f"{each.name}: {each.found}" for each in failed)
        raise RiskRefusal(
            f"preflight: {len(failed)} of {len(checks)} checks failed: {told}",
            hint=next((each.repair for each in failed if each.repair), "papertape doctor"),
            untouched="nothing was sent, and no session was begun",
        )


def _settings(begun: Begun) -> Check:
    profile = begun.terms.config.risk_profile
    limits = limits_from(profile, begun.terms.limits)
    complete = sum(each.is_complete(limits) for each in CONTROLS)
    found = f"{complete} of {len(CONTROLS)} controls complete, profile {profile}"
    if complete == len(CONTROLS):
        return _size(begun, limits) or Check("settings", "ok", found)
    if profile == "backtest" and begun.terms.is_replay:
        return Check("settings", "ok", f"{found}: a replay under the limits of a backtest")
    repair = "set each, or say unlimited: --limit max_orders=200"
    return Check("settings", "FAIL", f"{found}; missing {', '.join(limits.missing)}", repair)


def _size(begun: Begun, limits: RiskLimits) -> Check | None:
    """Say ahead of the day that no full order of this size can pass (risk-R5)."""
    config, most = begun.terms.config, limits.max_order_notional
    share = size_policy(config.size).share_of_equity(1.0, len(begun.terms.instruments))
    collar = limits.price_collar if isinstance(limits.price_collar, Fraction) else 0
    if not isinstance(most, Fraction) or share * (1 + collar) <= most:
        return None
    found = (
        f"--size {config.size} is {float(100 * share):.4g} % of equity an order, and R5 takes "
        f"{float(100 * most):.4g} % at the collar's edge: full orders are refused"
    )
    return Check("settings", "warn", found, f"--size {SIZES[config.risk_profile]}")


def _calendar(begun: Begun) -> Check:
    day = begun.window.last
    calendar = calendar_of(begun.terms.instruments[0].venue)
    if not calendar.covers(day):
        return Check("calendar", "warn", f"says nothing about {day}; regular hours are assumed")
    if not calendar.is_session(day):
        return Check("calendar", "FAIL", f"the exchange is closed on {day}", "choose another --day")
    session = calendar.session(day)
    early = ", an early close" if session.early_close else ""
    opens, closes = clock_time(session.open), clock_time(session.close)
    return Check("calendar", "ok", f"{day}: open {opens[:5]}, close {closes[:5]} New York{early}")


def _data(begun: Begun) -> Check:
    bars = begun.window.bars
    if begun.unreached:
        return Check("data", "warn", f"none yet, HALTED until there are: {begun.unreached}")
    newest = min(int(each.end[-1]) for each in bars.values())
    told = datetime.fromtimestamp(newest / SECOND, NEW_YORK)
    return Check("data", "ok", f"{len(bars)} symbols, to {told:%Y-%m-%d %H:%M} New York")


def _warm_up(begun: Begun) -> Check:
    has, wants = min(begun.window.history.values(), default=0), begun.strategy.warmup
    if begun.unreached:
        return Check("warm-up", "warn", f"{wants} bars are fetched once the provider answers")
    if has < wants:
        found = f"{has} of {wants} bars before the day: the strategy waits within it"
        return Check("warm-up", "warn", found, "load more history: papertape data get")
    return Check("warm-up", "ok", f"{has} bars before the day, {wants} wanted")


def _journal(lines: int) -> Check:
    if lines:
        return Check("journal", "FAIL", f"{lines} lines already", "papertape resume")
    return Check("journal", "ok", f"clean, SQLite {SQLITE}")


def _positions(begun: Begun, statement: Statement) -> Check:
    traded = {each.symbol for each in begun.terms.instruments}
    strange = [each.symbol for each in statement.holdings if each.symbol not in traded]
    if strange:
        found = f"the account holds {', '.join(strange)}, which is not traded"
        return Check("positions", "FAIL", found, f"--symbol {' '.join(strange)}, too")
    return Check("positions", "ok", f"{len(statement.holdings)} held, equal at the broker")


def _cash(statement: Statement) -> Check:
    if statement.cash <= 0:
        return Check("cash", "FAIL", f"{statement.cash / 1e6:,.2f}", "use another --account")
    return Check("cash", "ok", f"{statement.cash / 1e6:,.2f}")


def _code(begun: Begun) -> Check:
    code = code_digest(begun.listed.file)
    return Check("code", "ok", f"{code}, config {begun.terms.digest}")


def _kill(begun: Begun) -> Check:
    folder = begun.folder
    waiting = CommandBox(folder.commands, folder.kill_file).waiting()
    killed = [each for each in waiting if each.asked.verb.startswith("kill")]
    if killed:
        return Check("kill", "warn", f"pressed: {killed[0].asked.reason}", "papertape rearm")
    return Check("kill", "ok", "armed: command, file, signal, loss limits")


def _disk(begun: Begun) -> Check:
    free = shutil.disk_usage(begun.folder.path).free
    if free < _LEAST_FREE:
        return Check("disk", "FAIL", f"{free / 1e6:,.0f} MB free", "make room")
    return Check("disk", "ok", f"{free / 1e9:,.1f} GB free")


def _account(begun: Begun) -> Check:
    mode = begun.folder.path.stat().st_mode & 0o777
    if os.name == "posix" and mode & 0o077:
        return Check("account", "FAIL", f"others may read it ({mode:o})", "chmod 700 the folder")
    return Check("account", "ok", f"{begun.terms.account}, simulated: no live endpoint exists")
