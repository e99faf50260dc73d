"""Makers of lines for tests: any record that a journal may keep, drawn from its own hints."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from datetime import date
from enum import StrEnum
from fractions import Fraction
from random import Random
from typing import Any

from hypothesis import strategies as st

from papertape.domain.day import FeedLost, Line, MomentSeen
from papertape.domain.event import FillCorrected, Moment, OrderAccepted
from papertape.domain.fill import Fill
from papertape.domain.market import Bar, Delisting, Dividend, Quote, Renaming, Split, Trade
from papertape.domain.money import LARGEST
from papertape.domain.order import Attached, Order, OrderKind, TimeInForce
from papertape.domain.restraint import Restraint, TradingState
from papertape.domain.signal import Signal

_nanos = st.integers(0, 2**62)
_amounts = st.integers(-(2**53), 2**53)
_words = st.text(st.characters(codec="utf-8"), max_size=20)
_sentences = _words.filter(str.isprintable)
_symbols = st.sampled_from(["SPY", "BRK.B", "A", "ESZ4"])
_micros = st.integers(1, 10**12)
_prices = _micros.map(lambda micros: micros / 1e6)
_volumes = st.one_of(
    st.integers(0, 2**53 - 1).map(float),
    st.floats(0, 1e9),
    st.just(math.nan),
)
_ratios = st.fractions(Fraction(1, 100), 100)


@st.composite
def _bar(draw: st.DrawFn) -> Bar:
    low, open_, close, high = sorted(draw(st.lists(_prices, min_size=4, max_size=4)))
    start = draw(_nanos)
    return Bar(draw(_symbols), start, start + 1, open_, high, low, close, draw(_volumes))


@st.composite
def _order(draw: st.DrawFn) -> Order:
    kind = draw(st.sampled_from(OrderKind))
    plain = kind in {OrderKind.MARKET, OrderKind.LIMIT}
    duration = draw(st.sampled_from(TimeInForce if plain else ["day", "gtc", "gtd"]))
    needs_limit = kind.ends_as_limit and not kind.trails
    needs_stop = kind.is_touched or kind in {OrderKind.STOP, OrderKind.STOP_LIMIT}
    share = draw(st.booleans())
    reduces = draw(st.booleans())
    return Order(
        draw(_words),
        draw(_symbols),
        draw(st.integers(1, LARGEST - 1)) * draw(st.sampled_from([1, -1])),
        kind,
        draw(_nanos),
        draw(_sentences),
        limit=draw(_micros) if needs_limit else None,
        stop=draw(_micros) if needs_stop else None,
        stop_distance=0 if reduces else draw(st.integers(0, 10**9)),
        time_in_force=TimeInForce(duration),
        not_before=draw(_nanos),
        reduce_only=reduces,
        parent=draw(st.none() | _words),
        trail=draw(_micros) if kind.trails and not share else 0,
        trail_millionths=draw(st.integers(1, 999_999)) if kind.trails and share else 0,
        limit_offset=draw(_micros) if kind.trails and kind.ends_as_limit else 0,
        expires=draw(st.integers(1, 2**62)) if duration == "gtd" else 0,
        group=draw(_words),
        attached=() if reduces else draw(st.sampled_from(_EXITS)),
        do_not_reduce=draw(st.booleans()),
        triggers_at_once=draw(st.booleans()),
        after=draw(_words),
        share_of_equity=draw(st.fractions(-1, 1)),
    )


_EXITS = [
    (),
    (Attached(OrderKind.LIMIT, distance=7), Attached(OrderKind.TRAILING_STOP, trail_millionths=9)),
]


@st.composite
def _fill(draw: st.DrawFn, id_: str = "x") -> Fill:
    side = draw(st.sampled_from([1, -1]))
    return Fill(
        id_,
        draw(_words),
        draw(_symbols),
        draw(_nanos),
        side * draw(st.integers(1, 10**4)),
        draw(st.integers(1, 10**10)),
        draw(st.integers(0, 10**9)),
        draw(_words),
        draw(_nanos),
        draw(_micros),
        *draw(st.tuples(_amounts, _amounts, _words, st.booleans(), _amounts, _words)),
        *draw(st.tuples(st.booleans(), _amounts, _words, st.integers(1, 50))),
        bond=draw(st.none() | _amounts),
        variation=draw(_amounts),
    )


@st.composite
def _dividend(draw: st.DrawFn) -> Dividend:
    first, last = sorted((draw(st.dates()), draw(st.dates())))
    return Dividend(draw(_symbols), first, draw(_micros), last)


@st.composite
def _quote(draw: st.DrawFn) -> Quote:
    bid, ask = sorted((draw(_prices), draw(_prices)))
    return Quote(draw(_symbols), draw(_nanos), bid, ask, draw(_amounts), draw(_amounts))


_MADE: dict[Any, st.SearchStrategy[Any]] = {
    str: _words,
    bool: st.booleans(),
    int: _amounts,
    date: st.dates(),
    Fraction: st.fractions(),
    type(None): st.none(),
    Bar: _bar(),
    Order: _order(),
    Fill: _fill(),
    Quote: _quote(),
    Dividend: _dividend(),
    Trade: st.builds(Trade, _symbols, _nanos, _prices, _micros),
    Split: st.builds(Split, _symbols, st.dates(), _ratios.filter(lambda ratio: ratio != 1)),
    Renaming: st.builds(Renaming, st.just("SPY"), st.dates(), st.just("QQQ")),
    Delisting: st.builds(Delisting, _symbols, st.dates(), st.none(), st.none() | st.fractions(0, 1))
    | st.builds(Delisting, _symbols, st.dates(), _micros),
    Attached: st.sampled_from(_EXITS[1]),
    Signal: st.builds(
        Signal,
        _symbols,
        _nanos,
        st.floats(-1, 1),
        st.floats(1, 1e6),
        _sentences,
        st.floats(0, 9),
    ),
    Restraint: st.builds(
        Restraint,
        cause=...,
        state=st.sampled_from([TradingState.REDUCING, TradingState.HALTED]),
        reason=_words.filter(bool),
        since=_nanos,
    ),
    FillCorrected: st.builds(
        FillCorrected, _nanos, _fill("old"), _fill("new"), _words, st.integers(0, 9)
    ),
}


def made(type_: Any) -> st.SearchStrategy[Any]:
    """Values of a type, from its hints."""
    if type_ in _MADE:
        return _MADE[type_]
    if typing.get_origin(type_) is tuple:
        return st.lists(made(typing.get_args(type_)[0]), max_size=3).map(tuple)
    if typing.get_origin(type_) in {typing.Union, types.UnionType}:
        return st.one_of([made(member) for member in typing.get_args(type_)])
    if issubclass(type_, StrEnum):
        return st.sampled_from(type_)
    hints = typing.get_type_hints(type_)
    fields = {field.name: made(hints[field.name]) for field in dataclasses.fields(type_)}
    return st.builds(type_, **fields)


def line(number: int) -> Line:
    """The line of that number, the same wherever it is made; most are short and some are long."""
    random = Random(number)
    draw = random.random()
    if draw < 0.4:
        bar = Bar("SPY", number, number + 1, 100.25, 101.0, 99.5, 100.0, float(number))
        return MomentSeen(number, Moment(number, (bar,)))
    if draw < 0.8:
        order = Order(f"{number:032x}", "SPY", 1, OrderKind.MARKET, number, "why not")
        return OrderAccepted(number, order, number)
    return FeedLost(number, "x" * int(10 ** random.uniform(0, 4)))
