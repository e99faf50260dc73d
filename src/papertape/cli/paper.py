"""`papertape paper`: a strategy's paper session, and its blotter."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import replace

from papertape.cli.answer import Answer
from papertape.cli.begun import Begun
from papertape.cli.catalogue import listed
from papertape.cli.conduct import Conducted, begin
from papertape.cli.eod import eod_answer
from papertape.cli.evening import proof_data, proof_of, proof_words, terms_in
from papertape.cli.live import FEEDS, live_provider, past_bars, todays_window, with_past
from papertape.cli.options import PAPER_DEFAULTS, Here, PaperOptions, RunOptions, pairs
from papertape.cli.progress import progress
from papertape.cli.session_terms import SessionTerms
from papertape.cli.store import RunStore, StoredRun
from papertape.cli.surroundings import Surroundings
from papertape.cli.tables import number, painted, percent, sentence, steps
from papertape.cli.vitals import blotter_lines
from papertape.cli.wiring import (
    Plan,
    blaming,
    config_of,
    plan,
    symbols_of,
    window_of,
)
from papertape.cli.words import ground_lines, next_steps, run_data, terms, title_of
from papertape.domain.errors import ProviderError, UsageError
from papertape.domain.event import Entry
from papertape.domain.instrument import Instrument
from papertape.engines.proofbench.record import RunRecord
from papertape.engines.proofbench.results import SimulationResults
from papertape.monitoring.blotter import BlotterRow, blotter
from papertape.monitoring.telling import worth_a_note
from papertape.plugins.market_data.source import finished
from papertape.session.day_run import journaled, seen_in
from papertape.session.folder import AccountFolder
from papertape.session.paper import replay

FIRST_DAY_CASH = "10000"
"""What the profile of a first day begins with."""


def paper(
    strategy: str,
    /,
    *,
    feed: str = "replay",
    day: str | None = None,
    speed: str = "max",
    metrics: int | None = None,
    provider: str | None = None,
    options: PaperOptions = PAPER_DEFAULTS,
    here: Here,
) -> Answer:
    """Run a paper session, and print its blotter.

    One day is a session with a journal, a status that `papertape status` reads, and a kill switch;
    several days are replayed in memory.

    Parameters
    ----------
    strategy
        A name that `papertape strategy list` shows, or the path of a strategy file.
    feed
        replay:FILE for a file's bars, replay:sample for the embedded sample, or
        replay:2024-06-28 for one session of --data, the store or the sample; live for today's
        session by a provider's stream, live:poll by asking it each minute, both under the profile
        first-day unless --profile says paper.
    day
        The session to replay, where the feed names no day: 2024-06-28.
    speed
        max, or how many times faster than it happened: 60x.
    metrics
        Port of /metrics and /healthz on this machine; 0 takes any that is free.
    provider
        Who tells live prices; the settings', or the first one whose key is there.
    """
    if feed in FEEDS:
        with progress("trading", here):
            return live_session(strategy, feed, options, provider, metrics, here)
    pace = pace_of(speed)
    account, run_options = _terms(options)
    planned = plan(strategy, _fed(feed, day, run_options), here)
    store = RunStore(here)
    store.prepare(options.name)
    window = window_of(planned)
    if window.first != window.last:
        with progress("replaying", here):
            results = _replayed(planned, pace, here)
        kept = store.keep("paper", planned.listed.short, results.record, options.name)
        return _answer(kept, speed, here)
    terms = SessionTerms(
        strategy,
        run_options.param,
        _fed(feed, day, run_options),
        feed,
        speed,
        account,
        planned.config,
        tuple(bars.instrument for bars in window.bars.values()),
        pairs("--limit", options.limit),
    )
    folder = AccountFolder.under(here.home, account)
    begun = Begun(
        terms,
        planned.listed,
        planned.strategy,
        window,
        folder,
        pace,
        metrics,
        title_of_plan(planned),
    )
    with progress("trading", here):
        conducted = begin(begun, here)
    return answer_of(conducted, planned, speed, options.name, here)


def live_session(
    strategy: str,
    feed: str,
    options: PaperOptions,
    provider: str | None,
    metrics: int | None,
    here: Surroundings,
) -> Answer:
    """Today's session on live prices, to its end; the answer is the day's proof."""
    account, run_options = _terms(options)
    profile = "first-day" if options.profile == "backtest" else options.profile
    cash = FIRST_DAY_CASH if profile == "first-day" else run_options.cash
    run_options = replace(run_options, profile=profile, cash=cash, bar=run_options.bar or "1m")
    symbols, config = symbols_of(run_options), config_of(run_options, here.clock)
    found = listed(strategy)
    made = found.make(pairs("--param", run_options.param))
    instruments = tuple(map(Instrument, symbols))
    limits = pairs("--limit", options.limit)
    asked = live_provider(provider, here)
    terms = SessionTerms(
        strategy,
        run_options.param,
        run_options,
        feed,
        "1x",
        account,
        config,
        instruments,
        limits,
        asked.name,
    )
    window, unreached = todays_window(terms, here), ""
    try:
        now = here.live_clock.now()
        window = with_past(window, finished(past_bars(asked.source, terms, made.warmup, now)))
    except ProviderError as error:
        unreached = error.message
    folder = AccountFolder.under(here.home, account)
    begun = Begun(
        terms, found, made, window, folder, None, metrics, "PAPER", asked.source, unreached
    )
    RunStore(here).prepare(options.name)
    return live_answer_of(begin(begun, here), begun, options.name, here)


def live_answer_of(
    conducted: Conducted, begun: Begun, name: str | None, here: Surroundings
) -> Answer:
    """The page of a live day; it is kept as a run, like a replayed one."""
    page = eod_answer(conducted.lines, conducted.seal, begun.title, here)
    found, terms = begun.listed, terms_in(conducted.lines)
    instruments = {each.symbol: each for each in terms.instruments}
    seen = seen_in(conducted.lines, instruments, terms.config.frequency, terms.provider)
    if seen is None:
        return page
    strategy = found.make(pairs("--param", terms.parameters))
    results = journaled(conducted.lines, strategy, seen.window, seen.histories, terms.config)
    kept = RunStore(here).keep("paper", found.short, results.record, name)
    text = [page.text, *sentence("Run", kept.id, here.width), *steps(_next(kept), here.width)]
    return replace(page, text="\n".join(text), data={**page.data, "run": kept.id})


def answer_of(
    conducted: Conducted, planned: Plan, speed: str, name: str | None, here: Surroundings
) -> Answer:
    """A session's blotter and, where its day ended in order, the evening's proof."""
    results = journaled(
        conducted.lines, planned.strategy, window_of(planned), planned.histories, planned.config
    )
    kept = RunStore(here).keep("paper", planned.listed.short, results.record, name)
    answer = _answer(kept, speed, here)
    proof = proof_of(conducted.lines)
    told = sentence("Proof", proof_words(proof), here.width)
    ends = [] if conducted.is_closed else sentence("Day", "not ended: papertape resume", here.width)
    text = "\n".join([answer.text, *told, *ends])
    data = {
        **answer.data,
        "session": conducted.session,
        "closed": conducted.is_closed,
        "proof": proof_data(proof),
    }
    return replace(answer, text=text, data=data)


def _answer(kept: StoredRun, speed: str, here: Surroundings) -> Answer:
    rows = blotter(kept.record)
    data = {**run_data(kept), "blotter": [row._asdict() for row in rows], "holdings": _held(kept)}
    return Answer(_page(kept, rows, speed, here), data, tuple(kept.record.notices))


def _terms(options: PaperOptions) -> tuple[str, RunOptions]:
    """The account's name, and the options with its terms in the place of it."""
    fields = {each.name: getattr(options, each.name) for each in dataclass_fields(RunOptions)}
    named, terms = options.account, options.terms
    if named in ("cash", "cash-settled", "margin"):
        named, terms = "sim", named  # type: ignore[assignment]
    return named, RunOptions(**{**fields, "account": terms})


