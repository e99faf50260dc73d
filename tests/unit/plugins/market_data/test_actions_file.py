"""Corporate actions as users state them in a file."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from papertape.domain.errors import DataError
from papertape.domain.market import Delisting, Dividend, Renaming, Split
from papertape.plugins.market_data.tables.actions import read_actions

HEADER = "symbol,ex_date,action,value,pay_date"
DAY = date(2014, 6, 9)


def written(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "actions.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_every_kind_of_action_is_read(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "aapl,2014-06-09,split,7,",
        "AAPL,2014-05-08,dividend,3.29,2014-05-15",
        "FB,2022-06-09,rename,META,",
        "USO,2020-04-29,split,1:8,",
        "BRK-B,2010-01-21,split,50:1,",
        "ONE,2020-01-02,delisting,12.50,",
        "TWO,2020-01-02,delisting,-30%,",
        "THREE,2020-01-02,delisting,,",
        "AAPL,2014-08-07,dividend,0.47,",
    )
    august = date(2014, 8, 7)
    assert read_actions(path) == {
        "AAPL": (
            Dividend("AAPL", date(2014, 5, 8), 3_290_000, date(2014, 5, 15)),
            Split("AAPL", DAY, Fraction(7)),
            Dividend("AAPL", august, 470_000, august),
        ),
        "FB": (Renaming("FB", date(2022, 6, 9), "META"),),
        "USO": (Split("USO", date(2020, 4, 29), Fraction(1, 8)),),
        "BRK.B": (Split("BRK.B", date(2010, 1, 21), Fraction(50)),),
        "ONE": (Delisting("ONE", date(2020, 1, 2), 12_500_000),),
        "TWO": (Delisting("TWO", date(2020, 1, 2), haircut=Fraction(3, 10)),),
        "THREE": (Delisting("THREE", date(2020, 1, 2)),),
    }


@pytest.mark.parametrize(
    "row",
    [
        "AAPL,2014-06-09,split,,",
        "AAPL,2014-06-09,split,0,",
        "AAPL,2014-06-09,split,1,",
        "AAPL,2014-06-09,split,7:0,",
        "AAPL,2014-06-09,split,7,2014-06-10",
        "AAPL,2014-13-09,split,7,",
        "AAPL,2014-06-09,dividend,-1,",
        "AAPL,2014-06-09,dividend,1,2014-06-01",
        "AAPL,2014-06-09,merger,7,",
        "AAPL,2014-06-09,rename,AAPL,",
        "AAPL,2014-06-09,rename,!,",
        "AAPL,2014-06-09,delisting,-130%,",
        "AAPL,2014-06-09,delisting,-2,",
        "AAPL,2014-06-09,split,7",
        "AAPL,2014-06-09,split,7,,",
        "?,2014-06-09,split,7,",
    ],
)
def test_a_row_that_states_no_action_is_named_by_its_line(tmp_path: Path, row: str) -> None:
    path = written(tmp_path, "AAPL,2014-05-08,dividend,3.29,", row)
    with pytest.raises(DataError, match=r"actions\.csv line 3"):
        read_actions(path)


def test_another_header_or_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="begins with"):
        read_actions(written(tmp_path, header="symbol,date,action"))
    with pytest.raises(DataError, match="cannot be read"):
        read_actions(tmp_path / "none.csv")
