"""The contract of every provider's plugin: whatever happens, true bars or one clear error.

A provider joins by one more `Case` in ``tests/emulators/cases.py``.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.emulators.cases import CASES, PATIENCE, Case
from tests.emulators.faults import Fault
from tests.emulators.market import CALENDAR, Market, Row
from tests.emulators.server import KEY, SECRET, Emulator
from tests.fakes import SkippingTime

from papertape.domain.clock import SECOND
from papertape.domain.errors import (
    DataError,
    NoBars,
    PapertapeError,
    ProviderError,
    SettingsError,
    UsageError,
)
from papertape.domain.market import Bars, Dividend, PriceHistory, Quote, Split
from papertape.plugins.market_data.source import MarketData, ReferencePrice, finished, load
from papertape.plugins.market_data.transport import Timing

FIRST, LAST = date(2024, 5, 28), date(2024, 7, 5)
EVENING = CALENDAR.session(date(2024, 7, 8)).close + 6 * 3_600 * SECOND
SPAN = {"start_date": FIRST, "end_date": LAST}

PASSING = {
    Fault.LIMIT_SECONDS,
    Fault.LIMIT_DATE,
    Fault.LIMIT_BARE,
    Fault.QUOTA_TEXT,
    Fault.SERVER_ERROR,
    Fault.GATEWAY,
    Fault.CUT_BODY,
    Fault.CUT_JSON,
    Fault.HTML,
    Fault.STALLED_BODY,
}
HARMLESS = {Fault.DUPLICATES, Fault.SHUFFLED, Fault.PAGE_OVERLAP, Fault.FOREIGN_NEXT, Fault.SKEW}
HOLES = {Fault.CUT_HISTORY, Fault.HOLE}
ENDING = {
    Fault.LIMIT_LONG: 6,
    Fault.HUGE: 6,
    Fault.REDIRECT: 6,
    Fault.KEY_REFUSED: 3,
    Fault.PLAN_REFUSED: 3,
    Fault.EMPTY: 4,
    Fault.NULL_FIELDS: 4,
    Fault.BAD_BAR: 4,
    Fault.CONTRADICTION: 4,
    Fault.PAGE_LOOP: 6,
    Fault.EMPTY_PAGE: 6,
}
STREAMING = {fault for fault in Fault if list(Fault).index(fault) >= list(Fault).index(Fault.MUTE)}

assert set(Fault) == PASSING | HARMLESS | HOLES | set(ENDING) | STREAMING


@pytest.fixture
def time() -> SkippingTime:
    return SkippingTime(EVENING)


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.fixture
def emulator(case: Case, time: SkippingTime) -> Iterator[Emulator]:
    with case.emulator(Market(), time, page=case.page) as running:
        yield running


Make = Callable[..., MarketData]


@pytest.fixture
def make(case: Case, emulator: Emulator, time: SkippingTime, tmp_path: Path) -> Make:
    def made(**settings: Any) -> MarketData:
        return case.made(emulator, tmp_path, Timing(time, time.sleep, lambda: 0.5), **settings)

    return made


def impatient(make: Make, fault: Fault) -> Make:
    """A plugin that does not wait long for what never ends."""
    if fault is not Fault.STALLED_BODY:
        return make
    return partial(make, patience=replace(PATIENCE, timeout=0.3))


def same(bars: Bars, rows: list[Row]) -> None:
    """The bars are exactly the market's."""
    assert bars.start.tolist() == [row.start for row in rows]
    assert bars.end.tolist() == [row.end for row in rows]
    for name in ("open", "high", "low", "close", "volume"):
        told = getattr(bars, name)
        assert np.array_equal(told, np.array([getattr(row, name) for row in rows], float)), name


def minutes(case: Case, symbol: str, first: date, last: date) -> list[Row]:
    market = Market()
    of_day = market.minutes if case.all_hours else market.regular_minutes
    return [row for day in market.sessions(first, last) for row in of_day(symbol, day)]


def whole(history: PriceHistory) -> None:
    same(history.bars, Market().daily("SPLT", FIRST, LAST))
    assert history.adjusted == "raw"


@pytest.mark.parametrize("symbol", ["ACME", "SPLT", "BRK.B", "brk/b"])
def test_daily_bars_are_the_markets_own(make: Make, symbol: str) -> None:
    history = load(make(), symbol=symbol, **SPAN)
    same(history.bars, Market().daily(history.bars.symbol, FIRST, LAST))
    assert (history.adjusted, history.notices) == ("raw", ())
    assert len(history.fingerprint) == 64