def title_of_plan(planned: Plan) -> str:
    """What every screen of the session begins with."""
    sources = " ".join(history.source for history in planned.histories.values())
    mark = " SAMPLE" if "sample" in sources else " SYNTHETIC" if "synthetic" in sources else ""
    return f"PAPER REPLAY{mark}"


def pace_of(speed: str) -> float | None:
    """Seconds of the past a real second; None for as fast as it goes."""
    if speed == "max":
        return None
    found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)x", speed)
    if not found or float(found[1]) <= 0:
        raise UsageError(f"{speed!r} is no speed", hint="--speed max, or --speed 60x")
    return float(found[1])


def _fed(feed: str, day: str | None, options: RunOptions) -> RunOptions:
    """The options with the feed's file, and the day that is replayed, in their places."""
    kind, _, what = feed.partition(":")
    if kind != "replay" or (not what and day is None):
        raise UsageError(
            f"{feed!r} is no feed",
            hint="--feed replay:FILE, replay:sample, replay:2024-06-28, live or live:poll",
        )
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", what):
        day, what = _one_day(what, day), ""
    if day is not None:
        if options.from_ or options.to:
            raise UsageError("a day is named, and --from or --to others", hint=f"--day {day} alone")
        options = replace(options, from_=day, to=day)
    if not what or options.data == (what,):
        return options
    if options.data:
        raise UsageError(
            "the feed names a file, and --data another",
            hint="--feed replay:FILE alone, or --feed replay:2024-06-28 --data FILE",
        )
    return replace(options, data=(what,))


