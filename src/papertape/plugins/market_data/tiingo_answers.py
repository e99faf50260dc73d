"""Tiingo's answers, made into rows, prices and corporate actions; nothing is fetched here."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import msgspec

from papertape.domain.errors import DataError
from papertape.domain.market import CorporateAction, Dividend, Quote, Split
from papertape.domain.money import micros
from papertape.plugins.market_data.refined import PriceRow, Wanted, moment, shaped
from papertape.plugins.market_data.source import ReferencePrice


class _Daily(msgspec.Struct, rename="camel"):
    date: str
    open: float | None = None
    high: float | None = None
    low: float | None = None
    close: float | None = None
    volume: float | None = None
    adj_open: float | None = None
    adj_high: float | None = None
    adj_low: float | None = None
    adj_close: float | None = None
    adj_volume: float | None = None
    div_cash: float | None = None
    split_factor: float | None = None


class _Intraday(msgspec.Struct):
    date: str
    open: float | None = None
    high: float | None = None
    low: float | None = None
    close: float | None = None
    volume: float | None = None


class _Price(msgspec.Struct, rename="camel"):
    ticker: str
    timestamp: str | None = None
    quote_timestamp: str | None = None
    tngo_last: float | None = None
    bid_price: float | None = None
    bid_size: float | None = None
    ask_price: float | None = None
    ask_size: float | None = None


def spelled(symbol: str) -> str:
    """A canonical symbol as the provider spells it: share classes with a dash."""
    return symbol.replace(".", "-")


def daily_rows(value: Any, asked: Wanted, *, adjusted: bool) -> list[PriceRow]:
    """The rows of an end-of-day answer, as traded or by the provider's adjusted columns.

    Raises:
        ProviderError: If it has another shape.
    """
    rows = []
    for each in shaped("tiingo", value, list[_Daily]):
        session = asked.calendar.session(_day(each.date))
        figures = (
            (each.adj_open, each.adj_high, each.adj_low, each.adj_close, each.adj_volume)
            if adjusted
            else (each.open, each.high, each.low, each.close, each.volume)
        )
        rows.append(PriceRow(session.open, session.close, *figures))
    return rows


def daily_actions(value: Any, symbol: str) -> list[CorporateAction]:
    """The splits and dividends that stand in the rows of an end-of-day answer, oldest first.

    Raises:
        ProviderError: If it has another shape.
    """
    found: set[CorporateAction] = set()
    for each in shaped("tiingo", value, list[_Daily]):
        if each.div_cash:
            # Assumption: the pay date is not told, so the cash arrives on the ex-date.
            found.add(Dividend(symbol, _day(each.date), micros(each.div_cash), _day(each.date)))
        if each.split_factor and each.split_factor != 1:
            ratio = Fraction(each.split_factor).limit_denominator(10_000)
            found.add(Split(symbol, _day(each.date), ratio))
    return sorted(found, key=lambda action: (action.ex_date, isinstance(action, Dividend)))


def intraday_rows(value: Any, asked: Wanted) -> list[PriceRow]:
    """The rows of an intraday answer; a time is the start of its bar.

    Raises:
        ProviderError: If it has another shape.
    """
    return [
        PriceRow(
            moment(each.date),
            moment(each.date) + asked.frequency.nanos,
            each.open,
            each.high,
            each.low,
            each.close,
            each.volume,
        )
        for each in shaped("tiingo", value, list[_Intraday])
    ]


def latest_price(value: Any, symbol: str) -> Quote | ReferencePrice:
    """The quote of an answer, or its reference price; a spread is never made up.

    Raises:
        DataError: If the answer is empty or holds no price.
    """
    found = [
        each
        for each in shaped("tiingo", value, list[_Price])
        if each.ticker.upper() == spelled(symbol)
    ]
    if not found:
        raise DataError(f"tiingo knows no {symbol}", hint="check the symbol")
    each = found[0]
    if each.bid_price and each.ask_price and each.quote_timestamp:
        return Quote(
            symbol,
            moment(each.quote_timestamp),
            each.bid_price,
            each.ask_price,
            int(each.bid_size or 0),
            int(each.ask_size or 0),
        )
    if not each.tngo_last or not each.timestamp:
        raise DataError(f"tiingo has no price of {symbol} now", hint="ask again in trading hours")
    return ReferencePrice(symbol, moment(each.timestamp), each.tngo_last)


def _day(text: str) -> date:
    """The session's date; the time beside it is a label and no instant."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise DataError(f"tiingo: {text!r} is no date") from None
