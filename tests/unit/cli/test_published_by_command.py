"""Published results from the command line alone: its options choose every convention."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.published import cases, lean_actions, lean_daily

from papertape.domain.market import Dividend, Split

LEAN = ("--cost", "per-share:0.005,min=1,max=0.5%", "--warmup", "inside", "--benchmark", "none")


def stated(shared_data: Path, *, cents: bool = False) -> str:
    """SPY's dividends, as a file states them."""
    bars = lean_daily(shared_data, "SPY").bars
    rows = ["symbol,ex_date,action,value,pay_date"]
    for action in lean_actions(shared_data, bars, cents=cents):
        assert isinstance(action, Dividend)
        rows.append(f"SPY,{action.ex_date},dividend,{action.amount / 1e6:.6f},{action.pay_date}")
    return "\n".join(rows) + "\n"


def answered(said: Any) -> dict[str, Any]:
    assert said.code == 0, said.err
    data: dict[str, Any] = json.loads(said.out)["data"]
    return data


@pytest.mark.parametrize(
    ("case", "file", "options", "quantity"),
    [
        (
            "LEAN-BasicTemplateDailyAlgorithm",
            "daily/lean_daily_raw.parquet",
            (
                *("--from", "2013-10-08", "--to", "2013-10-17", "--size", "percent:99.75,net"),
                *("--compat", "trade_adjusted"),
            ),
            697,
        ),
        (
            "LEAN-DividendRegressionAlgorithm",
            "daily/lean_daily_raw.parquet",
            (
                *("--from", "1998-01-01", "--to", "2005-12-31", "--size", "percent:49.875,net"),
                *("--allow", "D10"),  # the file holds false highs and lows, which nobody trades
                *("--compat", "dividends_on_ex_date"),
            ),
            512,
        ),
        (
            "LEAN-BasicTemplateHourlyAlgorithm",
            "intraday/lean_hour_spy.parquet",
            (
                *("--map", "time=bar_start_et", "--tz", "America/New_York", "--extended"),
                *("--from", "2013-10-07", "--to", "2013-10-11", "--size", "percent:99.75,net"),
                *("--compat", "trade_adjusted,fill_at_decision_close"),
            ),
            687,
        ),
    ],
)
def test_a_published_result_to_the_cent(
    typed, folder, shared_data, case, file, options, quantity
) -> None:
    cents = "Dividend" in case
    Path("dividends.csv").write_text(stated(shared_data, cents=cents), encoding="utf-8")
    words = (
        *("backtest", "buy_and_hold", "--symbol", "SPY", "--data", str(shared_data / file)),
        *("--adjusted", "raw", "--actions", "dividends.csv", *LEAN, *options),
    )
    data = answered(typed(*words, "--json"))
    expected = cases(shared_data)[case]["expected"]
    assert f"{data['metrics']['final_equity']:.2f}" == expected["End Equity"]
    assert [fill["quantity"] for fill in data["fills"]] == [quantity]
    assert data["ground"]["compat"] == sorted(options[-1].split(","))
    assert any(notice.startswith("COMPATIBILITY: ") for notice in data["notices"])
    page = typed(*words).out
    assert "Buy and hold COMPAT" in page
    assert "COMPATIBILITY" in page


def test_futures_of_a_multiplier_and_a_margin(typed, folder, shared_data) -> None:
    rows = (shared_data / "reference" / "backtrader_2006_daily_index.csv").read_text().splitlines()
    # The file's volumes are all 0 and its last column holds no open interest.
    kept = [",".join(row.split(",")[:5]) for row in rows]
    Path("index.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    words = (
        *("backtest", "moving_average_crossover", "--param", "fast=1", "--param", "slow=15"),
        *("--param", "entry=cross", "--symbol", "SX5E", "--data", "index.csv", "--cash", "10000"),
        *("--size", "shares:1", "--cost", "per-contract:2", "--warmup", "inside"),
        *("--contract", "10:1000"),
    )
    data = answered(typed(*words, "--json"))
    expected = cases(shared_data)["BACKTRADER-sma15-futures"]["expected"]
    assert data["metrics"]["final_equity"] == expected["final_value"]
    assert len(data["fills"]) == 23
    assert data["metrics"]["fees"] == 46
    assert "SX5E: a contract is 10 times the price and ties up 1,000.00" in data["notices"]


@pytest.mark.parametrize(
    "text", ["10", "10:", ":1000", "0:1000", "10:0", "1.5:1000", "10:x", "-1:5"]
)
def test_what_is_no_contract_is_refused(typed, folder, text) -> None:
    Path("p.csv").write_text("date,open,high,low,close\n2024-01-02,1,1,1,1\n")
    words = ("backtest", "buy_and_hold", "--symbol", "ES", "--data", "p.csv")
    said = typed(*words, f"--contract={text}")
    assert said.code == 2
    assert "contract" in said.err or "amount" in said.err


def test_a_file_may_state_a_new_symbol(typed, folder, shared_data) -> None:
    Path("actions.csv").write_text(
        "symbol,ex_date,action,value,pay_date\nWMI,2009-08-05,rename,WM,\n", encoding="utf-8"
    )
    file = str(shared_data / "daily" / "lean_daily_raw.parquet")
    words = (
        *("backtest", "buy_and_hold", "--symbol", "WMI", "WM", "--data", file, "--adjusted", "raw"),
        *("--from", "2009-07-28", "--to", "2009-08-12", "--actions", "actions.csv"),
        *("--size", "shares:100", "--cost", "none", "--warmup", "inside"),
    )
    data = answered(typed(*words, "--json"))
    assert [(row["symbol"], row["what"]) for row in data["bookings"]] == [
        ("WM", "ticker change from WMI")
    ]
    assert data["metrics"]["final_equity"] == pytest.approx(100_000 + 100 * (30.02 - 29.19))


def test_what_a_file_states_of_others_or_twice_is_refused(typed, folder) -> None:
    Path("p.csv").write_text(
        "date,open,high,low,close,volume\n2024-01-02,1,1,1,1,9\n2024-01-03,1,1,1,1,9\n"
    )
    Path("a.csv").write_text(
        "symbol,ex_date,action,value,pay_date\nMSFT,2024-01-03,dividend,0.1,\n"
    )
    common = ("backtest", "buy_and_hold", "--data", "p.csv", "--actions", "a.csv")
    said = typed(*common, "--symbol", "SPY")
    assert said.code == 2
    assert "--actions states something of MSFT" in said.err
    said = typed(*common, "--symbol", "MSFT", "--adjusted", "all")
    assert said.code == 4
    assert "a dividend of 2024-01-03 is stated besides" in said.err
    said = typed("backtest", "buy_and_hold", "--symbol", "AAPL", "--actions", "a.csv")
    assert said.code == 2


def test_splits_of_a_factor_file_have_seven_digits(shared_data: Path) -> None:
    actions = lean_actions(shared_data, lean_daily(shared_data, "AAPL").bars)
    [split] = [a for a in actions if isinstance(a, Split) and a.ex_date.year == 2014]
    assert split.ratio != 7
    assert float(split.ratio) == pytest.approx(7, rel=1e-6)
