"""From a mended sheet back to a history that can be kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np

from papertape.data.quality.sheet import PRICES, Sheet
from papertape.domain.market import (
    Bars,
    CorporateAction,
    Dividend,
    PriceHistory,
    Split,
    quantised,
    session_times,
    split_ratio,
)
from papertape.domain.money import micros


def bars_of(sheet: Sheet) -> Bars:
    """A sheet's bars, whose rows may still be none: nothing is checked."""
    if sheet.frequency.is_daily:
        start, end = session_times(sheet.days.tolist(), sheet.calendar)
    else:
        start, end = sheet.start.copy(), sheet.start + sheet.frequency.nanos
    prices = (quantised(getattr(sheet, name)) for name in PRICES)
    return Bars.trusted(
        sheet.instrument, sheet.frequency, start, end, *prices, np.array(sheet.shares)
    )


def actions_of(sheet: Sheet) -> tuple[CorporateAction, ...]:
    """The splits and dividends in a sheet's columns that its prices do not contain yet."""
    if sheet.adjusted == "all":
        return ()
    days = sheet.days.tolist()
    splits = [
        Split(sheet.symbol, days[row], split_ratio(float(sheet.split[row])))
        for row in np.flatnonzero(sheet.booked).tolist()
    ]
    dividends = [
        # Assumption: a column of dividends tells no pay date, so cash arrives on the ex-date.
        Dividend(sheet.symbol, days[row], micros(float(sheet.dividend[row])), days[row])
        for row in np.flatnonzero(sheet.dividend > 0).tolist()
    ]
    return tuple(
        sorted([*splits, *dividends], key=lambda each: (each.ex_date, type(each).__name__))
    )


def mended(history: PriceHistory, sheet: Sheet) -> PriceHistory:
    """A history with a mended sheet's bars; actions that were not touched stay as they were."""
    before, after = _by_day(actions_of(Sheet.of(history))), _by_day(actions_of(sheet))
    changed = {day for day in before.keys() | after.keys() if before.get(day) != after.get(day)}
    # What a repair left out of the bars is no change of the actions.
    changed &= set(sheet.days.tolist())
    kept = [
        each
        for each in history.actions
        if each.ex_date not in changed or not isinstance(each, Split | Dividend)
    ]
    new = [each for day in changed for each in after.get(day, ())]
    actions = sorted([*kept, *new], key=lambda each: (each.ex_date, type(each).__name__))
    return replace(history, bars=bars_of(sheet), actions=tuple(actions))


def _by_day(actions: tuple[CorporateAction, ...]) -> dict[date, list[CorporateAction]]:
    found: dict[date, list[CorporateAction]] = {}
    for action in actions:
        found.setdefault(action.ex_date, []).append(action)
    return found
