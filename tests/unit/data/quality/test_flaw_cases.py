"""The shared cases of real data: what is wrong must be found, and what is true left alone."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import pytest

from papertape.cli.data.sheets import sheet_of
from papertape.data.quality.checking import Checked, check
from papertape.data.quality.finding import Finding
from papertape.data.quality.peers import with_peers
from papertape.data.quality.providers import disagreements
from papertape.data.quality.sheet import PRICES, Sheet
from papertape.data.quality.ticks import odd_quotes, odd_trades
from papertape.domain.calendar import calendar_of
from papertape.domain.market import Adjustment
from papertape.plugins.market_data.tables.reading import Told, read_rows

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_NEW_YORK = "America/New_York"
_FLAW = re.compile(r"flaws/yahoo_(.+?)-\d[dh]-.*\.csv")


class Case(NamedTuple):
    """One line of the shared table."""

    id: str
    file: str
    symbol: str
    when: str
    what: str
    is_error: str

    @property
    def wanted(self) -> str:
        """``yes``, ``warn`` or ``no``."""
        first = self.is_error.split()[0]
        return "no" if first.startswith("no") else first

    def concerns(self, finding: Finding) -> bool:
        """Whether a finding lies on the case's days; without a day it is the whole file."""
        days = [np.datetime64(day) for day in _DAY.findall(self.when)]
        if ".." in self.when:
            last = days[-1] if len(days) > 1 else np.datetime64("2012-12-31")
            return finding.concerns(days[0], last)
        return any(finding.concerns(day, day) for day in days) if days else True