def test_splits_and_dividends_stand_beside_raw_bars(make: Make) -> None:
    actions = load(make(), symbol="SPLT", **SPAN).actions
    told = [
        (type(each), each.ex_date, each.ratio if isinstance(each, Split) else each.amount)
        for each in actions
    ]
    assert told == [(Dividend, date(2024, 6, 5), 400_000), (Split, date(2024, 6, 10), 4)]


def test_minutes_are_the_markets_own_with_gaps_and_half_days(
    make: Make, case: Case, emulator: Emulator
) -> None:
    emulator.page = max(emulator.page, 300)
    first, last = date(2024, 7, 3), date(2024, 7, 5)
    for symbol in ("ACME", "QUIET"):
        history = load(make(), symbol=symbol, start_date=first, end_date=last, frequency="1m")
        same(history.bars, minutes(case, symbol, first, last))


def test_a_day_that_goes_on_is_not_yet_a_bar(make: Make, time: SkippingTime) -> None:
    today = date(2024, 7, 9)
    time.wait_until(CALENDAR.session(today).open + 3_600 * SECOND)
    history = load(make(), symbol="ACME", start_date=FIRST)
    assert any("had not ended yet" in notice for notice in history.notices)
    assert history.bars.days().tolist()[-1] == date(2024, 7, 8)


@pytest.mark.parametrize("fault", sorted(PASSING))
def test_what_passes_leaves_whole_bars_or_one_error(
    fault: Fault, make: Make, emulator: Emulator
) -> None:
    emulator.switches.on(fault, times=2)
    make = impatient(make, fault)
    limits = make().capabilities.limits
    if limits.per_hour and fault in (Fault.LIMIT_BARE, Fault.QUOTA_TEXT):  # type: ignore[union-attr]
        # A plan by the hour answers again at the next full hour, and nobody waits that long.
        with pytest.raises(ProviderError, match="it answers again after"):
            load(make(), symbol="SPLT", **SPAN)
    else:
        whole(load(make(), symbol="SPLT", **SPAN))


@pytest.mark.parametrize("fault", sorted(PASSING))
def test_what_does_not_pass_is_one_error_of_the_provider(
    fault: Fault, make: Make, emulator: Emulator, case: Case
) -> None:
    emulator.switches.on(fault)
    with pytest.raises(PapertapeError) as caught:
        load(impatient(make, fault)(), symbol="SPLT", **SPAN)
    assert caught.value.exit_code == 6
    assert case.name in caught.value.message
    assert caught.value.hint
    assert len(emulator.seen) <= 5


@pytest.mark.parametrize("fault", sorted(HARMLESS))
def test_what_is_only_untidy_leaves_whole_bars_and_is_told(
    fault: Fault, make: Make, emulator: Emulator, case: Case
) -> None:
    if fault in case.without:
        pytest.skip(f"{case.name} cannot show it")
    emulator.switches.on(fault)
    history = load(make(), symbol="SPLT", **SPAN)
    whole(history)
    assert history.notices or fault is Fault.FOREIGN_NEXT


@pytest.mark.parametrize("fault", sorted(HOLES))
def test_a_hole_is_never_kept_quiet(fault: Fault, make: Make, emulator: Emulator) -> None:
    emulator.switches.on(fault)
    history = load(make(), symbol="SPLT", **SPAN)
    every = Market().daily("SPLT", FIRST, LAST)
    told = history.bars.start.tolist()
    same(history.bars, [row for row in every if row.start in told])
    missing = [CALENDAR.local_day(row.start) for row in every if row.start not in told]
    assert missing
    words = " ".join(history.notices)
    assert str(missing[0]) in words or f"asked from {FIRST}" in words


@pytest.mark.parametrize(("fault", "code"), sorted(ENDING.items()))
def test_what_cannot_be_bars_is_one_error_with_the_right_code(
    fault: Fault, code: int, make: Make, emulator: Emulator, case: Case
) -> None:
    if fault in case.without:
        pytest.skip(f"{case.name} cannot show it")
    emulator.switches.on(fault)
    with pytest.raises(PapertapeError) as caught:
        load(make(), symbol="SPLT", **SPAN)
    assert caught.value.exit_code == code
    assert caught.value.message
    assert caught.value.hint or code == 4


def test_minutes_meet_faults_as_days_do(make: Make, emulator: Emulator) -> None:
    emulator.switches.on(Fault.CONTRADICTION)
    day = date(2024, 7, 2)
    with pytest.raises(DataError, match="twice, with different figures"):
        load(make(), symbol="ACME", start_date=day, end_date=day, frequency="1m")


