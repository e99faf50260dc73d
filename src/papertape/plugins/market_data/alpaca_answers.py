"""Alpaca's answers, made into rows, quotes and corporate actions; nothing is fetched here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import Any

import msgspec

from papertape.domain.errors import DataError
from papertape.domain.market import CorporateAction, Dividend, Quote, Split
from papertape.domain.money import micros
from papertape.plugins.market_data.refined import PriceRow, Wanted, moment, shaped

LIKELY = "check the symbol; it may be new, renamed, or have had no trade in this feed"
"""Why there may be nothing."""


class Paged(msgspec.Struct):
    """What every page of an answer has."""

    next_page_token: str | None = None


class _Bar(msgspec.Struct):
    t: str
    o: float | None = None
    h: float | None = None
    l: float | None = None  # noqa: E741  (the provider's name)
    c: float | None = None
    v: float | None = None


class _BarsPage(msgspec.Struct):
    bars: dict[str, list[_Bar]] | None = None


class _Quote(msgspec.Struct):
    t: str
    bp: float = 0.0
    bs: float = 0.0
    ap: float = 0.0
    as_: float = msgspec.field(default=0.0, name="as")


class _Quotes(msgspec.Struct):
    quotes: dict[str, _Quote] | None = None


class _Action(msgspec.Struct):
    """Any corporate action: each kind has some of these."""

    symbol: str = ""
    ex_date: date | None = None
    effective_date: date | None = None
    process_date: date | None = None
    payable_date: date | None = None
    rate: float = 0.0
    new_rate: float = 0.0
    old_rate: float = 0.0


class _ActionsPage(msgspec.Struct):
    corporate_actions: dict[str, list[_Action]] | None = None


def bar_rows(value: Any, asked: Wanted) -> list[PriceRow]:
    """The rows of one page of bars; a daily one is stamped with New York's midnight.

    Raises:
        ProviderError: If the page has another shape.
    """
    page = shaped("alpaca", value, _BarsPage)
    found = (page.bars or {}).get(asked.symbol, [])
    rows = []
    for bar in found:
        start = moment(bar.t)
        end = start + asked.frequency.nanos
        if asked.frequency.is_daily:
            session = asked.calendar.session(asked.calendar.local_day(start))
            start, end = session.open, session.close
        rows.append(PriceRow(start, end, bar.o, bar.h, bar.l, bar.c, bar.v))
    return rows


def latest_quote(value: Any, symbol: str) -> Quote:
    """The one quote of an answer; a price of 0 means that nobody quotes on that side.

    Raises:
        DataError: If it is missing or one-sided.
    """
    quote = (shaped("alpaca", value, _Quotes).quotes or {}).get(symbol)
    if quote is None:
        raise DataError(f"alpaca has no quote of {symbol}", hint=LIKELY)
    if quote.bp <= 0 or quote.ap <= 0:
        side = "bid" if quote.bp <= 0 else "ask"
        raise DataError(
            f"alpaca: nobody quotes a {side} for {symbol} (last told {quote.t})",
            hint="ask again in regular trading hours",
        )
    return Quote(symbol, moment(quote.t), quote.bp, quote.ap, int(quote.bs), int(quote.as_))


def corporate_actions(
    pages: Sequence[Any], symbol: str
) -> tuple[list[CorporateAction], list[tuple[str, date]]]:
    """Splits and dividends, oldest first, and (name, day) of whatever else happened.

    Raises:
        ProviderError: If a page has another shape.
    """
    actions: set[CorporateAction] = set()
    others: list[tuple[str, date]] = []
    for page in pages:
        groups = shaped("alpaca", page, _ActionsPage).corporate_actions or {}
        for group, found in groups.items():
            for each in found:
                day = each.ex_date or each.effective_date or each.process_date
                if day is None:
                    raise DataError(f"alpaca: an entry of {group} of {symbol} has no day")
                action = _action(group, each, symbol, day)
                if action is None:
                    others.append((group.replace("_", " ").removesuffix("s"), day))
                else:
                    actions.add(action)
    return sorted(actions, key=lambda each: each.ex_date), others


def _action(group: str, each: _Action, symbol: str, day: date) -> CorporateAction | None:
    match group:
        case "forward_splits" | "reverse_splits":
            return Split(symbol, day, _fraction(each.new_rate) / _fraction(each.old_rate))
        case "stock_dividends":
            return Split(symbol, day, 1 + _fraction(each.rate))
        case "cash_dividends":
            # Assumption: a dividend without a pay date is paid on its ex-date.
            paid = max(each.payable_date or day, day)
            return Dividend(symbol, day, micros(each.rate), paid)
    return None


def _fraction(rate: float) -> Fraction:
    if rate <= 0:
        raise DataError(f"alpaca: a rate of {rate} in a split or stock dividend")
    return Fraction(rate).limit_denominator(1_000_000)


def in_todays_shares(actions: Sequence[CorporateAction]) -> list[CorporateAction]:
    """Dividends a share of today, as split-adjusted prices want them; splits are in the prices."""
    dividends: list[CorporateAction] = []
    ratio = Fraction(1)
    for action in reversed(actions):
        if isinstance(action, Split):
            ratio *= action.ratio
        elif isinstance(action, Dividend):
            amount = round(action.amount / ratio)
            dividends.append(Dividend(action.symbol, action.ex_date, amount, action.pay_date))
    return dividends[::-1]
