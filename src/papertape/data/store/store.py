"""Store: series of bars in the user's data folder, as revisions that are never overwritten."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

import msgspec
import numpy as np

from papertape.data.store.columns import COLUMNS, parts_of, read_parts
from papertape.data.store.lock import only_writer
from papertape.data.store.manifest import (
    SCHEMA,
    Actions,
    Change,
    Manifest,
    Origin,
    Part,
    content_of,
    names,
)
from papertape.data.store.merging import OnDifference, compared, merged
from papertape.data.store.publishing import BESIDE, publishing, sync
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import DAY, SECOND, Nanos, rfc3339
from papertape.domain.errors import DataError, SettingsError
from papertape.domain.market import Bars, Frequency, PriceHistory, bar_faults

_SERIES = re.compile(r"[A-Z0-9][A-Z0-9.]*-[0-9]+[md]")
_MANIFEST = re.compile(r"[0-9]{6}\.json")
_PART = re.compile(r"(all|[0-9]{4})-[0-9a-f]{16}\.parquet")


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of bars handed to the store: the newest revision, and whether they made it."""

    manifest: Manifest
    change: Change
    is_new: bool

    def after(self, earlier: Kept) -> Kept:
        """What became of bars kept in several pieces, told as one."""
        change = self.change.after(earlier.change)
        return Kept(self.manifest, change, self.is_new or earlier.is_new)


