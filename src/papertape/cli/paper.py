"""`papertape paper`: history replayed as a paper session, and its blotter."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import replace

from papertape.cli.answer import Answer
from papertape.cli.options import DEFAULTS, Here, RunOptions
from papertape.cli.progress import progress
from papertape.cli.store import RunStore, StoredRun
from papertape.cli.surroundings import Surroundings
from papertape.cli.tables import listing, number, painted, percent, sentence, steps
from papertape.cli.wiring import plan, run_paper
from papertape.cli.words import ground_lines, next_steps, run_data, terms, title_of
from papertape.domain.clock import rfc3339
from papertape.domain.errors import UsageError
from papertape.domain.event import Entry, OrderFilled, OrderRefused, OrderRejected
from papertape.domain.money import dollars
from papertape.engines.proofbench.record import RunRecord
from papertape.monitoring.blotter import BlotterRow, blotter


def paper(
    strategy: str,
    /,
    *,
    feed: str,
    speed: str = "max",
    options: RunOptions = DEFAULTS,
    here: Here,
) -> Answer:
    """Replay history as a paper session, bar by bar, and print its blotter.

    Parameters
    ----------
    strategy
        A name that `papertape strategy list` shows, or the path of a strategy file.
    feed
        replay:FILE for a file's bars, replay:sample for the embedded sample, or
        replay:2024-06-28 for one session of --data or the sample.
    speed
        max, or how many times faster than it happened: 60x.
    """
    pace = _pace(speed)
    planned = plan(strategy, _fed(feed, options), here)
    store = RunStore(here)
    store.prepare(options.name)
    with progress("replaying", here):
        results = run_paper(planned, pace, lambda entries: _tell(entries, here))
    kept = store.keep("paper", planned.listed.short, results.record, options.name)
    rows = blotter(kept.record)
    data = {**run_data(kept), "blotter": [row._asdict() for row in rows], "holdings": _held(kept)}
    return Answer(_page(kept, rows, speed, here), data, tuple(kept.record.notices))


def _pace(speed: str) -> float | None:
    """Seconds of the past a real second; None for as fast as it goes."""
    if speed == "max":
        return None
    found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)x", speed)
    if not found or float(found[1]) <= 0:
        raise UsageError(f"{speed!r} is no speed", hint="--speed max, or --speed 60x")
    return float(found[1])


def _fed(feed: str, options: RunOptions) -> RunOptions:
    """The options with the feed's file, or the feed's day, in its place."""
    kind, _, what = feed.partition(":")
    if kind != "replay" or not what:
        raise UsageError(
            f"{feed!r} is no feed", hint="--feed replay:FILE, replay:sample or replay:2024-06-28"
        )
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", what):
        if options.from_ or options.to:
            raise UsageError(
                "the feed names a day, and --from or --to others",
                hint=f"--feed replay:{what} alone",
            )
        return replace(options, from_=what, to=what)
    if options.data == (what,):
        return options
    if options.data:
        raise UsageError(
            "the feed names a file, and --data another",
            hint="--feed replay:FILE alone, or --feed replay:2024-06-28 --data FILE",
        )
    return replace(options, data=(what,))


def _tell(entries: Sequence[Entry], here: Surroundings) -> None:
    """Say on stderr what just happened to an order."""
    for entry in entries:
        match entry:
            case OrderFilled(time=time, fill=fill):
                done = f"filled {fill.order_id} {fill.quantity:+d} {fill.symbol}"
                here.note(f"{rfc3339(time)}  {done} at {number(dollars(fill.price), 4)}")
            case OrderRefused(time=time, refused=refused):
                order = refused.order
                asked = f"refused {order.id} {order.quantity:+d} {order.symbol}"
                here.note(f"{rfc3339(time)}  {asked}: {refused.rule} {refused.reason}")
            case OrderRejected(time=time, order=order, reason=reason):
                asked = f"rejected {order.id} {order.quantity:+d} {order.symbol}"
                here.note(f"{rfc3339(time)}  {asked}: {reason}")


def _page(run: StoredRun, rows: Sequence[BlotterRow], speed: str, here: Surroundings) -> str:
    record, width = run.record, here.width
    title = f"PAPER REPLAY of {title_of(record.ground)}, speed {speed}"
    lines = [
        painted(title, "bold", here.colour_on(sys.stdout)),
        *ground_lines(record.ground, width),
        *terms(record.ground, width),
        "",
        *_blotter(rows, width, daily=record.ground.frequency == "1d"),
        "",
    ]
    for words in record.words:
        lines += sentence("Result", words, width)
    lines += sentence("End", _end(run), width)
    for notice in record.notices:
        lines += sentence("Note", notice, width)
    lines += [*sentence("Run", run.id, width), *steps(_next(run), width)]
    return "\n".join(lines)


def _next(run: StoredRun) -> list[str]:
    if not run.record.orders:
        return next_steps(run)[:1]
    return [f"papertape why {run.record.orders[0].id}"]


_HEADS = (
    *("time (UTC)", "id", "side", "qty", "symbol", "type"),
    *("state", "filled", "price", "bp", "reason"),
)


def _blotter(rows: Sequence[BlotterRow], width: int, *, daily: bool) -> list[str]:
    """The orders, one a line, each with its reason beside or below it."""
    if not rows:
        return ["no order was sent"]
    shown = 10 if daily else 19
    cells = [
        [
            row.time[:shown].replace("T", " "),
            row.id,
            row.side,
            str(abs(row.quantity)),
            row.symbol,
            row.type,
            row.state,
            str(abs(row.filled)),
            number(row.average_price),
            "" if row.against_decision_bp is None else f"{row.against_decision_bp:+.1f}",
            row.reason,
        ]
        for row in rows
    ]
    return listing(_HEADS, cells, left=3, width=width)


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
