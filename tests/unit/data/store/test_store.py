"""Bars go in and come out; nothing is overwritten, nothing is mixed, nothing is half there."""

from __future__ import annotations

import stat
from datetime import date
from fractions import Fraction

import duckdb
import numpy as np
import pytest
from tests.unit.data.store.conftest import NOW, ORIGIN, daily, minutes

from papertape.data.store import Origin, Store
from papertape.domain.clock import DAY
from papertape.domain.errors import DataError, LockHeld, SettingsError
from papertape.domain.market import (
    DAILY,
    Bars,
    Delisting,
    Dividend,
    Frequency,
    PriceHistory,
    Renaming,
    Split,
)

COLUMNS = ("start", "end", "open", "high", "low", "close", "volume")
ONE_MINUTE = Frequency.parse("1m")


def same(one: Bars, other: Bars) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in COLUMNS
    )


def test_what_goes_in_comes_out(store: Store) -> None:
    actions = (
        Split("TEST", date(2024, 1, 4), Fraction(1, 10)),
        Dividend("TEST", date(2024, 1, 5), 123_456, date(2024, 1, 31)),
        Renaming("TEST", date(2024, 1, 8), "REST"),
        Delisting("TEST", date(2024, 1, 9), haircut=Fraction(1, 4)),
    )
    kept = store.add(daily(actions=actions), ORIGIN, NOW)
    assert kept.is_new
    manifest = store.newest("TEST", DAILY)
    assert manifest == kept.manifest
    history = store.read(manifest)
    assert same(history.bars, daily().bars)
    assert history.actions == actions
    assert (history.adjusted, history.fingerprint) == ("raw", manifest.content)
    assert (manifest.rows, manifest.revision, manifest.parent) == (6, 1, 0)
    assert manifest.first == "2024-01-02T14:30:00Z"
    assert manifest.last == "2024-01-09T21:00:00Z"
    assert manifest.origin.terms == "do as you like"


def test_minutes_of_two_years_and_unknown_volumes_come_out_as_they_went_in(store: Store) -> None:
    history = minutes(3_000, first=1_577_800_000_000_000_000)  # crosses 2020-01-01
    manifest = store.add(history, ORIGIN, NOW).manifest
    assert [part.name[:5] for part in manifest.parts] == ["2019-", "2020-"]
    assert same(store.read(manifest).bars, history.bars)


def test_the_same_bars_again_make_no_revision(store: Store) -> None:
    first = store.add(daily(), ORIGIN, NOW)
    again = store.add(daily(), ORIGIN, NOW + DAY)
    assert not again.is_new
    assert again.manifest == first.manifest
    assert len(store.revisions("TEST", DAILY)) == 1


def test_the_same_bars_have_the_same_hash_whenever_and_in_how_many_pieces(store: Store) -> None:
    whole = store.add(minutes(900), ORIGIN, NOW).manifest
    pieces = Store(store.root.parent / "other")
    for begin in (600, 0, 300):  # out of order, too
        bars = minutes(900).bars[begin : begin + 300]
        last = pieces.add(PriceHistory(bars), ORIGIN, NOW + DAY + begin).manifest
    assert last.content == whole.content
    assert last.revision == 3


def test_later_bars_are_put_beside_the_earlier_ones(store: Store) -> None:
    store.add(daily(), ORIGIN, NOW)
    kept = store.add(daily(date(2024, 1, 8), (104, 105, 106, 107)), ORIGIN, NOW, reason="more")
    # The two last stored closes and these are of the same days, but for the volume.
    assert kept.change.added == 2
    assert kept.change.corrected == 2
    assert kept.manifest.rows == 8
    assert kept.manifest.reason == "more"
    assert store.read(kept.manifest).bars.close.tolist() == [100, 101, 102, 103, 104, 105, 106, 107]


def test_a_corrected_bar_wins_and_the_revision_says_what_it_changed(store: Store) -> None:
    store.add(daily(), ORIGIN, NOW)
    kept = store.add(daily(closes=(100, 101, 102.5, 103, 104, 105)), ORIGIN, NOW + DAY)
    assert (kept.change.corrected, kept.change.added) == (1, 0)
    assert kept.change.first == kept.change.last == "2024-01-04T14:30:00Z"
    before, after = store.revisions("TEST", DAILY)
    assert (after.parent, after.revision) == (1, 2)
    assert store.read(before).bars.close[2] == 102
    assert store.read(after).bars.close[2] == 102.5


def test_what_is_stored_may_win_and_a_difference_may_be_refused(store: Store) -> None:
    store.add(daily(), ORIGIN, NOW)
    other = daily(closes=(100, 101, 102.5, 103, 104, 105, 106))
    with pytest.raises(DataError, match=r"1 of 6 bars differ .* 2024-01-04"):
        store.add(other, ORIGIN, NOW, on_difference="refuse")
    kept = store.add(other, ORIGIN, NOW, on_difference="stored")
    assert store.read(kept.manifest).bars.close.tolist() == [100, 101, 102, 103, 104, 105, 106]


