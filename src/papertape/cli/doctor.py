"""`papertape doctor`: whether this machine, the store and a provider's key are fit, in facts."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from papertape import __version__
from papertape.cli.answer import Answer
from papertape.cli.checks import Check
from papertape.cli.data.shelf import store_of
from papertape.cli.keys import FILE as KEY_FILE
from papertape.cli.keys import SETS, found_keys
from papertape.cli.options import Here
from papertape.cli.progress import progress
from papertape.cli.providers import made
from papertape.cli.session_checks import clock_check, session_checks
from papertape.cli.settings import FILE as SETTINGS_FILE
from papertape.cli.settings import read_settings
from papertape.cli.surroundings import Surroundings
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import SECOND, rfc3339, utc
from papertape.domain.errors import PapertapeError, UsageError
from papertape.domain.native import native
from papertape.plugins.market_data.catalogue import source_names
from papertape.plugins.market_data.refined import SKEW_SECONDS
from papertape.plugins.market_data.source import MarketData, ReferencePrice, finished, load

_LEAST_FREE = 1 << 30
_CALENDAR_AHEAD = timedelta(days=60)
_PROBED = "SPY"


def doctor(*, provider: str | None = None, here: Here) -> Answer:
    """Look at this machine, settings, keys, the store and the paper accounts; exit 1 on a FAIL.

    Parameters
    ----------
    provider
        Ask this provider a few read-only questions, too, and print what it answers.
    """
    with progress("reading the store", here):
        checks = list(_local(here))
    if provider is not None:
        with progress(f"asking {provider}", here):
            checks += _asked(provider, here)
    colour = here.colour_on(sys.stdout)
    failed = sum(check.verdict == "FAIL" for check in checks)
    warned = sum(check.verdict == "warn" for check in checks)
    fit = f"{failed} FAIL, {warned} warn, {len(checks) - failed - warned} ok"
    lines = [*(check.line(colour=colour) for check in checks), "", fit]
    names = ("name", "verdict", "found", "repair")
    data = {"checks": [{name: getattr(check, name) for name in names} for check in checks]}
    return Answer("\n".join(lines), data, is_no=failed > 0)


def _local(here: Surroundings) -> Iterator[Check]:
    """What can be seen without asking anybody."""
    yield _python()
    yield _packages()
    yield _home(here)
    yield _disk(here)
    yield clock_check(here)
    yield _zones()
    yield _calendar(here)
    yield _guarded("settings", _settings)
    yield from _keys()
    yield from _store(here)
    yield from session_checks(here)


def _python() -> Check:
    now = ".".join(map(str, sys.version_info[:3]))
    return Check("python", "ok", f"{now}; papertape {__version__}, {native().summary}")


def _packages() -> Check:
    missing = []
    try:
        required = distribution("papertape").requires or []
    except PackageNotFoundError:
        return Check("packages", "warn", "papertape itself is not installed", "pip install .")
    for requirement in required:
        found = re.match(r"[A-Za-z0-9._-]+", requirement)
        if found and ";" not in requirement:
            try:
                version(found[0])
            except PackageNotFoundError:
                missing.append(found[0])
    if missing:
        names = " ".join(missing)
        return Check("packages", "FAIL", f"missing: {names}", f"pip install {names}")
    return Check("packages", "ok", "all that papertape requires are installed")


def _home(here: Surroundings) -> Check:
    try:
        home = here.home
        nearest = _nearest(home)
        tempfile.TemporaryDirectory(dir=nearest, prefix=".papertape-").cleanup()
    except PapertapeError as error:
        return Check("home", "FAIL", error.message, error.hint)
    except OSError as error:
        return Check("home", "FAIL", f"{home}: {error.strerror}", "papertape --home DIR ...")
    if not home.exists():
        return Check("home", "ok", f"{home}, made when something is kept")
    if os.name != "nt" and home.stat().st_mode & 0o077:
        return Check("home", "warn", f"{home} is open to others", f"chmod 700 {home}")
    return Check("home", "ok", str(home))


def _nearest(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _disk(here: Surroundings) -> Check:
    try:
        free = shutil.disk_usage(_nearest(here.home)).free
    except (OSError, PapertapeError):
        return Check("disk", "warn", "free space is unknown")
    words = f"{free / (1 << 30):,.1f} GB free"
    return Check("disk", "ok" if free >= _LEAST_FREE else "warn", words)


def _offset(name: str, notices: Sequence[str]) -> Check:
    """The provider's clock against ours: a session tells the age of its prices by ours."""
    told = [each for each in notices if each.startswith(f"{name}: its clock")]
    if told:
        return Check("clock", "warn", told[0], "set this machine's clock")
    return Check("clock", "ok", f"within {SKEW_SECONDS:.0f} s of {name}'s, as far as it tells")


def _zones() -> Check:
    try:
        ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError:
        return Check("time zones", "FAIL", "New York's is missing", "pip install tzdata")
    return Check("time zones", "ok", "New York's is known")


