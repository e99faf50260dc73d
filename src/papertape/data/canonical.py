"""The canonical form: bars as a CSV that any program reads, and a small JSON that explains it."""

from __future__ import annotations

import csv
import hashlib
import io
import tempfile
from collections.abc import Iterator
from datetime import date
from math import isnan, prod
from pathlib import Path

from papertape.domain.clock import Nanos, rfc3339
from papertape.domain.market import Dividend, PriceHistory, Split
from papertape.domain.money import dollars

HEADER = ("timestamp", "open", "high", "low", "close", "volume")
ACTIONS = ("dividend", "split")
MAP = f"--map {','.join(f'{name}={name}' for name in ACTIONS)}"
"""The option that reads the two columns again."""


def canonical(history: PriceHistory) -> str:
    """Bars as canonical CSV: session dates for daily bars, UTC starts for shorter ones.

    Splits and dividends, where there are any, stand in two columns more.
    """
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow((*HEADER, *(ACTIONS if history.actions else ())))
    writer.writerows(_rows(history))
    return page.getvalue()


def as_parquet(history: PriceHistory) -> bytes:
    """The same table as Parquet, its times with their zone."""
    import duckdb  # noqa: PLC0415 - heavy, and only Parquet needs it

    kinds = dict.fromkeys((*HEADER, *ACTIONS), "DOUBLE")
    kinds["timestamp"] = "DATE" if history.bars.frequency.is_daily else "TIMESTAMPTZ"
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as database:
        source, target = Path(folder, "bars.csv"), Path(folder, "bars.parquet")
        source.write_text(canonical(history), encoding="utf-8")
        named = (*HEADER, *(ACTIONS if history.actions else ()))
        table = database.read_csv(str(source), dtype={name: kinds[name] for name in named})
        table.write_parquet(str(target), compression="zstd")
        return target.read_bytes()


def explanation(history: PriceHistory, content: bytes, fetched_at: Nanos) -> dict[str, object]:
    """What the file cannot say itself: the sidecar that lies beside it."""
    return {
        "provider": history.source,
        "adjustment": history.adjusted,
        "timeframe": str(history.bars.frequency),
        "currency": history.bars.instrument.currency,
        "timezone": "UTC",
        "fetched_at": rfc3339(fetched_at),
        "rows": len(history.bars),
        "source_sha256": history.fingerprint,
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _rows(history: PriceHistory) -> Iterator[list[str]]:
    """Each bar as texts, and what happened to the shares before its first trade."""
    bars = history.bars
    daily = bars.frequency.is_daily
    seen: date | None = None
    for day, bar in zip(bars.days().tolist(), bars, strict=True):
        time = day.isoformat() if daily else rfc3339(bar.start)
        figures = (bar.open, bar.high, bar.low, bar.close, bar.volume)
        acting = _acting(history, day, first_of_day=day != seen)
        seen = day
        yield [time, *(plain(figure) for figure in figures), *acting]


def _acting(history: PriceHistory, day: date, *, first_of_day: bool) -> list[str]:
    """The dividend and the split of a day; no columns at all where a history has neither."""
    if not history.actions:
        return []
    today = [action for action in history.actions if first_of_day and action.ex_date == day]
    dividends = [each.amount for each in today if isinstance(each, Dividend)]
    splits = [each.ratio for each in today if isinstance(each, Split)]
    return [
        plain(dollars(sum(dividends))) if dividends else "",
        plain(float(prod(splits))) if splits else "",
    ]


def plain(figure: float) -> str:
    """A number without an exponent and without idle zeros; nothing where it is unknown."""
    return "" if isnan(figure) else f"{figure:.6f}".rstrip("0").rstrip(".")