def test_bars_that_a_later_fetch_leaves_out_are_kept_and_counted(store: Store) -> None:
    store.add(daily(), ORIGIN, NOW)
    bars = daily(closes=(100, 101, 102, 103, 104, 105, 106)).bars
    chosen = [0, 1, 3, 4, 5, 6]
    holed = Bars(bars.instrument, DAILY, *(getattr(bars, name)[chosen] for name in COLUMNS))
    kept = store.add(PriceHistory(holed), ORIGIN, NOW)
    assert kept.change.unsaid == 1
    assert kept.manifest.rows == 7


def test_a_dividend_told_later_is_a_revision(store: Store) -> None:
    store.add(daily(), ORIGIN, NOW)
    paid = Dividend("TEST", date(2024, 1, 5), 1_000_000, date(2024, 1, 31))
    kept = store.add(daily(actions=[paid]), ORIGIN, NOW)
    assert (kept.change.actions, kept.change.corrected) == (1, 0)
    assert store.read(kept.manifest).actions == (paid,)
    # A fetch that says nothing of it takes nothing away.
    assert not store.add(daily(), ORIGIN, NOW).is_new


def test_a_window_is_read_by_the_exchanges_dates(store: Store) -> None:
    paid = Dividend("TEST", date(2024, 1, 5), 1_000_000, date(2024, 1, 31))
    manifest = store.add(daily(actions=[paid]), ORIGIN, NOW).manifest
    window = store.read(manifest, date(2024, 1, 3), date(2024, 1, 4))
    assert window.bars.close.tolist() == [101, 102]
    assert window.actions == ()
    with pytest.raises(DataError, match="no bars from 2025-01-01 to the end; it runs from 2024"):
        store.read(manifest, date(2025, 1, 1))


def test_a_window_of_minutes_reads_only_the_parts_it_needs(store: Store) -> None:
    manifest = store.add(minutes(3_000, first=1_577_800_000_000_000_000), ORIGIN, NOW).manifest
    (store.root / "WALK-1m" / manifest.parts[0].name).unlink()
    # New York's 2020 begins at 05:00 UTC, 914 minutes after the first bar.
    assert len(store.read(manifest, date(2020, 1, 1)).bars) == 3_000 - 914
    with pytest.raises(DataError, match="damaged"):
        store.read(manifest)


@pytest.mark.parametrize(
    ("origin", "adjusted", "said"),
    [
        (Origin(provider="other"), "raw", "madeup/sip raw USD, these are other raw USD"),
        (Origin(provider="madeup", feed="iex"), "raw", "these are madeup/iex raw"),
        (ORIGIN, "split", "these are madeup/sip split"),
    ],
)
def test_sources_feeds_and_adjustments_are_not_mixed(
    origin: Origin, adjusted: str, said: str, store: Store
) -> None:
    store.add(daily(), ORIGIN, NOW)
    other = daily(closes=(100, 101, 102, 103, 104, 105, 106), adjusted=adjusted)
    with pytest.raises(DataError, match=said):
        store.add(other, origin, NOW)
    kept = store.replace(other, origin, NOW, reason="another source")
    assert (kept.change.added, kept.change.corrected) == (1, 0)
    assert kept.manifest.origin == origin
    assert store.read(store.revisions("TEST", DAILY)[0]).adjusted == "raw"


def test_a_repair_starts_from_the_newest_revision_or_not_at_all(store: Store) -> None:
    first = store.add(daily(), ORIGIN, NOW).manifest
    mended = daily(closes=(100, 101, 102, 103, 104))
    second = store.replace(mended, ORIGIN, NOW, reason="fix D10", instead_of=first)
    assert (second.change.removed, second.manifest.reason) == (1, "fix D10")
    with pytest.raises(DataError, match="no longer the newest"):
        store.replace(mended, ORIGIN, NOW, reason="fix D10", instead_of=first)


def test_rows_that_are_no_bars_are_kept_for_the_check_and_refused_to_a_run(store: Store) -> None:
    bars = daily().bars
    columns = {name: getattr(bars, name).copy() for name in COLUMNS}
    columns["high"][2] = columns["low"][2] - 1
    broken = Bars.trusted(bars.instrument, DAILY, *columns.values())
    manifest = store.add(PriceHistory(broken), ORIGIN, NOW).manifest
    assert manifest.unsound == 1
    assert store.unchecked(manifest).bars.high[2] == 100
    with pytest.raises(DataError, match="1 of 6 rows are no bars"):
        store.read(manifest)