class Store:
    """The series under one folder: a folder each, in it Parquet files and a manifest a revision.

    Reading takes no lock: a revision is there whole once its manifest has its name, and nothing
    that it needs is ever changed.

    Args:
        root: The folder; made at the first writing.
        rehearse: Whether what would be written is only worked out and checked.
    """

    def __init__(self, root: Path, *, rehearse: bool = False):
        self.root = root
        self.rehearse = rehearse

    def series(self) -> list[Manifest]:
        """The newest revision of every series, by symbol and bar length."""
        if not self.root.is_dir():
            return []
        folders = (each for each in self.root.iterdir() if _SERIES.fullmatch(each.name))
        newest = (_newest(folder) for folder in folders)
        found = [manifest for manifest in newest if manifest]
        return sorted(found, key=lambda each: (each.symbol, each.frequency.minutes or DAY))

    def lengths(self, symbol: str) -> list[Frequency]:
        """The bar lengths that are there of a symbol, the longest first."""
        if not self.root.is_dir():
            return []
        names = (each.name for each in self.root.iterdir() if _SERIES.fullmatch(each.name))
        found = [
            Frequency.parse(name.split("-")[1]) for name in names if name.startswith(f"{symbol}-")
        ]
        return sorted(found, key=lambda each: -(each.minutes or DAY))

    def newest(self, symbol: str, frequency: Frequency) -> Manifest | None:
        """The newest revision of a series; None if there is none."""
        return _newest(self._folder(symbol, frequency))

    def revisions(self, symbol: str, frequency: Frequency) -> list[Manifest]:
        """All revisions of a series, oldest first."""
        return _all(self._folder(symbol, frequency))

    def read(
        self, manifest: Manifest, first: date | None = None, last: date | None = None
    ) -> PriceHistory:
        """A revision's bars from the first to the last of two exchange dates, both included.

        Raises:
            DataError: If rows of it are no bars, files are damaged, or no bar lies there.
        """
        if manifest.unsound:
            raise DataError(
                f"{manifest}: {manifest.unsound:,} of {manifest.rows:,} rows are no bars",
                hint=f"papertape data check {manifest.symbol} --bar {manifest.bar}",
                untouched="the store is as it was",
            )
        history = self.unchecked(manifest, first, last)
        if not len(history.bars):
            raise DataError(
                f"{manifest}: no bars from {first or 'the beginning'} to {last or 'the end'}; "
                f"it runs from {manifest.first} to {manifest.last}",
                hint="choose dates within that span, or fetch more: papertape data get "
                f"{manifest.symbol} --from {first or last}",
            )
        return history

    def unchecked(
        self, manifest: Manifest, first: date | None = None, last: date | None = None
    ) -> PriceHistory:
        """The same for who looks for faults: some rows may be no bars, or there may be none.

        Raises:
            DataError: If a file is damaged.
        """
        begins, ends = _span(manifest, first, last)
        wanted = [part for part in manifest.parts if part.last > begins and part.first < ends]
        folder = self._folder(manifest.symbol, manifest.frequency)
        bars = read_parts(folder, wanted, _empty(manifest))
        rows = np.searchsorted(bars.start, [begins, ends])
        bars = bars[int(rows[0]) : int(rows[1])]
        earliest, latest = first or date.min, last or date.max
        return PriceHistory(
            bars,
            actions=tuple(each for each in manifest.actions if earliest <= each.ex_date <= latest),
            adjusted=manifest.adjusted,
            source=str(manifest),
            fingerprint=manifest.content,
            notices=manifest.notices,
        )

    def add(
        self,
        history: PriceHistory,
        origin: Origin,
        fetched_at: Nanos,
        *,
        on_difference: OnDifference = "latest",
        reason: str = "fetched",
    ) -> Kept:
        """Put bars beside those that are there; the same bars again make no revision.

        Raises:
            DataError: If they are of another source or adjustment than the stored ones, on another
                scale, or differ from them and that is refused.
            LockHeld: If another process writes to the series.
            SettingsError: If the folder cannot be written.
        """
        with self._writing(history, fetched_at) as (folder, parent):
            if parent is None:
                return self._publish(folder, *revision(history, origin, fetched_at, reason))
            _refuse_other_source(parent, history, origin)
            both = merged(self.unchecked(parent), history, on_difference)
            if both.change.is_none:
                return Kept(parent, both.change, is_new=False)
            made = revision(both.history, origin, fetched_at, reason, parent, both.change)
            return self._publish(folder, *made, sound=parent.parts)

    def replace(
        self,
        history: PriceHistory,
        origin: Origin,
        fetched_at: Nanos,
        *,
        reason: str,
        instead_of: Manifest | None = None,
    ) -> Kept:
        """Make a revision of these bars alone; the ones before stay in their own revisions.

        Args:
            history: All the bars of the series.
            origin: Where they come from.
            fetched_at: When they were fetched.
            reason: Why, like ``fix D3``.
            instead_of: The revision they were made from, where it must still be the newest.

        Raises:
            DataError: If the series has moved on since then.
            LockHeld: If another process writes to the series.
            SettingsError: If the folder cannot be written.
        """
        with self._writing(history, fetched_at) as (folder, parent):
            if instead_of is not None and parent != instead_of:
                raise DataError(
                    f"{instead_of} is no longer the newest revision",
                    hint="do it again: it will start from the newest one",
                )
            if parent is None:
                return self._publish(folder, *revision(history, origin, fetched_at, reason))
            try:
                change, sound = compared(self.unchecked(parent), history), parent.parts
            except DataError as damage:  # what is there cannot be read, and so is not compared
                change, sound = Change(added=len(history.bars), words=(damage.message,)), ()
            kind = (parent.adjusted, parent.origin.words)
            if change.is_none and kind == (history.adjusted, origin.words):
                return Kept(parent, change, is_new=False)
            made = revision(history, origin, fetched_at, reason, parent, change)
            return self._publish(folder, *made, sound=sound)

    def remove(self, symbol: str, frequency: Frequency, now: Nanos) -> None:
        """Delete a series with all its revisions.

        Raises:
            LockHeld: If another process writes to the series.
            SettingsError: If the folder cannot be written.
        """
        folder = self._folder(symbol, frequency)
        try:
            with only_writer(self._lock(folder), now):
                self._clear(folder)
                folder.rename(self._gone(folder))  # in one step: half a series would look whole
                sync(self.root)
                self._clear(folder)
        except OSError as error:
            raise _unwritable(self.root, error) from None

    def _publish(
        self,
        folder: Path,
        manifest: Manifest,
        parts: Mapping[str, Bars],
        sound: Sequence[Part] = (),
    ) -> Kept:
        """Make a revision appear; parts that were just read and found sound are not written."""
        there = {part.name for part in sound}
        if not self.rehearse:
            new = {name: bars for name, bars in parts.items() if name not in there}
            for _ in publishing(folder, new, file_name(manifest), msgspec.json.encode(manifest)):
                pass
        return Kept(manifest, manifest.change, is_new=True)

    @contextmanager
    def _writing(self, history: PriceHistory, now: Nanos) -> Iterator[tuple[Path, Manifest | None]]:
        """The series' folder and its newest revision, while nobody else writes to it."""
        bars = history.bars
        folder = self._folder(bars.symbol, bars.frequency)
        if not len(bars) or bool(np.any(np.diff(bars.start) <= 0)):
            raise DataError(
                f"{bars.symbol}: there are no bars to keep, or not in the order of time"
            )
        if self.rehearse:
            yield folder, _newest(folder)
            return
        try:
            self.root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.mkdir(mode=0o700, exist_ok=True)
            with only_writer(self._lock(folder), now):
                folder.mkdir(mode=0o700, exist_ok=True)
                sync(self.root)
                self._clear(folder)
                _sweep(folder)
                yield folder, _newest(folder)
        except OSError as error:
            raise _unwritable(self.root, error) from None

    def _folder(self, symbol: str, frequency: Frequency) -> Path:
        return self.root / f"{symbol}-{frequency}"

    def _lock(self, folder: Path) -> Path:
        return self.root / f".{folder.name}.lock"

    def _gone(self, folder: Path) -> Path:
        return self.root / f".{folder.name}.gone"

    def _clear(self, folder: Path) -> None:
        """Take away what is left of a series that was removed."""
        shutil.rmtree(self._gone(folder), ignore_errors=True)