def _calendar(here: Surroundings) -> Check:
    last, today = calendar_of("XNYS").last, utc(here.clock.now()).date()
    repair = "get a newer papertape, or python scripts/refresh_calendar.py"
    if today > last:
        return Check("calendar", "FAIL", f"the session table ended on {last}", repair)
    if today + _CALENDAR_AHEAD > last:
        return Check("calendar", "warn", f"the session table ends on {last}", repair)
    return Check("calendar", "ok", f"New York's sessions to {last}")


def _guarded(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, "ok", look())
    except PapertapeError as error:
        return Check(name, "FAIL", error.message, error.hint)


def _settings() -> str:
    settings = read_settings()
    if not SETTINGS_FILE.is_file():
        return f"no {SETTINGS_FILE} here, the defaults hold"
    return f"{SETTINGS_FILE}: provider {settings.provider or 'by key'}, bar {settings.bar}"


def _keys() -> Iterator[Check]:
    """Where a key of each provider was found; having none is no fault, the sample needs none."""
    shown: set[str] = set()
    try:
        for name in sorted({*SETS, *source_names()}):
            for key in found_keys(name).values():
                if str(key) not in shown:
                    shown.add(str(key))
                    yield Check("key", "ok", str(key))
    except PapertapeError as error:
        yield Check("key", "FAIL", error.message, error.hint)
        return
    if not shown:
        where = f"the environment and {KEY_FILE}" if KEY_FILE.is_file() else "the environment"
        yield Check("key", "ok", f"none in {where}; the sample and files need none")


def _store(here: Surroundings) -> Iterator[Check]:
    """Whether every series can be read, each part held against its hash."""
    try:
        store = store_of(here)
        series = store.series()
    except PapertapeError as error:
        yield Check("store", "FAIL", error.message, error.hint)
        return
    unfit = 0
    for manifest in series:
        try:
            store.unchecked(manifest)
        except PapertapeError as error:
            unfit += 1
            yield Check("store", "FAIL", error.message, error.hint)
    if not unfit:
        rows = sum(manifest.rows for manifest in series)
        yield Check("store", "ok", f"{len(series)} series, {rows:,} bars, all as they were written")


def _asked(name: str, here: Surroundings) -> Iterator[Check]:
    """Read-only questions to a provider: what its key may have, told as facts."""
    try:
        provider = made(name, read_settings(), here.home)
    except PapertapeError as error:
        yield Check(name, "FAIL", error.message, error.hint)
        return
    can = provider.source.capabilities
    yield Check(name, "ok", "; ".join(map(str, provider.keys)) or "needs no key")
    feed = " ".join(filter(None, (can.feed, can.tape)))
    yield Check(name, "ok", f"prices {can.adjustment or 'as told'}{feed and f', feed {feed}'}")
    yield Check(name, "ok", f"limits: {can.limits}")
    for words in can.entitlements:
        yield Check(name, "ok", f"needs more than a free key: {words}")
    if can.terms:
        yield Check(name, "ok", f"terms: {can.terms}")
    today = utc(here.clock.now()).date()
    for bar in ("1d", "1m"):
        if not can.frequencies or bar in can.frequencies:
            yield from _bars(name, provider.source, bar, today)
    if can.quotes:
        yield _quote(name, provider.source, here)


def _bars(name: str, source: MarketData, bar: str, today: date) -> Iterator[Check]:
    try:
        history = load(
            source,
            symbol=_PROBED,
            start_date=today - timedelta(8),
            end_date=today - timedelta(1),
            frequency=bar,
        )
    except UsageError as error:  # it can be asked, but not for that
        yield Check(name, "warn", f"{bar} bars: {error.message}", error.hint)
        return
    except PapertapeError as error:
        yield Check(name, "FAIL", f"{bar} bars: {error.message}", error.hint)
        return
    bars = history.bars
    if not len(bars):
        yield Check(name, "FAIL", f"{bar} bars: none of {_PROBED} in the last week", "try later")
        return
    span = f"{rfc3339(int(bars.start[0]))}..{rfc3339(int(bars.end[-1]))}"
    found = f"{bar} bars: {len(bars):,} of {_PROBED}, {span}, {history.adjusted}, {history.source}"
    yield Check(name, "ok", found)
    yield _offset(name, history.notices)


def _quote(name: str, source: MarketData, here: Surroundings) -> Check:
    try:
        quote = finished(source.fetch_quote(_PROBED))
    except PapertapeError as error:
        return Check(name, "warn", f"quote: {error.message}", error.hint)
    age = (here.clock.now() - quote.time) / SECOND
    if isinstance(quote, ReferencePrice):
        found = f"no quote, a reference price: {_PROBED} {quote.price}"
    else:
        found = f"quote: {_PROBED} {quote.bid} x {quote.bid_size} / {quote.ask} x {quote.ask_size}"
    return Check(name, "ok", f"{found}, {age:,.0f} s old")
