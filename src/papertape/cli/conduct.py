"""Conducting a session: its journals are opened, it is driven to its end, and let go in order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial

import msgspec

from papertape.cli.begun import Begun
from papertape.cli.live import listening, past_moments
from papertape.cli.preflight import preflight, refuse_failures, require_descriptors
from papertape.cli.publisher import Publisher
from papertape.cli.session_terms import SessionTerms, code_digest, session_name
from papertape.cli.surroundings import Surroundings
from papertape.cli.voice import voiced
from papertape.data.moments import moments
from papertape.data.store.lock import only_writer
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import SECOND, Clock, Nanos, PacedClock, ReplayClock
from papertape.domain.day import Commanded, DayOpened, Line, Verb
from papertape.domain.day_state import DayState
from papertape.domain.errors import PapertapeError
from papertape.domain.event import Moment
from papertape.domain.money import Micros
from papertape.domain.restraint import Cause
from papertape.engines.proofbench.window import Window
from papertape.engines.riskguard import RiskGuard, RiskTally, limits_from
from papertape.engines.riskguard.controls import evidence
from papertape.engines.riskguard.tally import WHOLE_LIMIT
from papertape.monitoring.board import Board, Plate
from papertape.monitoring.journal import LINES, Journal, Place
from papertape.monitoring.status import LimitUse, Status, publish
from papertape.session.assembly import Ready, on_simulated_account
from papertape.session.charter import Charter, Patience
from papertape.session.control import CommandBox
from papertape.session.feed import Feed, Live, Replay, Unheard
from papertape.session.folder import AccountFolder
from papertape.session.notify import ServiceManager
from papertape.session.run import GLANCE, Run, Signals
from papertape.session.session import PaperSession
from papertape.session.watchdog import Watchdog, hung_before


@dataclass(frozen=True)
class Conducted:
    """What came of it: the journal's lines and last seal, whether the day ended in order."""

    session: str
    lines: Sequence[Line]
    seal: str
    is_closed: bool
    status: Status


def begin(begun: Begun, here: Surroundings) -> Conducted:
    """Begin a new session and drive it as far as it goes.

    Raises:
        LockHeld: If another process has the account.
        RiskRefusal: If a check before the start fails.
    """
    folder = begun.folder
    require_descriptors()
    folder.prepare()
    name = session_name(begun.listed.short, begun.window.last, folder.sessions())
    with (
        voiced(),
        only_writer(folder.lock, here.clock.now()),
        _journals(begun, name, here) as (diary, log),
    ):
        inherited = _inherited(folder, name, here)
        begun = replace(begun, peak=_peak(begun, name, here))
        session, account = _assembled(begun, name, diary, log)
        checks = preflight(begun, account.statement(), diary.count, here)
        refuse_failures(checks)
        for check in checks:
            here.note(check.line(colour=False))
        publisher = _publisher(begun, session, here)
        clock = _clock(begun, here)  # a pace begins with the session, not with its preparation
        start = clock.now()
        with _guarded(session, folder) as signals:
            publisher.happened(session.open(start), start)
            history, newest = _history(begun, start)
            publisher.happened(session.show(history, start), start)
            if begun.unreached:
                publisher.happened(session.feed_lost(start, begun.unreached), start)
            if inherited:
                before = "the session before"
                kill = Commanded(start, f"inherited-{name}", Verb.KILL, before, inherited)
                publisher.happened(session.command(kill, start), start)
            for moment in newest:
                publisher.happened(session.see(moment, start), start)
            refusal = _drive(begun, session, publisher, clock, signals)
        return _conducted(session, publisher, diary, clock, folder, refusal)


def resume(begun: Begun, name: str, accept: bool, here: Surroundings) -> Conducted:
    """Go on with a session that did not end in order.

    Args:
        begun: From the terms in its journal.
        name: The session's.
        accept: Whether changed code, settings or a crash loop are accepted.
        here: This machine.
    """
    folder = begun.folder
    require_descriptors()
    with (
        voiced(),
        only_writer(folder.lock, here.clock.now()),
        _journals(begun, name, here) as (diary, log),
    ):
        state = DayState.of(diary.lines())
        session, _ = _assembled(begun, name, diary, log)
        publisher = _publisher(begun, session, here)
        publisher.replay(list(diary.lines()))
        clock = _clock(begun, here, state.seen_until)
        now, hung = clock.now(), hung_before(folder.hung)
        with _guarded(session, folder) as signals:
            publisher.happened(session.resume(now, hung), now)
            for verb in [Verb.RESUME, *([Verb.ACCEPT] if accept else [])]:
                command = Commanded(now, f"{verb}-{here.clock.now()}", verb, "papertape resume", "")
                publisher.happened(session.command(command, now), now)
            refusal = _drive(begun, session, publisher, clock, signals)
        return _conducted(session, publisher, diary, clock, folder, refusal)