def _one_day(named: str, day: str | None) -> str:
    if day is not None and day != named:
        raise UsageError(f"the feed names {named}, and --day {day}", hint="leave one of them out")
    return named


def _replayed(planned: Plan, pace: float | None, here: Surroundings) -> SimulationResults:
    """Several days in memory; what happens to an order is said while it happens."""

    def tell(entries: Sequence[Entry]) -> None:
        for note in filter(None, map(worth_a_note, entries)):
            here.note(note)

    strategy, histories, config = planned.strategy, planned.histories, planned.config
    return blaming(planned, lambda: replay(strategy, histories, config, speed=pace, notify=tell))


def _page(run: StoredRun, rows: Sequence[BlotterRow], speed: str, here: Surroundings) -> str:
    record, width = run.record, here.width
    title = f"PAPER REPLAY of {title_of(record.ground)}, speed {speed}"
    lines = [
        painted(title, "bold", here.colour_on(sys.stdout)),
        *ground_lines(record.ground, width),
        *terms(record.ground, width),
        "",
        *blotter_lines(_timed(rows, record), width, "time (UTC)"),
        "",
    ]
    for words in record.words:
        lines += sentence("Result", words, width)
    lines += sentence("End", _end(run), width)
    for notice in record.notices:
        lines += sentence("Note", notice, width)
    lines += [*sentence("Run", run.id, width), *steps(_next(run), width)]
    return "\n".join(lines)


def _timed(rows: Sequence[BlotterRow], record: RunRecord) -> list[BlotterRow]:
    """With times as short as the bars are long."""
    shown = 10 if record.ground.frequency == "1d" else 19
    return [row._replace(time=row.time[:shown].replace("T", " ")) for row in rows]


def _next(run: StoredRun) -> list[str]:
    if not run.record.orders:
        return next_steps(run)[:1]
    return [f"papertape why {run.record.orders[0].id}"]


def _held(run: StoredRun) -> dict[str, int]:
    """Shares held at the end, splits applied, symbol by symbol."""
    return holdings(run.record)


def holdings(record: RunRecord) -> dict[str, int]:
    """Shares held at a record's end, from its open round trips."""
    held: dict[str, int] = {}
    for trade in record.trades:
        if trade.exit_time is None:
            held[trade.symbol] = held.get(trade.symbol, 0) + trade.quantity
    return held


def _end(run: StoredRun) -> str:
    equity = run.record.equity
    held = ", ".join(f"{count} {symbol}" for symbol, count in _held(run).items()) or "no shares"
    gain = percent(run.record.metrics["total_return"])
    return f"cash {number(equity.cash[-1])}, {held}, equity {number(equity.equity[-1])} ({gain})"