def revision(
    history: PriceHistory,
    origin: Origin,
    fetched_at: Nanos,
    reason: str,
    parent: Manifest | None = None,
    change: Change | None = None,
) -> tuple[Manifest, dict[str, Bars]]:
    """The manifest of a revision that holds this history, and its parts by file name."""
    bars = history.bars
    cut: dict[Part, Bars] = dict(parts_of(bars))
    parts = tuple(cut)
    manifest = Manifest(
        symbol=bars.symbol,
        bar=str(bars.frequency),
        venue=bars.instrument.venue,
        currency=bars.instrument.currency,
        revision=parent.revision + 1 if parent else 1,
        parent=parent.revision if parent else 0,
        origin=origin,
        adjusted=history.adjusted,
        fetched_at=rfc3339(fetched_at),
        reason=reason,
        rows=len(bars),
        unsound=_unsound(bars),
        first=rfc3339(int(bars.start[0])),
        last=rfc3339(int(bars.end[-1])),
        content=content_of(
            bars.instrument, bars.frequency, history.adjusted, parts, history.actions
        ),
        parts=parts,
        written=Actions.of(history.actions),
        change=change or Change(added=len(bars), actions=len(history.actions)),
        notices=history.notices,
    )
    return manifest, {part.name: rows for part, rows in cut.items()}


def file_name(manifest: Manifest) -> str:
    """The name of a revision's manifest in its series' folder."""
    return f"{manifest.revision:06}.json"


def _unsound(bars: Bars) -> int:
    faults = {row for row, _ in bar_faults(bars.open, bars.high, bars.low, bars.close, bars.volume)}
    crossed = np.flatnonzero(bars.start[1:] < bars.end[:-1]) + 1
    return len(
        faults | set(crossed.tolist()) | set(np.flatnonzero(bars.end <= bars.start).tolist())
    )


def _refuse_other_source(parent: Manifest, history: PriceHistory, origin: Origin) -> None:
    stored = (parent.origin.words, parent.adjusted, parent.currency)
    now = (origin.words, history.adjusted, history.bars.instrument.currency)
    if stored != now:
        raise DataError(
            f"{parent.symbol} {parent.bar}: the stored bars are {' '.join(stored)}, these are "
            f"{' '.join(now)}; they are not mixed",
            hint="--replace makes a revision of the new bars alone",
        )


def _newest(folder: Path) -> Manifest | None:
    files = _files(folder)
    return _decoded(files[-1]) if files else None


def _all(folder: Path) -> list[Manifest]:
    return [_decoded(file) for file in _files(folder)]


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if _MANIFEST.fullmatch(file.name))


def _decoded(file: Path) -> Manifest:
    try:
        manifest = msgspec.json.decode(file.read_bytes(), type=Manifest)
    except (msgspec.MsgspecError, OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"the manifest {file} cannot be read: {error}",
            hint=f"move it away: what {file.parent.name} held before it is whole, and where that is"
            " nothing, import or fetch the bars again",
            untouched="the store is as it was",
        ) from None
    plain = all(_PART.fullmatch(part.name) for part in manifest.parts)
    place = (f"{manifest.symbol}-{manifest.bar}", file_name(manifest))
    if manifest.schema != SCHEMA or place != (file.parent.name, file.name) or not plain:
        raise DataError(
            f"the manifest {file} is not one of this place, or of another kind: {manifest.schema}",
            hint="use the papertape that wrote it, where it wrote it",
            untouched="the store is as it was",
        )
    return manifest


def _sweep(folder: Path) -> None:
    """Take away what a writer that died has left: files beside their places, and unnamed parts."""
    needed = set(names(_all(folder)))
    for file in folder.iterdir():
        if file.name.startswith(BESIDE) or (file.suffix == ".parquet" and file.name not in needed):
            with suppress(FileNotFoundError):
                file.unlink()


def _empty(manifest: Manifest) -> Bars:
    columns = (
        np.empty(0, np.int64 if name in ("start", "end") else np.float64) for name in COLUMNS
    )
    return Bars.trusted(manifest.instrument, manifest.frequency, *columns)


def _span(manifest: Manifest, first: date | None, last: date | None) -> tuple[Nanos, Nanos]:
    """The moments at which the exchange's first date begins and its last one is over."""
    zone = calendar_of(manifest.venue).zone

    def midnight(day: date) -> Nanos:
        return int(datetime.combine(day, time(), tzinfo=zone).timestamp()) * SECOND

    far = np.iinfo(np.int64)
    return (
        midnight(first) if first else int(far.min),
        midnight(last + timedelta(1)) if last else int(far.max),
    )


def _unwritable(root: Path, error: OSError) -> SettingsError:
    return SettingsError(
        f"bars cannot be kept in {root}: {error.strerror or error}",
        hint="make room there, or choose a folder you may write with --home DIR",
        untouched="what was kept before is as it was",
    )