@contextmanager
def _guarded(session: PaperSession, folder: AccountFolder) -> Iterator[Signals]:
    """Signals are heard and a hang is noticed, from the day's first line to the process's last."""
    watchdog = Watchdog(session, folder.hung)
    try:
        with Signals().heard() as signals:
            yield signals
    finally:
        watchdog.close()


def _drive(
    begun: Begun, session: PaperSession, publisher: Publisher, clock: Clock, signals: Signals
) -> PapertapeError | None:
    """Drive a session as far as it goes; why its provider let nobody in, if that is so."""
    folder, manager = begun.folder, _manager()
    box = CommandBox(folder.commands, folder.kill_file)
    glance = None if begun.terms.is_replay and begun.pace is None else _glance(begun.pace)
    manager.ready(f"{session.charter.session} is {session.state.restraints.state}")
    again = None if begun.source is None else partial(_feed, begun, session, clock)
    feed = Unheard() if begun.unreached else _feed(begun, session, clock)
    try:
        run = Run(session, feed, box, clock, signals, publisher, begin_feed=again, glance=glance)
        run.until_over()
    finally:
        manager.stopping()
        publisher.close()
    return run.refusal


def _conducted(
    session: PaperSession,
    publisher: Publisher,
    diary: Journal[Line],
    clock: Clock,
    folder: AccountFolder,
    refusal: PapertapeError | None,
) -> Conducted:
    status, name = publisher.final(clock.now()), session.charter.session
    publish(status, folder.closed(name))
    if refusal is not None:
        raise refusal
    return Conducted(name, list(diary.lines()), diary.head.seal, session.is_closed, status)


def _manager() -> ServiceManager:
    return ServiceManager(os.environ.get("NOTIFY_SOCKET", ""))


def _glance(pace: float | None) -> Nanos:
    return int(GLANCE * (pace or 1.0))


@contextmanager
def _journals(
    begun: Begun, name: str, here: Surroundings
) -> Iterator[tuple[Journal[Line], Journal[Line]]]:
    """The session's diary, and the account's own log: of a replay, one that is new each time.

    Assumption: a replay tells the past, so its account has none; a live account goes on.
    """
    now, folder = here.clock.now(), begun.folder
    of_account = Place(folder.broker, name if begun.terms.is_replay else "account")
    with (
        Journal.opened(Place(folder.path, name), LINES, now) as diary,
        Journal.opened(of_account, LINES, now) as log,
    ):
        yield diary, log


def _assembled(begun: Begun, name: str, diary: Journal[Line], log: Journal[Line]) -> Ready:
    terms, window = begun.terms, begun.window
    begins = window.start - 1 if begun.source is None else window.decides_from - 1
    return on_simulated_account(
        charter_of(begun, name),
        begun.strategy,
        {each.symbol: each for each in terms.instruments},
        terms.config,
        guard_of(terms),
        diary,
        log,
        begins=begins,
        taped=window.taped,
        patience=Patience(finality=_finality(begun)),
    )


def _finality(begun: Begun) -> Nanos:
    """How long after its end a bar may come; a replay's is there at once."""
    source = begun.source
    return int(source.capabilities.live_delay_seconds * SECOND) if source is not None else 0


def charter_of(begun: Begun, name: str) -> Charter:
    """The session's name, day and hours."""
    terms, window = begun.terms, begun.window
    session = calendar_of(terms.instruments[0].venue).session(window.last)
    minutes = terms.config.frequency.minutes or 0
    closes = max(session.close, window.start) if minutes else _last_close(window)
    return Charter(
        name,
        window.last,
        terms.strategy,
        terms.written(),
        code_digest(begun.listed.file),
        opens=window.start if not minutes else session.open,
        closes=closes,
        length=minutes * 60 * SECOND,
        peak=begun.peak,
    )


def _last_close(window: Window) -> Nanos:
    return max(int(bars.end[-1]) for bars in window.bars.values())


def guard_of(terms: SessionTerms) -> RiskGuard:
    """RiskGuard with the session's limits."""
    return RiskGuard(limits_from(terms.config.risk_profile, terms.limits))