def _table(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


class Laid:
    """The shared files as sheets and findings; each is read once."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.cases = [
            Case(*(row[name] for name in ("case_id", "file", "symbol", "when", "what", "is_error")))
            for row in _table(folder / "flaw_cases.csv")
        ]

    @cache  # noqa: B019 - one object lives as long as the module's tests
    def sheet(self, file: str, symbol: str, adjusted: Adjustment | None = None) -> Sheet:
        told = Told(
            symbol=symbol, adjusted=adjusted, zone=_NEW_YORK if "intraday" in file else None
        )
        return sheet_of(read_rows(self.folder / file, told))

    @cache  # noqa: B019 - as above
    def universe(self, file: str, adjusted: Adjustment) -> dict[str, Checked]:
        """All symbols that the cases name in a file, each held against the others."""
        symbols = sorted({case.symbol for case in self.cases if case.file == file} - {"all"})
        checked = [check(self.sheet(file, symbol, adjusted)) for symbol in symbols]
        return dict(zip(symbols, with_peers(checked), strict=True))

    def findings(self, case: Case) -> list[Finding]:
        return next(find for name, find in _FINDERS.items() if name in case.file)(self, case)

    def dividends(self) -> dict[str, float]:
        rows = _table(self.folder / "daily/spy_dividends_yahoo_2000_2026.csv")
        return {row["Date"]: float(row["Dividend"]) for row in rows}


def _of_universe(adjusted: Adjustment) -> Callable[[Laid, Case], list[Finding]]:
    def find(laid: Laid, case: Case) -> list[Finding]:
        checked = laid.universe(case.file, adjusted)
        return [
            finding
            for symbol, each in checked.items()
            if case.symbol in (symbol, "all")
            for finding in each.findings
        ]

    return find


def _of_one(laid: Laid, case: Case) -> list[Finding]:
    symbol = case.symbol.replace("-", ".")
    adjusted: Adjustment | None = None if _FLAW.match(case.file) else "raw"
    return list(check(laid.sheet(case.file, symbol, adjusted)).findings)


def _against_yahoo(laid: Laid, case: Case) -> list[Finding]:
    raw = laid.sheet("daily/spy_yahoo_raw_1999_2026.csv.gz", "SPY", "raw")
    paid = laid.dividends()
    yahoo = replace(raw, dividend=np.array([paid.get(str(day), 0.0) for day in raw.days]))
    checked = check(laid.sheet(case.file, "SPY", "all"))
    return [*checked.findings, *disagreements(checked.sheet, yahoo)]


def _of_quotes(laid: Laid, case: Case) -> list[Finding]:
    table = duckdb.sql(f"SELECT * FROM '{laid.folder / case.file}'").fetchnumpy()
    times = _utc(table["time_et"])
    bid, ask = (np.asarray(table[name], np.float64) for name in ("bid", "ask"))
    return odd_quotes(case.symbol, times, bid, ask, np.asarray(table["suspicious"]) > 0)


def _of_trades(laid: Laid, case: Case) -> list[Finding]:
    table = duckdb.sql(f"SELECT * FROM '{laid.folder / case.file}'").fetchnumpy()
    return odd_trades(case.symbol, _utc(table["time_et"]), np.asarray(table["price"], np.float64))


def _utc(local: np.ndarray) -> np.ndarray:
    """New York times of 2013-10-07 as nanoseconds in UTC."""
    day = calendar_of("XNYS").session(np.datetime64("2013-10-07").item())
    opening = np.datetime64("2013-10-07T09:30", "ns").astype(np.int64)
    return local.astype("datetime64[ns]").astype(np.int64) + day.open - opening


_FINDERS: dict[str, Callable[[Laid, Case], list[Finding]]] = {
    "lean_daily_raw": _of_universe("raw"),
    "alphavantage": _of_universe("raw"),
    "yahoo_daily_2018": _of_universe("split"),
    "stooq": _against_yahoo,
    "ibm_20131007_quote": _of_quotes,
    "spy_20131007_trade": _of_trades,
    "": _of_one,
}


def judged(case: Case, findings: list[Finding]) -> str:
    """``yes`` if there is an error on the case's days, else ``warn``, else ``no``."""
    there = {finding.severity for finding in findings if case.concerns(finding)}
    return "yes" if "error" in there else "warn" if "warn" in there else "no"


def is_right(case: Case, found: str, findings: list[Finding]) -> bool:
    """Errors are errors, doubts are doubts; what is true is no error and is never repaired.

    A true crash or a raw split may be told as a warning (input-B14): it is looked at, not refused.
    """
    if case.wanted == "no":
        repaired = any(each.repair for each in findings if case.concerns(each))
        return found != "yes" and not repaired
    return found == case.wanted


@pytest.fixture(scope="module")
def laid(shared_data: Path) -> Laid:
    return Laid(shared_data)


def test_the_shared_cases_are_judged_right(
    laid: Laid, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right, false_alarms, lines = 0, [], []
    for case in laid.cases:
        findings = laid.findings(case)
        found = judged(case, findings)
        good = is_right(case, found, findings)
        right += good
        if case.wanted == "no" and not good:
            false_alarms.append(case.id)
        rules = sorted({each.rule for each in findings if case.concerns(each)})
        verdict = "right" if good else "WRONG"
        lines.append(f"flaw-{case.id} {case.wanted:5}{found:5}{verdict} {' '.join(rules)}")
    with capsys.disabled():
        alarms = f"{len(false_alarms)} false alarms"
        sys.stdout.write(f"\nflaw cases: {right} of {len(laid.cases)} right, {alarms}\n")
    assert len(laid.cases) == 46
    assert not false_alarms, false_alarms
    assert right >= 42, "\n".join(lines)
    published = (project / "docs/data-quality.md").read_text(encoding="utf-8")
    assert f"{right} of {len(laid.cases)} judged right, no false alarm" in published


_REACHED = {
    "4063-T-1d-bad-stock-split": "D11",
    "8TRA-DE-1d-missing-div-adjust": "D11",
    "AET-L-1d-100x-error": "D10",
    "ALPHA-PA-1d-bad-stock-split": "D11",
    "ASAI-L-1h-bad-unit": "D10",
    "DODFX-1d-cg-double-count": "D11",
    "KAP-IL-1d-bad-div": "D11",
    "MOB-ST-1d-bad-stock-split": "D11",
}


@pytest.mark.parametrize(("name", "rule"), _REACHED.items())
def test_a_repair_reaches_the_vendors_correction(laid: Laid, name: str, rule: str) -> None:
    symbol = name.partition("-1")[0].replace("-", ".")
    mended = check(laid.sheet(f"flaws/yahoo_{name}.csv", symbol)).mended(rule)
    wanted = check(laid.sheet(f"flaws/yahoo_{name}-fixed.csv", symbol)).sheet
    for column in (*PRICES, "volume", "adjusted_close"):
        # The vendor writes float32 prices; a share more or less is its rounding of a volume.
        np.testing.assert_allclose(
            getattr(mended, column), getattr(wanted, column), rtol=2e-7, atol=1e-6, err_msg=column
        )


@pytest.mark.parametrize("name", _REACHED)
def test_the_vendors_correction_is_no_error(laid: Laid, name: str) -> None:
    symbol = name.partition("-1")[0].replace("-", ".")
    found = check(laid.sheet(f"flaws/yahoo_{name}-fixed.csv", symbol)).findings
    assert [each.sentence for each in found if each.severity == "error"] == []


def test_one_row_of_a_hundred_and_sixty_symbols_is_an_error(shared_data: Path) -> None:
    file = shared_data / "universe/yahoo_daily_2018_2026.parquet"
    named = duckdb.sql(f"SELECT DISTINCT symbol FROM '{file}' ORDER BY symbol").fetchall()
    errors = []
    for (symbol,) in named:
        sheet = sheet_of(read_rows(file, Told(symbol=symbol, adjusted="split")))
        errors += [each for each in check(sheet).findings if each.severity == "error"]
    assert [(each.symbol, each.id, each.days.tolist()) for each in errors] == [
        ("BK", "data-D3", [np.datetime64("2021-05-05").item()])
    ]
