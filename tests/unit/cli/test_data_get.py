"""`papertape data get`: every bar once, every piece kept, every emptiness explained."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from tests.unit.cli import madeup
from tests.unit.cli.golden_pages import NOON
from tests.unit.cli.madeup import ASKED, FAULTS, bars_of

from papertape.data.store import Store
from papertape.domain.clock import DAY
from papertape.domain.errors import ProviderError
from papertape.domain.market import DAILY, Frequency

KEY = "papertape-test-0123456789"
GET = ("data", "get", "TEST", "--provider", "madeup")
YEAR = ("--from", "2024-01-02", "--to", "2024-12-31")
HOUR = Frequency.parse("1h")


@pytest.fixture(autouse=True)
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    madeup.install(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setenv("MADEUP_API_KEY", KEY)
    ASKED.clear()
    FAULTS.clear()
    yield
    FAULTS.clear()


@pytest.fixture
def store(folder: Path) -> Store:
    return Store(folder.parent / "home" / "data")


def test_a_fetched_series_is_kept_and_the_same_again_changes_nothing(typed, store: Store) -> None:
    said = typed(*GET, *YEAR)
    assert said.code == 0, said.err
    assert "252 bars  revision 1: 252 added" in said.out
    manifest = store.newest("TEST", DAILY)
    assert manifest.origin.provider == "madeup"
    assert manifest.origin.terms == "made up, do as you like"
    assert manifest.fetched_at == "2026-11-22T12:00:00Z"
    expected = bars_of("TEST", DAILY).bars
    stored = store.read(manifest).bars
    at = list(expected.start).index(stored.start[0])
    assert stored.close.tolist() == expected.close[at : at + 252].tolist()
    assert "unchanged, revision 1" in typed(*GET, *YEAR).out
    assert len(store.revisions("TEST", DAILY)) == 1


def test_minutes_come_in_pieces_that_share_some_days(typed, store: Store) -> None:
    said = typed(*GET, *YEAR, "--bar", "1h")
    assert said.code == 0, said.err
    spans = [(first, last) for _, first, last, _ in ASKED]
    assert [last for _, last in spans][-1] == date(2024, 12, 31)
    assert len(spans) == 4
    assert all(after[0] < before[1] for before, after in pairwise(spans))
    manifest = store.newest("TEST", HOUR)
    assert (manifest.rows, manifest.revision) == (252 * 7, 4)
    assert manifest.change.corrected == 0


def test_what_broke_off_goes_on_where_it_stopped(typed, store: Store) -> None:
    FAULTS.update(after=2)
    said = typed(*GET, *YEAR, "--bar", "1h")
    assert said.code == 6
    assert "madeup cannot be reached" in said.err
    assert "bars of TEST to 2024-07-0" in said.err
    assert "are kept" in said.err
    assert "--resume" in said.err
    FAULTS.clear()
    ASKED.clear()
    assert typed(*GET, *YEAR, "--bar", "1h", "--resume").code == 0
    assert ASKED[0][1] > date(2024, 6, 1)
    assert store.newest("TEST", HOUR).rows == 252 * 7


def test_the_symbols_before_the_one_that_fails_are_kept_and_named(typed, store: Store) -> None:
    FAULTS.update(after=2)
    symbols = ("A", "B", "C", "D")
    said = typed("data", "get", *symbols, "--provider", "madeup", *YEAR)
    assert said.code == 6
    assert "252 bars of A to 2024-12-31 and 252 bars of B to 2024-12-31 are kept" in said.err
    assert [each.symbol for each in store.series()] == ["A", "B"]


def test_going_on_says_what_it_leaves_out(typed, store: Store) -> None:
    assert typed(*GET, "--from", "2024-06-03", "--to", "2024-06-28").code == 0
    said = typed(*GET, *YEAR, "--resume")
    assert said.code == 0
    assert "begins on 2024-06-03; --resume adds nothing before" in " ".join(said.out.split())
    assert store.newest("TEST", DAILY).first[:10] == "2024-06-03"
    assert typed(*GET, *YEAR).code == 0
    assert store.newest("TEST", DAILY).rows == 252


def test_an_interruption_says_what_is_kept(typed, store: Store) -> None:
    FAULTS.update(after=1, error=KeyboardInterrupt())
    said = typed(*GET, *YEAR, "--bar", "1h")
    assert said.code == 130
    assert "interrupted: 441 bars of TEST to 2024-04-0" in said.err
    assert store.newest("TEST", HOUR).rows == 441


def test_pieces_before_the_first_bar_are_no_error(typed, store: Store) -> None:
    said = typed(*GET, "--from", "2022-01-03", "--to", "2023-03-31", "--bar", "1h")
    assert said.code == 0, said.err
    assert "left out: madeup" in " ".join(said.out.split())
    assert store.newest("TEST", HOUR).first[:10] == "2023-01-03"


EMPTY = [
    ("a weekend", 4, ("--from", "2024-07-06", "--to", "2024-07-07"), "a weekend or a holiday"),
    ("a holiday", 4, ("--from", "2024-07-04", "--to", "2024-07-04"), "a weekend or a holiday"),
    ("tomorrow", 4, ("--from", "2026-12-01", "--to", "2026-12-02"), "has not come yet"),
    ("before its history", 4, ("--from", "2022-01-03", "--to", "2022-02-03"), "before 2023-01-03"),
    ("inside out", 2, ("--from", "2024-02-01", "--to", "2024-01-02"), "swap them"),
]


@pytest.mark.parametrize(
    ("code", "words", "why"), [row[1:] for row in EMPTY], ids=[row[0] for row in EMPTY]
)
def test_no_bars_are_an_error_that_names_the_cause(
    code: int, words: tuple[str, ...], why: str, typed, folder: Path
) -> None:
    said = typed(*GET, *words)
    assert said.code == code, said
    assert why in said.err
    assert said.out == ""
    assert not (folder.parent / "home" / "data").exists()


def test_a_wrong_symbol_and_the_plan_are_named_where_a_source_has_nothing(typed) -> None:
    said = typed("data", "get", "NOBODY", "--provider", "madeup", *YEAR)
    assert said.code == 4
    assert "the symbol may be wrong" in said.err
    assert "outside the plan (3 symbols)" in said.err


def test_a_provider_out_of_reach_and_a_refused_key_have_their_own_codes(typed, monkeypatch) -> None:
    FAULTS.update(after=0, error=ProviderError("no route", hint="check the network"))
    assert typed(*GET, *YEAR).code == 6
    monkeypatch.setenv("MADEUP_API_KEY", "papertape-test-wrong")
    assert typed(*GET, *YEAR).code == 3


def test_a_split_between_two_fetches_is_refused_and_the_whole_span_is_taken(
    typed, store: Store
) -> None:
    FAULTS.update(adjusted="split")
    assert typed(*GET, "--from", "2024-01-02", "--to", "2024-06-28").code == 0
    FAULTS.update(factor=0.25)
    said = typed(*GET, "--from", "2024-07-01", "--to", "2024-12-31")
    assert said.code == 4
    assert "as a split of 4:1 makes it" in said.err
    assert "2024-01-02" in said.err
    assert store.newest("TEST", DAILY).revision == 1
    said = typed(*GET, *YEAR)
    assert said.code == 0
    assert "restated" in said.out
    assert store.newest("TEST", DAILY).rows == 252


def test_adjusted_prices_are_refused_where_raw_ones_were_asked_for(typed) -> None:
    FAULTS.update(adjusted="split")
    said = typed(*GET, *YEAR, "--adjust", "none")
    assert said.code == 4
    assert "gives prices adjusted (split), not raw" in said.err
    FAULTS.clear()
    assert typed(*GET, *YEAR, "--adjust", "split").code == 0


def test_a_day_that_is_not_over_has_no_bar_yet(typed, store: Store) -> None:
    monday = NOON + DAY + 5 * 3_600_000_000_000  # 12:00 in New York on 2026-11-23
    assert typed(*GET, "--from", "2026-11-02", now=monday).code == 0
    assert store.newest("TEST", DAILY).last[:10] == "2026-11-20"
    said = typed("data", "get", "OTHER", *GET[3:], "--from", "today", now=monday)
    assert said.code == 4
    assert "the session of 2026-11-23 is not over" in said.err


def test_a_rehearsal_writes_nothing(typed, folder: Path) -> None:
    said = typed(*GET, *YEAR, "--dry-run")
    assert said.code == 0
    assert "would be revision 1: 252 added" in said.out
    assert not (folder.parent / "home").exists()


def test_several_symbols_and_the_answer_for_programs(typed) -> None:
    said = typed("data", "get", "TEST", "OTHER", "--provider", "madeup", *YEAR, "--json")
    answer = json.loads(said.out)
    assert answer["schema"] == "papertape.data.get/1"
    kept = answer["data"]["kept"]
    assert [(each["symbol"], each["rows"], each["is_new"]) for each in kept] == [
        ("TEST", 252, True),
        ("OTHER", 252, True),
    ]
    assert answer["data"]["dry_run"] is False


def test_the_key_appears_nowhere(typed, folder: Path) -> None:
    FAULTS.update(after=1)
    said = typed(*GET, *YEAR, "--bar", "1h", "--debug", "--verbose")
    broken = typed(*GET, "--from", "2024-07-05", "--to", "2024-07-05", "--json", "--debug")
    assert KEY not in "".join([*said[1:], *broken[1:]])
    for file in folder.parent.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes()


def test_a_key_may_lie_in_a_file_that_only_its_owner_reads(
    typed, folder: Path, monkeypatch
) -> None:
    monkeypatch.delenv("MADEUP_API_KEY")
    said = typed(*GET, *YEAR)
    assert said.code == 3
    assert "set MADEUP_API_KEY and MADEUP_API_SECRET; or MADEUP_API_KEY" in said.err
    file = folder / ".env"
    file.write_text(f"# keys\nexport MADEUP_API_KEY='{KEY}'\n")
    file.chmod(0o644)
    said = typed(*GET, *YEAR)
    assert (said.code, "chmod 600 .env" in said.err) == (3, True)
    file.chmod(0o600)
    assert typed(*GET, *YEAR).code == 0


def test_the_settings_name_the_provider_and_what_it_is_told(typed, folder: Path, store) -> None:
    (folder / "papertape.toml").write_text(
        '[data]\nprovider = "madeup"\nbar = "1h"\n[providers.madeup]\nfeed = "sip"\n'
    )
    assert typed("data", "get", "TEST", *YEAR).code == 0
    assert store.newest("TEST", HOUR).origin.feed == "sip"


TOML = [
    ('[data]\nprovder = "x"\n', "line 2: nobody knows 'provder', did you mean provider?"),
    ('[dat]\nprovider = "x"\n', "line 1: nobody knows 'dat', did you mean data?"),
    ("[data]\nbar = 5\n", "line 2: data.bar is text in quotes"),
    ('[providers.x]\napi_key = "s"\n', "line 2: api_key looks like a secret"),
    ('[providers]\nx = "s"\n', "line 2: write [providers.x]"),
    ("[data\n", "is no TOML"),
    ('[data]\nbar = "7x"\n', "data.bar: '7x' is no bar length"),
]


@pytest.mark.parametrize(("text", "why"), TOML, ids=[row[1][:30] for row in TOML])
def test_a_wrong_setting_is_named_with_its_line(text: str, why: str, typed, folder: Path) -> None:
    (folder / "papertape.toml").write_text(text)
    said = typed(*GET, *YEAR)
    assert said.code == 3
    assert why in said.err


def test_an_unknown_provider_is_answered_with_those_there_are(typed) -> None:
    said = typed("data", "get", "TEST", "--provider", "madup", *YEAR)
    assert said.code == 2
    assert "madeup" in said.err.partition("installed are")[2]
    said = typed("data", "get", "TEST", "--provider", "csv", *YEAR)
    assert said.code == 2
    assert "papertape data import" in said.err


def test_without_any_key_nobody_is_asked(typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MADEUP_API_KEY")
    said = typed("data", "get", "TEST", *YEAR)
    assert said.code == 3
    assert "papertape doctor" in said.err
    monkeypatch.setenv("MADEUP_API_KEY", KEY)
    assert typed("data", "get", "TEST", *YEAR).code == 0