def _clock(begun: Begun, here: Surroundings, after: Nanos = 0) -> Clock:
    if begun.source is not None:
        return here.live_clock
    start = max(begun.window.start - 1, after)
    return ReplayClock(start) if begun.pace is None else PacedClock(start, begun.pace)


def _feed(begun: Begun, session: PaperSession, clock: Clock) -> Feed:
    """The day's feed, begun or begun anew: what the session has not seen yet comes first."""
    terms, source, seen = begun.terms, begun.source, session.state.seen_until
    if source is None:
        return Replay(begun.window, max(seen, begun.window.decides_from - 1))
    return Live(
        listening(source, terms.feed),
        [each.symbol for each in terms.instruments],
        seen or None,
        None if seen else lambda: past_moments(source, terms, begun.strategy.warmup, clock.now()),
    )


def _history(begun: Begun, start: Nanos) -> tuple[list[Moment], list[Moment]]:
    """What was before the session, and the last close, if that may still be decided on.

    A replay's feed brings that close itself; a live session that begins late only looks back.
    """
    window, is_live = begun.window, begun.source is not None
    if begun.unreached:
        return [], []  # the feed brings it, once it reaches the provider
    told = list(moments(window.bars, window.actions, window.ticks))
    history = [each for each in told if each.time < window.decides_from]
    if not is_live:
        return history, []
    newest = [each for each in told if each.time == window.decides_from]
    return (history, newest) if start < window.start else (told, [])


def _publisher(begun: Begun, session: PaperSession, here: Surroundings) -> Publisher:
    charter, terms = session.charter, begun.terms
    plate = Plate(
        session=charter.session,
        title=begun.title,
        strategy=terms.strategy,
        account=terms.account,
        feed=terms.feed,
        code=charter.code,
        settings=terms.digest,
        day=charter.day.isoformat(),
        opens=charter.opens,
        closes=charter.closes,
        length=charter.length,
        symbols=tuple(each.symbol for each in terms.instruments),
    )
    calendar = calendar_of(terms.instruments[0].venue)
    board = Board(plate, session.state, calendar)
    with suppress(OSError):  # whatever lies there instead, nothing is published into it
        begun.folder.tail.unlink(missing_ok=True)
    profile = terms.config.risk_profile

    def used() -> list[LimitUse]:
        return limits_used(session.tally, profile)

    return Publisher(charter.session, begun.folder, board, used, here, begun.port, _manager())


def limits_used(tally: RiskTally, profile: str) -> list[LimitUse]:
    """The most that was used of each limit today; those of which nothing was are left out."""
    return [
        LimitUse(
            each.control.id,
            each.control.name,
            each.used / WHOLE_LIMIT,
            each.used / WHOLE_LIMIT,
            each.setting,
        )
        for each in evidence(tally, profile)
        if each.used
    ]


_LATCHED = frozenset({Cause.KILL, Cause.OVERFILL})
"""What a night does not heal: the next session begins killed, and says why."""


def _days_before(folder: AccountFolder, name: str, here: Surroundings) -> Iterator[list[Line]]:
    """The lines of the account's earlier sessions, the newest first, each read when asked for."""
    for before in reversed(folder.sessions()):
        if before != name:
            yield Journal.read(Place(folder.path, before), LINES, here.clock.now())


def _inherited(folder: AccountFolder, name: str, here: Surroundings) -> str:
    """Why the session before was restrained at its end, where that outlives its day."""
    state = DayState.of(next(_days_before(folder, name, here), []))
    found = [each for each in state.restraints.in_force if each.cause in _LATCHED]
    if state.opened is None or not found:
        return ""
    return f"{state.opened.session} ended so: {found[0].cause}: {found[0].reason}"


class _Fed(msgspec.Struct):
    """What the terms of every version tell."""

    feed: str


def _peak(begun: Begun, name: str, here: Surroundings) -> Micros:
    """The highest equity of the account's days before (risk-R22); what was released is past.

    Assumption: each day knew the peak of those before it, so the last one knows it of them all.
    Replays do not count, as each has an account of its own.
    """
    if begun.terms.is_replay:
        return 0
    limits = guard_of(begun.terms).limits
    for lines in _days_before(begun.folder, name, here):
        opened = lines[0] if lines else None
        if not isinstance(opened, DayOpened):
            continue
        if msgspec.json.decode(opened.settings, type=_Fed).feed == "live":
            return RiskTally.of(limits, lines).peak
    return 0
