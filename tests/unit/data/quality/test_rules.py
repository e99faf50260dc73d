"""The data rules: each finds what was planted, and says nothing of bars that are sound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.generators import random_bars

from papertape.data.quality.checking import check
from papertape.data.quality.finding import RULES, Finding, Repair, rule_id
from papertape.data.quality.sheet import PRICES, Sheet
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import MINUTE
from papertape.domain.errors import UsageError
from papertape.domain.market import PriceHistory, session_times

DAY = 120
"""The row in which flaws are planted, far from both ends."""


def sheet(frequency: str = "1d", rows: int = 250, seed: int = 4) -> Sheet:
    """Sound bars whose days move by about one percent, with a steady volume."""
    bars = random_bars(seed, rows, frequency, volatility=0.01 if frequency == "1d" else 0.0005)
    volume = np.random.default_rng(seed).integers(900_000, 1_100_000, rows).astype(np.float64)
    return replace(Sheet.of(PriceHistory(bars)), volume=volume)


def planted(of: Sheet, rows: int | slice | Sequence[int], **factors: float) -> Sheet:
    """A sheet with some cells times a factor; ``price`` stands for all four prices."""
    whole = factors.pop("price", 1.0)
    changed = {}
    for name, factor in {**dict.fromkeys(PRICES, whole), **factors}.items():
        column = getattr(of, name).copy()
        column[rows] *= factor
        changed[name] = column
    return replace(of, **changed)


def found(of: Sheet, rule: str, now: int | None = None) -> list[Finding]:
    return [each for each in check(of, now).findings if each.rule == rule]


def only(of: Sheet, rule: str, now: int | None = None) -> Finding:
    (finding,) = found(of, rule, now)
    return finding


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    frequency=st.sampled_from(["1d", "5m", "1m"]),
    volatility=st.sampled_from([0.0005, 0.01, 0.03]),
)
def test_sound_bars_have_no_error(seed: int, frequency: str, volatility: float) -> None:
    bars = random_bars(seed, 300, frequency, volatility=volatility)
    sound = check(Sheet.of(PriceHistory(bars)), now=int(bars.end[-1]))
    assert [each.sentence for each in sound.findings if each.severity == "error"] == []


def test_every_rule_has_a_name_and_is_typed_in_any_way() -> None:
    assert list(RULES) == [f"D{number}" for number in range(1, 16)]
    assert {rule_id(text) for text in ("D3", "d3", "data-D3")} == {"D3"}
    with pytest.raises(UsageError, match="'D16' is no data rule"):
        rule_id("D16")


def test_d1_rows_out_of_order_are_sorted() -> None:
    of = sheet()
    mixed = of.only(np.array([*range(10), 12, 11, 10, *range(13, len(of))]))
    finding = only(mixed, "D1")
    assert (finding.severity, finding.count) == ("error", 2)
    assert np.array_equal(check(mixed).mended("D1").start, of.start)


def test_d1_a_file_that_is_newest_first_is_in_order() -> None:
    of = sheet()
    assert found(of.only(np.arange(len(of))[::-1]), "D1") == []


def test_d2_a_repetition_is_a_warning_and_a_contradiction_an_error() -> None:
    of = sheet()
    twice = of.only(np.array([*range(10), 9, *range(10, len(of))]))
    assert only(twice, "D2").severity == "warn"
    assert only(planted(twice, 10, volume=2.0), "D2").severity == "error"
    assert np.array_equal(check(twice).mended("D2").close, of.close)


@pytest.mark.parametrize(("column", "factor"), [("high", 0.9), ("low", 1.1), ("close", 1.2)])
def test_d3_a_bar_that_contradicts_itself_is_widened(column: str, factor: float) -> None:
    flawed = planted(sheet(), DAY, **{column: factor})
    assert only(flawed, "D3").severity == "error"
    mended = check(flawed).mended("D3")
    prices = np.array([getattr(mended, name)[DAY] for name in PRICES])
    assert (mended.high[DAY], mended.low[DAY]) == (prices.max(), prices.min())
    assert found(mended, "D3") == []


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_d4_a_price_that_is_none_is_an_error(value: float) -> None:
    of = sheet()
    close = of.close.copy()
    close[DAY] = value
    flawed = replace(of, close=close)
    assert only(flawed, "D4").days.tolist() == [of.days[DAY].item()]
    assert len(check(flawed).mended("D4")) == len(of) - 1


def test_d4_a_negative_volume_is_an_error() -> None:
    assert only(planted(sheet(), DAY, volume=-1.0), "D4").severity == "error"


def test_d5_a_move_without_volume_is_a_warning() -> None:
    assert only(planted(sheet(), DAY, volume=0.0), "D5").severity == "warn"


def test_a_volume_that_is_zero_throughout_is_unknown() -> None:
    of = planted(sheet(), slice(None), volume=0.0)
    assert found(of, "D5") + found(of, "D12") == []


def test_d6_missing_minutes_are_counted_and_the_first_is_named() -> None:
    of = sheet("1m", 1170)  # three sessions of 390
    finding = only(of.only(np.delete(np.arange(1170), [400, 401, 402])), "D6")
    assert (finding.severity, finding.count) == ("warn", 3)
    # The 401st bar of all is the eleventh of the second session.
    assert finding.example == f"{of.days[400]} 09:40"


def test_d6_a_whole_session_without_minutes_is_missing() -> None:
    of = sheet("1m", 1170)
    finding = only(of.only(np.delete(np.arange(1170), np.arange(390, 780))), "D6")
    assert (finding.count, finding.example) == (390, f"{of.days[400]} whole day")


def test_d7_a_day_on_which_nobody_trades_is_left_out() -> None:
    of = sheet()
    saturday = date(2015, 1, 10)
    (opening,), _ = session_times([saturday], calendar_of("XNYS"))
    row = int(np.searchsorted(of.start, opening))
    start = of.start.copy()
    flawed = of.only(np.array([*range(row), row, *range(row, len(of))]))
    start = np.insert(of.start, row, opening)
    flawed = planted(replace(flawed, start=start), row, price=1.001)
    assert only(flawed, "D7").days.tolist() == [saturday]
    assert np.array_equal(check(flawed).mended("D7").start, of.start)


def test_d7_bars_of_the_extended_session_are_information() -> None:
    of = sheet("1m", 780)
    early = replace(of.only(np.arange(60)), start=of.start[:60] - 60 * MINUTE)
    both = [np.concatenate([getattr(early, n), getattr(of, n)]) for n in ("start", *PRICES)]
    names = ("volume", "dividend", "split", "adjusted_close", "gain")
    others = [np.concatenate([getattr(early, n), getattr(of, n)]) for n in names]
    extended = Sheet(of.instrument, of.frequency, *both, *others)
    finding = only(extended, "D7")
    assert (finding.severity, finding.count) == ("info", 60)


def test_d8_days_that_lie_an_hour_off_are_an_error() -> None:
    of = sheet("5m", 78 * 20)
    start = of.start.copy()
    start[78 * 5 : 78 * 7] += 60 * MINUTE
    finding = only(replace(of, start=start), "D8")
    assert (finding.severity, finding.count) == ("error", 156)
    assert "1 h later" in finding.what


def test_d8_the_shifted_days_are_told_though_they_are_most() -> None:
    of = sheet("5m", 78 * 20)
    start = of.start.copy()
    start[78 * 5 :] += 60 * MINUTE
    assert only(replace(of, start=start), "D8").count == 78 * 15


def test_d8_the_change_to_summer_time_moves_no_bar() -> None:
    of = sheet("5m", 78 * 60)  # from January into April
    assert of.days[-1] > np.datetime64("2015-03-08")
    assert found(of, "D8") == []


def half_day(last_minute: int) -> Sheet:
    """One-minute bars of 2024-07-02, the half day after it, and 2024-07-05."""
    calendar = calendar_of("XNYS")
    days = [date(2024, 7, 2), date(2024, 7, 3), date(2024, 7, 5)]
    opens, _ = session_times(days, calendar)
    lengths = (390, last_minute, 390)
    start = [o + np.arange(n) * MINUTE for o, n in zip(opens, lengths, strict=True)]
    rows = sum(lengths)
    of = sheet("1m", rows)
    return replace(of, start=np.concatenate(start))


def test_d9_a_half_day_of_210_minutes_is_no_alarm() -> None:
    finding = only(half_day(210), "D9")
    assert (finding.severity, finding.days.tolist()) == ("info", [date(2024, 7, 3)])
    assert found(half_day(210), "D6") == []


def test_d9_a_half_day_that_goes_on_is_a_warning() -> None:
    assert only(half_day(390), "D9").severity == "warn"


@pytest.mark.parametrize("factor", [0.01, 0.1, 10.0, 100.0, 1000.0])
@pytest.mark.parametrize("rows", [1, 7])
def test_d10_another_unit_is_brought_back(factor: float, rows: int) -> None:
    of = sheet()
    flawed = planted(of, slice(DAY, DAY + rows), price=factor)
    finding = only(flawed, "D10")
    assert (finding.severity, finding.count) == ("error", rows)
    np.testing.assert_allclose(check(flawed).mended("D10").close, of.close, rtol=1e-12)


@pytest.mark.parametrize(("columns", "count"), [(("low",), 1), (("low", "close"), 1)])
def test_d10_two_units_in_one_bar_are_made_one(columns: tuple[str, ...], count: int) -> None:
    of = sheet()
    flawed = planted(of, DAY, **dict.fromkeys(columns, 0.01))
    assert only(flawed, "D10").count == count
    np.testing.assert_allclose(check(flawed).mended("D10").close, of.close, rtol=1e-12)


@pytest.mark.parametrize(("column", "factor"), [("high", 1.3), ("low", 0.7)])
def test_d10_a_false_extreme_is_drawn_back_to_what_traded(column: str, factor: float) -> None:
    of = sheet()
    flawed = planted(of, DAY, **{column: factor})
    assert only(flawed, "D10").severity == "error"
    traded = (of.open[DAY], of.close[DAY])
    wanted = max(traded) if column == "high" else min(traded)
    assert getattr(check(flawed).mended("D10"), column)[DAY] == wanted


def test_d10_an_extreme_that_shares_changed_hands_at_is_a_warning() -> None:
    flawed = planted(sheet(), DAY, low=0.7, volume=5.0)
    assert (only(flawed, "D10").severity, only(flawed, "D10").repair) == ("warn", None)


def test_input_b14_a_crash_that_stays_is_a_warning_and_is_never_mended() -> None:
    crashed = planted(planted(sheet(), slice(DAY, None), price=0.48), DAY, open=1.1, volume=9.0)
    crashed = planted(crashed, DAY, high=1.12)
    assert (only(crashed, "D10").severity, only(crashed, "D10").repair) == ("warn", None)
    assert found(crashed, "D11") == []


@pytest.mark.parametrize("ratio", [1.5, 2.0, 3.0, 4.0, 7.0, 20.0, 1 / 4, 1 / 15])
@pytest.mark.parametrize("shares", [True, False])
def test_d11_a_split_that_is_not_booked_is_booked(ratio: float, shares: bool) -> None:
    raw = planted(sheet(), slice(0, DAY), price=ratio, volume=1 / ratio if shares else 1.0)
    finding = only(raw, "D11")
    assert (finding.severity, finding.days.tolist()) == ("error", [raw.days[DAY].item()])
    assert check(raw).mended("D11").split[DAY] == pytest.approx(ratio)
    assert found(check(raw).mended("D11"), "D11") == []


def test_d11_prices_said_to_be_adjusted_are_adjusted() -> None:
    of = replace(sheet(), adjusted="split")
    flawed = planted(of, slice(0, DAY), price=2.0, volume=0.5)
    assert only(flawed, "D11").severity == "error"
    mended = check(flawed).mended("D11")
    np.testing.assert_allclose(mended.close, of.close, rtol=1e-12)
    np.testing.assert_allclose(mended.volume, of.volume, rtol=1e-12)


def test_d11_raw_prices_by_design_are_only_a_warning() -> None:
    raw = replace(planted(sheet(), slice(0, DAY), price=2.0, volume=0.5), stated=True)
    assert (only(raw, "D11").severity, only(raw, "D11").repair) == ("warn", None)


def booked(of: Sheet, split: float = 1.0, dividend: float = 0.0) -> Sheet:
    """A sheet with one action in row `DAY`."""
    splits, dividends = np.ones(len(of)), np.zeros(len(of))
    splits[DAY], dividends[DAY] = split, dividend
    return replace(of, split=splits, dividend=dividends)


@pytest.mark.parametrize("ratio", [2.0, 0.3])
def test_d11_a_split_that_the_price_does_not_know_is_taken_out(ratio: float) -> None:
    flawed = booked(sheet(), split=ratio)
    assert only(flawed, "D11").severity == "error"
    assert check(flawed).mended("D11").split[DAY] == 1


def test_d11_a_split_that_the_price_shows_is_right() -> None:
    assert found(booked(planted(sheet(), slice(0, DAY), price=4.0), split=4.0), "D11") == []


def test_d11_a_payment_larger_than_the_share_is_an_error() -> None:
    of = planted(sheet(), slice(DAY, None), price=0.1)
    assert only(booked(of, dividend=2 * of.close[DAY - 1]), "D11").severity == "error"


def test_d11_a_spin_off_booked_at_its_worth_is_right() -> None:
    of = sheet()
    lost = 0.6 * of.close[DAY - 1]
    spun = planted(of, slice(DAY, None), price=0.4)
    assert (
        found(booked(spun, dividend=lost), "D11") + found(booked(spun, dividend=lost), "D10") == []
    )


def test_d11_a_payment_in_pence_is_made_pounds() -> None:
    of = sheet()
    flawed = booked(of, dividend=100 * 0.02 * of.close[DAY - 1])
    mended = check(flawed).mended("D11")
    assert mended.dividend[DAY] == pytest.approx(0.02 * of.close[DAY - 1])


def adjusted_close(of: Sheet, dividend: float, factor: float) -> Sheet:
    """A split-adjusted sheet that pays in row `DAY`, its closes before it times ``factor``."""
    adjusted = of.close.copy()
    adjusted[:DAY] *= factor
    return replace(booked(of, dividend=dividend), adjusted="split", adjusted_close=adjusted)


def test_d11_an_adjusted_close_that_forgot_a_dividend_is_adjusted() -> None:
    of = sheet()
    paid = 0.04 * of.close[DAY - 1]
    right = adjusted_close(of, paid, 0.96)
    assert found(right, "D11") == []
    flawed = adjusted_close(of, paid, 1.0)
    assert only(flawed, "D11").severity == "error"
    np.testing.assert_allclose(
        check(flawed).mended("D11").adjusted_close, right.adjusted_close, rtol=1e-12
    )


@pytest.mark.parametrize("unit", [100.0, 0.01])
def test_d11_a_dividend_in_another_unit_is_told_as_its_adjusted_close_knows(unit: float) -> None:
    of = sheet()
    paid = 0.04 * of.close[DAY - 1] if unit < 1 else 0.0008 * of.close[DAY - 1]
    right = adjusted_close(of, paid, 1 - paid / of.close[DAY - 1])
    flawed = replace(right, dividend=right.dividend * unit)
    assert {each.severity for each in found(flawed, "D11")} == {"error"}
    mended = check(flawed).mended("D11")
    np.testing.assert_allclose(mended.dividend, right.dividend, rtol=0.02)
    np.testing.assert_allclose(mended.adjusted_close, right.adjusted_close, rtol=1e-9)


def test_d11_an_adjusted_close_that_steps_for_nothing_is_a_warning() -> None:
    of = adjusted_close(sheet(), 1.0, 1 - 1.0 / sheet().close[DAY - 1])
    adjusted = of.adjusted_close.copy()
    adjusted[:60] *= 0.97
    assert [each.severity for each in found(replace(of, adjusted_close=adjusted), "D11")] == [
        "warn"
    ]


def test_d11_a_capital_gain_counts_once() -> None:
    of = sheet()
    gain = np.zeros(len(of))
    gain[DAY] = 0.02 * of.close[DAY - 1]
    flawed = replace(adjusted_close(of, 0.04 * of.close[DAY - 1], 0.94), gain=gain)
    assert "capital gain twice" in only(flawed, "D11").what
    assert check(flawed).mended("D11").adjusted_close[0] == pytest.approx(0.96 * of.close[0])


def test_d11_one_dividend_told_on_two_days_is_one() -> None:
    of = booked(sheet(), dividend=3.0)
    dividend = of.dividend.copy()
    dividend[DAY + 2] = 3.1
    twice = replace(of, dividend=dividend)
    assert only(twice, "D11").severity == "error"
    assert np.count_nonzero(check(twice).mended("D11").dividend) == 1


def test_d12_days_that_repeat_each_other_are_a_warning() -> None:
    of = sheet()
    for name in (*PRICES, "volume"):
        getattr(of, name).flags.writeable = True
        getattr(of, name)[DAY : DAY + 4] = getattr(of, name)[DAY - 1]
    assert (only(of, "D12").severity, only(of, "D12").count) == ("warn", 4)


def test_d13_missing_sessions_are_named() -> None:
    of = sheet()
    finding = only(of.only(np.delete(np.arange(len(of)), [50, 51])), "D13")
    assert finding.days.tolist() == of.days[50:52].tolist()


def test_d13_the_closures_of_september_2001_are_no_gap() -> None:
    calendar = calendar_of("XNYS")
    days = calendar.sessions(date(2001, 6, 1), date(2001, 12, 31))
    start, _ = session_times(days, calendar)
    assert found(replace(sheet(rows=len(days)), start=start), "D13") == []


def test_d13_a_symbol_that_comes_back_after_a_year_is_somebody_else() -> None:
    of = sheet(rows=600)
    silent = of.only(np.array([*range(150), *range(420, 600)]))
    error = next(each for each in found(silent, "D13") if each.severity == "error")
    assert error.days.tolist() == [of.days[420].item()]
    assert np.array_equal(check(silent).mended("D13").start, of.start[420:])


def test_d13_another_exchanges_holidays_are_not_missed() -> None:
    of = sheet()
    days = [day for day in of.days.tolist() if day.weekday() != 2]  # it rests on Wednesdays
    days += [date(2015, 1, 10), date(2015, 1, 17), date(2015, 2, 16)]
    start, _ = session_times(sorted(days), calendar_of("XNYS"))
    foreign = replace(of.only(np.arange(len(days))), start=start)
    assert found(foreign, "D13") == []
    assert only(foreign, "D7").severity == "info"


def test_d15_rows_of_the_future_are_left_out() -> None:
    of = sheet()
    now = int(of.start[200]) - 1
    assert (only(of, "D15", now).severity, only(of, "D15", now).count) == ("error", 50)
    assert len(check(of, now).mended("D15")) == 200


def test_d15_a_bar_that_was_still_running_is_a_warning() -> None:
    of = sheet()
    assert only(of, "D15", int(of.start[-1]) + MINUTE).severity == "warn"


def test_the_worst_finding_comes_first() -> None:
    flawed = planted(planted(sheet(), DAY, volume=0.0), 60, high=0.5)
    assert [each.severity for each in check(flawed).findings] == ["error", "warn"]


def test_a_repair_changes_no_sheet_but_the_one_it_makes() -> None:
    of = sheet()
    before = of.close.copy()
    of.mended(Repair("one cell", {"close": (np.array([3]), np.array([7.0]))}))
    assert np.array_equal(of.close, before)


def test_a_few_bars_know_nothing_of_what_is_usual() -> None:
    few = planted(sheet(), DAY, high=1.3).only(np.arange(DAY - 4, DAY + 5))
    assert found(few, "D10") == []


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_a_sheet_of_a_few_rows_is_checked(rows: int) -> None:
    of: Callable[[], Sheet] = lambda: sheet().only(np.arange(rows))  # noqa: E731
    assert [each for each in check(of()).findings if each.severity == "error"] == []
