"""The answers for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.golden_pages import NOON

from papertape.domain.clock import DAY

BACKTEST = (
    *("backtest", "rsi_mean_reversion", "--symbol", "MSFT", "IBM", "--json"),
    *("--from", "2010-01-04", "--to", "2012-12-31"),
)
DATA = {
    *("run", "ground", "metrics", "units", "reasons", "words", "notices", "lookahead"),
    *("against_benchmark", "benchmark_metrics", "orders", "fills", "trades", "decisions"),
    *("refusals", "bookings", "path_band", "costs", "fill_report"),
}
ENVELOPE = {"schema", "ok", "data", "warnings", "error"}


def answer(said: Any) -> dict[str, Any]:
    lines = said.out.splitlines()
    assert len(lines) == 1
    found: dict[str, Any] = json.loads(lines[0])
    assert set(found) == ENVELOPE
    return found


def test_a_backtest_answers_its_schema(typed) -> None:
    found = answer(typed(*BACKTEST))
    assert found["schema"] == "papertape.backtest/1"
    assert found["ok"] is True
    assert found["error"] is None
    assert set(found["data"]) == DATA
    assert set(found["data"]["run"]) == {"id", "made_at"}
    assert {"cagr", "sharpe", "max_drawdown", "final_equity"} <= set(found["data"]["metrics"])
    fill = found["data"]["fills"][0]
    assert {"time", "symbol", "side", "quantity", "price", "fee", "reason"} <= set(fill)


def test_the_same_run_twice_gives_the_same_bytes_but_for_its_id_and_its_time(typed) -> None:
    first, second = typed(*BACKTEST).out, typed(*BACKTEST, now=NOON + DAY).out
    runs = [json.loads(text)["data"]["run"] for text in (first, second)]
    assert runs[0] == {"id": "rsi-1122a", "made_at": "2026-11-22T12:00:00Z"}
    assert runs[1] == {"id": "rsi-1123a", "made_at": "2026-11-23T12:00:00Z"}
    for value in ("id", "made_at"):
        second = second.replace(runs[1][value], runs[0][value], 1)
    assert first == second


def test_an_error_has_a_code_a_message_and_a_hint(typed) -> None:
    found = answer(typed("backtest", "buy_and_hold", "--symbol", "SPY", "--json"))
    assert found["ok"] is False
    assert found["schema"] == "papertape.backtest/1"
    assert found["error"]["code"] == "DataError"
    assert set(found["error"]) == {"code", "message", "hint"}


@pytest.mark.parametrize(
    ("words", "schema"),
    [
        (("runs", "list"), "papertape.runs.list/1"),
        (("strategy", "list"), "papertape.strategy.list/1"),
        (("strategy", "show", "buy_and_hold"), "papertape.strategy.show/1"),
        (("strategy", "new", "mine"), "papertape.strategy.new/1"),
        (("bactest",), "papertape.error/1"),
        (("--version",), "papertape.version/1"),
        (("--help",), "papertape.help/1"),
    ],
)
def test_every_command_names_its_schema(words: tuple[str, ...], schema: str, typed) -> None:
    assert answer(typed(*words, "--json"))["schema"] == schema


def test_a_program_may_put_the_flag_anywhere(typed) -> None:
    assert answer(typed("--json", "runs", "list")) == answer(typed("runs", "--json", "list"))


def test_a_changed_price_after_a_decision_never_changes_it(typed, folder) -> None:
    rows = [
        f"2024-01-{day:02},{100 + day},{101 + day},{99 + day},{100 + day},1000000"
        for day in (2, 3, 4, 5, 8, 9, 10)
    ]
    words = (
        *("backtest", "momentum_breakout", "--symbol", "X", "--data", "bars.csv", "--json"),
        *("--param", "enter_bars=2", "--param", "leave_bars=2"),
    )
    decided = []
    for last in (rows[-1], "2024-01-10,50,51,49,50,1000000"):
        text = "\n".join(["date,open,high,low,close,volume", *rows[:-1], last])
        (folder / "bars.csv").write_text(text + "\n")
        decisions = answer(typed(*words))["data"]["decisions"]
        decided.append([row for row in decisions if row["time"] < "2024-01-10"])
    assert decided[0] == decided[1]
    assert decided[0]


def test_two_engines_published_result_comes_out_to_the_cent(typed, shared_data: Path) -> None:
    # ENGINES-2 of published_cases.json: zero cost, 100 shares, cold start, entry on the cross.
    file = shared_data / "daily" / "spy_yahoo_raw_1999_2026.csv.gz"
    said = typed(
        *("backtest", "moving_average_crossover", "--symbol", "SPY", "--data", str(file)),
        *("--size", "shares:100", "--cost", "none", "--warmup", "inside", "--json"),
        *("--param", "entry=cross", "--from", "2015-01-02", "--to", "2024-11-29"),
    )
    data = answer(said)["data"]
    assert len(data["fills"]) == 9
    assert data["metrics"]["final_equity"] == pytest.approx(131631.9977, abs=5e-5)