def test_a_changed_byte_is_noticed(store: Store) -> None:
    manifest = store.add(minutes(500), ORIGIN, NOW).manifest
    file = store.root / "WALK-1m" / manifest.parts[0].name
    content = bytearray(file.read_bytes())
    for place in (100, len(content) // 3, len(content) // 2):
        spoiled = content.copy()
        spoiled[place] ^= 0x10
        file.write_bytes(spoiled)
        with pytest.raises(DataError, match="damaged"):
            store.read(manifest)


def test_a_damaged_series_is_mended_by_the_same_bars_in_its_place(store: Store) -> None:
    manifest = store.add(minutes(500), ORIGIN, NOW).manifest
    file = store.root / "WALK-1m" / manifest.parts[0].name
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DataError, match="damaged"):
        store.add(minutes(600), ORIGIN, NOW)
    kept = store.replace(minutes(500), ORIGIN, NOW, reason="mended")
    assert kept.is_new
    assert "damaged" in kept.change.words[0]
    assert same(store.read(kept.manifest).bars, minutes(500).bars)


def test_a_replacement_by_the_same_bars_of_the_same_source_is_none(store: Store) -> None:
    store.add(daily(), ORIGIN, NOW)
    assert not store.replace(daily(), ORIGIN, NOW, reason="again").is_new
    other = store.replace(daily(), Origin(provider="other"), NOW, reason="again")
    assert (other.is_new, other.manifest.revision, other.change.is_none) == (True, 2, True)


def test_bars_out_of_order_are_refused(store: Store) -> None:
    bars = daily().bars
    turned = Bars.trusted(bars.instrument, DAILY, *(getattr(bars, n)[::-1] for n in COLUMNS))
    with pytest.raises(DataError, match="not in the order of time"):
        store.add(PriceHistory(turned), ORIGIN, NOW)


def test_a_torn_manifest_is_named(store: Store) -> None:
    store.add(daily(), ORIGIN, NOW)
    file = store.root / "TEST-1d" / "000001.json"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"000001\.json cannot be read"):
        store.newest("TEST", DAILY)


def test_a_manifest_of_another_place_is_refused(store: Store) -> None:
    manifest = store.add(daily(), ORIGIN, NOW).manifest
    file = store.root / "TEST-1d" / "000001.json"
    text = file.read_text()
    for old, new in (
        (manifest.parts[0].name, "../../x.parquet"),
        ('"symbol":"TEST"', '"symbol":"OTHER"'),
        ('"revision":1', '"revision":7'),
        ("papertape.bars/1", "papertape.bars/9"),
    ):
        assert old in text
        file.write_text(text.replace(old, new))
        with pytest.raises(DataError, match="not one of this place"):
            store.newest("TEST", DAILY)


def test_one_writes_and_another_is_told_who(store: Store) -> None:
    store.add(daily(), ORIGIN, NOW)
    with store._writing(daily(), NOW), pytest.raises(LockHeld, match=r"process [0-9]+ since 2026"):
        store.add(daily(), ORIGIN, NOW)
    assert not store.add(daily(), ORIGIN, NOW).is_new
    with store._writing(daily(), NOW):
        assert len(store.read(store.newest("TEST", DAILY)).bars) == 6  # readers are not disturbed
        store.add(daily(symbol="OTHER"), ORIGIN, NOW)


def test_series_are_listed_by_symbol_and_length(store: Store) -> None:
    assert store.series() == []
    store.add(daily(), ORIGIN, NOW)
    store.add(minutes(100), ORIGIN, NOW)
    store.add(daily(symbol="BRK.B"), ORIGIN, NOW)
    (store.root / "notes").mkdir()
    assert [(each.symbol, each.bar) for each in store.series()] == [
        ("BRK.B", "1d"),
        ("TEST", "1d"),
        ("WALK", "1m"),
    ]


def test_a_series_can_be_taken_away(store: Store) -> None:
    store.add(daily(), ORIGIN, NOW)
    assert store.lengths("TEST") == [DAILY]
    store.remove("TEST", DAILY, NOW)
    assert store.lengths("TEST") == []
    assert [file.name for file in store.root.iterdir()] == [".TEST-1d.lock"]
    assert store.newest("TEST", DAILY) is None
    assert store.add(daily(), ORIGIN, NOW).manifest.revision == 1


def test_the_files_are_their_owners_alone_and_open_to_sql(store: Store) -> None:
    manifest = store.add(daily(), ORIGIN, NOW).manifest
    folder = store.root / "TEST-1d"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    query = "SELECT typeof(start), close FROM read_parquet(?) ORDER BY start LIMIT 1"
    with duckdb.connect() as reader:
        found = reader.execute(query, [str(folder / manifest.parts[0].name)]).fetchone()
    assert found == ("TIMESTAMP_NS", 100.0)


def test_a_folder_whose_name_is_a_pattern_is_a_folder(store: Store) -> None:
    odd = Store(store.root.parent / "a[b]*'?c")
    manifest = odd.add(daily(), ORIGIN, NOW).manifest
    assert len(odd.read(manifest).bars) == 6


def test_a_folder_that_cannot_be_written_is_a_setting(store: Store) -> None:
    store.root.parent.mkdir(exist_ok=True)
    store.root.write_text("a file")
    with pytest.raises(SettingsError, match="bars cannot be kept"):
        store.add(daily(), ORIGIN, NOW)
