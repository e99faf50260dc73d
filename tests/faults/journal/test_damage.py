"""Fault F5: a journal that is not what was written is refused, and its backup is named."""

from __future__ import annotations

from pathlib import Path
from random import Random
from zlib import crc32

import apsw
import pytest
from tests.lines import line

from papertape.domain.day import Line
from papertape.domain.errors import DataError, JournalBehind, PapertapeError
from papertape.monitoring.journal import LINES, Journal, Place

COUNT = 60
WRITTEN = [line(number) for number in range(1, COUNT + 1)]


@pytest.fixture
def place(quick_folder: Path) -> Place:
    place = Place(quick_folder, "spy")
    with Journal.opened(place, LINES, 1) as journal:
        journal.record(WRITTEN[:30])
        journal.record(WRITTEN[30:])
    return place


def edit(place: Place, *orders: str) -> None:
    """Change the file as somebody could who has SQLite at hand."""
    sql = apsw.Connection(str(place.file))
    for order in orders:
        sql.execute(order)
    sql.close()


def test_a_flipped_bit_is_never_taken_for_another_history(place: Place) -> None:
    content, head = place.file.read_bytes(), place.head.read_bytes()
    random = Random(5)
    refused = 0
    for _ in range(200):
        spoilt = bytearray(content)
        spoilt[random.randrange(len(spoilt))] ^= 1 << random.randrange(8)
        place.file.write_bytes(spoilt)
        place.head.write_bytes(head)
        try:
            found: list[Line] = Journal.read(place, LINES, 2)
        except PapertapeError:
            refused += 1
        else:
            assert found == WRITTEN  # the bit was in a part of the file that means nothing
    assert refused > 100


@pytest.mark.parametrize("number", [1, 31, COUNT])
def test_a_flipped_bit_in_a_body_is_found_and_the_backup_named(place: Place, number: int) -> None:
    body = LINES.write(line(number))[1]
    middle = len(body) // 2
    spoilt = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
    # Pages keep remains of lines that moved to others: each place where it could be is spoilt.
    place.file.write_bytes(place.file.read_bytes().replace(body, spoilt))
    before = place.file.read_bytes()
    with pytest.raises(DataError, match=f"line {number}: it is not what was written") as refused:
        Journal.opened(place, LINES, 2)
    assert str(place.backup) in refused.value.hint
    assert place.file.read_bytes() == before
    place.file.write_bytes(place.backup.read_bytes())
    assert Journal.read(place, LINES, 2) == WRITTEN


def test_without_a_backup_none_is_named(place: Place) -> None:
    place.backup.unlink()
    edit(place, "UPDATE line SET body = X'00' WHERE seq = 7")
    with pytest.raises(DataError, match="line 7: ") as refused:
        Journal.opened(place, LINES, 2)
    assert "no backup" in refused.value.hint


@pytest.mark.parametrize(
    ("orders", "found"),
    [
        (["DELETE FROM line WHERE seq = 20"], "line 20: it does not follow"),
        (["UPDATE line SET seq = 99 WHERE seq = 20"], "line 20: it does not follow"),
        (["UPDATE line SET previous = zeroblob(32) WHERE seq = 20"], "line 20: it is not what"),
        (["UPDATE line SET time = time + 1 WHERE seq = 20"], "line 20: it is not what"),
        (["UPDATE line SET kind = 'busted' WHERE seq = 20"], "line 20: it is not what"),
        (["UPDATE line SET kind = CAST(X'FF' AS TEXT) WHERE seq = 20"], "damaged"),
        (["DROP TABLE line"], "damaged"),
        (["DROP TABLE line", "CREATE TABLE line (a, b)"], "damaged"),
        (["DELETE FROM version"], "damaged"),
        (["DELETE FROM journal"], "damaged"),
        (["UPDATE journal SET run = 'other@1'"], "line 1: it does not follow"),
    ],
)
def test_what_was_edited_is_found(place: Place, orders: list[str], found: str) -> None:
    edit(place, *orders)
    with pytest.raises(DataError, match=found):
        Journal.opened(place, LINES, 2)


def test_an_edit_that_mends_its_checksum_breaks_the_chain(place: Place) -> None:
    sql = apsw.Connection(str(place.file))
    seq, time, kind, body, _, previous = sql.execute(
        "SELECT * FROM line WHERE kind = 'accepted' AND seq > 9 LIMIT 1"
    ).fetchall()[0]
    edited = body.replace(b'"quantity":1,', b'"quantity":9,')
    assert edited != body
    crc = crc32(b"%b%d %d %b %b" % (previous, seq, time, kind.encode(), edited))
    sql.execute("UPDATE line SET body = ?, crc = ? WHERE seq = ?", (edited, crc, seq))
    sql.close()
    with pytest.raises(DataError, match=f"line {seq + 1}: it does not follow"):
        Journal.opened(place, LINES, 2)


def test_lines_cut_off_at_the_end_are_missed(place: Place) -> None:
    edit(place, f"DELETE FROM line WHERE seq > {COUNT - 3}")
    with pytest.raises(JournalBehind, match="ends at line 57, and line 60 is known"):
        Journal.opened(place, LINES, 2)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_file_cut_short_is_refused(place: Place, share: float) -> None:
    content = place.file.read_bytes()
    place.file.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError):
        Journal.opened(place, LINES, 2)


@pytest.mark.parametrize("content", [b"", b"no database at all " * 99, b"SQLite format 3\0"])
def test_a_file_that_is_no_journal_is_refused(place: Place, content: bytes) -> None:
    place.file.write_bytes(content)
    with pytest.raises(DataError):
        Journal.opened(place, LINES, 2)


def test_a_database_of_somebody_else_is_refused(place: Place) -> None:
    place.file.unlink()
    edit(place, "CREATE TABLE t (x)")
    with pytest.raises(DataError, match="is no journal"):
        Journal.opened(place, LINES, 2)


def test_a_head_that_is_spoilt_in_one_sector_is_read_from_the_other(place: Place) -> None:
    content = bytearray(place.head.read_bytes())
    for sector in (0, 512):
        spoilt = bytearray(content)
        spoilt[sector + 40] ^= 4
        place.head.write_bytes(spoilt)
        try:
            assert Journal.read(place, LINES, 2) == WRITTEN
        except JournalBehind:
            pytest.fail("one whole sector is enough")
    place.head.write_bytes(bytes(1024))
    with pytest.raises(JournalBehind, match="head file"):
        Journal.opened(place, LINES, 2)