def test_a_symbol_that_nobody_knows_is_an_error_of_the_data(make: Make) -> None:
    with pytest.raises(DataError, match="NADA"):
        load(make(), symbol="NADA", **SPAN)


def test_no_bars_on_a_holiday_are_confirmed_by_the_calendar(make: Make) -> None:
    holiday = date(2024, 7, 4)
    with pytest.raises(NoBars, match="the exchange was closed") as caught:
        load(make(), symbol="ACME", start_date=holiday, end_date=holiday)
    assert caught.value.confirmed


def test_no_bars_on_a_session_are_suspicious(make: Make, emulator: Emulator) -> None:
    emulator.switches.on(Fault.EMPTY)
    with pytest.raises(NoBars, match="not one bar of ACME") as caught:
        load(make(), symbol="ACME", start_date=LAST, end_date=LAST)
    assert not caught.value.confirmed
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"symbol": "../../x"},
        {"symbol": "ACME", "frequency": "7m"},
        {"symbol": "ACME", "start_date": LAST, "end_date": FIRST},
        {"symbol": "ACME", "start_date": date(2025, 1, 1)},
    ],
)
def test_a_question_that_means_nothing_costs_no_call(
    make: Make, emulator: Emulator, wrong: dict[str, Any]
) -> None:
    with pytest.raises(UsageError):
        load(make(), **wrong)
    assert emulator.seen == []


def test_a_quote_is_the_markets_own_or_a_reference_price(make: Make) -> None:
    last = Market().last("ACME", EVENING)
    assert last is not None
    told = finished(make().fetch_quote("ACME"))
    if isinstance(told, Quote):
        assert (told.bid, told.ask) == (round(last.close - 0.01, 2), round(last.close + 0.01, 2))
    else:
        assert isinstance(told, ReferencePrice)
        assert told.price == last.close
    assert told.time == last.end


@pytest.mark.parametrize("fault", [Fault.EMPTY, Fault.NULL_FIELDS])
def test_no_quote_is_never_a_quote_of_zero(fault: Fault, make: Make, emulator: Emulator) -> None:
    emulator.switches.on(fault)
    with pytest.raises(DataError):
        finished(make().fetch_quote("ACME"))


def test_a_misspelt_setting_is_named(make: Make) -> None:
    with pytest.raises(SettingsError, match="no setting 'api_kye'") as caught:
        make(api_kye="x")
    assert "api_key" in caught.value.hint


def test_a_plugin_says_what_it_is(make: Make, case: Case) -> None:
    says = make().capabilities
    assert isinstance(make(), MarketData)
    assert (says.name, says.venue, says.adjustment) == (case.name, "XNYS", "raw")
    assert says.tape
    assert says.terms
    assert says.entitlements
    assert str(says.limits) != "none"


def test_the_provider_sees_keys_in_headers_alone(make: Make, emulator: Emulator) -> None:
    load(make(), symbol="SPLT", **SPAN)
    finished(make().fetch_quote("ACME"))
    for seen in emulator.seen:
        assert KEY not in seen.path + str(seen.query)
        assert KEY in str(seen.headers)


def test_keys_appear_nowhere(
    make: Make, emulator: Emulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    plugin = make()
    told = [repr(plugin), str(vars(plugin)), repr(plugin.capabilities)]
    for fault in (None, Fault.GATEWAY, Fault.PLAN_REFUSED, Fault.BAD_BAR, Fault.EMPTY):
        if fault:
            emulator.switches.on(fault, times=5)
        try:
            told.append(repr(load(plugin, symbol="ACME", **SPAN)))
        except PapertapeError as error:
            trace = traceback.TracebackException.from_exception(error, capture_locals=True)
            told += [str(frame.locals) for frame in trace.stack if "src" in frame.filename]
            told += [*traceback.format_exception(error), error.message, error.hint]
    told += [record.getMessage() + repr(record.args) for record in caplog.records]
    assert [line for line in told if KEY in line or SECRET in line] == []
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or KEY.encode() not in file.read_bytes()


def test_every_plugin_sees_the_same_market(time: SkippingTime, tmp_path: Path) -> None:
    seen = []
    for case in CASES:
        with case.emulator(Market(), time, page=case.page) as emulator:
            plugin = case.made(emulator, tmp_path, Timing(time, time.sleep))
            history = load(plugin, symbol="SPLT", start_date=FIRST, end_date=LAST)
            bars = history.bars
            days = [(type(each), each.ex_date) for each in history.actions]
            columns = (bars.start, bars.open, bars.high, bars.low, bars.close, bars.volume)
            seen.append((days, [column.tolist() for column in columns]))
    assert len(seen) == len(CASES) > 1
    assert all(each == seen[0] for each in seen)
