"""Bars from the trades of one symbol on one exchange."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, time

import numpy as np

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import SECOND
from papertape.domain.errors import DataError
from papertape.domain.instrument import Instrument
from papertape.domain.market import Bars, Frequency, IntArray, session_times
from papertape.plugins.market_data.hist.message import Message, TradeBreak, TradeReport


def trades_of(messages: Iterable[Message]) -> list[TradeReport]:
    """The trades that stand: a break takes back the trade of its id, and the last report wins.

    Raises:
        DataError: If a break names a trade that was not reported.
    """
    standing: dict[int, TradeReport] = {}
    for message in messages:
        if isinstance(message, TradeReport):
            standing[message.trade_id] = message
        elif isinstance(message, TradeBreak) and standing.pop(message.trade_id, None) is None:
            raise DataError(
                f"{message.symbol}: trade {message.trade_id} is taken back and was never reported",
                hint="the capture lacks a part of the day",
            )
    return sorted(standing.values(), key=lambda trade: trade.time)


def bars_of(
    trades: Sequence[TradeReport], instrument: Instrument, frequency: Frequency
) -> tuple[Bars, int]:
    """Bars from trades in the order of time, and the shares that belong to none of them.

    A bar's volume counts every trade; its prices only those that set one. A slot in which nothing
    set a price has no bar, and its shares are the ones that are left over.
    """
    time_ = np.array([trade.time for trade in trades], np.int64)
    size = np.array([trade.size for trade in trades], np.float64)
    price = np.array([trade.price for trade in trades], np.float64)
    setting = np.array([trade.sets_the_price for trade in trades], bool)
    slot = _slots(time_, instrument, frequency)
    starts, first = np.unique(slot[setting], return_index=True)
    prices = price[setting]
    if not len(starts):
        nothing = np.empty(0)
        times = np.empty(0, np.int64)
        return Bars(instrument, frequency, times, times, *[nothing] * 5), int(size.sum())
    last = np.append(first[1:], len(prices)) - 1
    in_bar = np.isin(slot, starts)
    volume = np.zeros(len(starts))
    np.add.at(volume, np.searchsorted(starts, slot[in_bar]), size[in_bar])
    bars = Bars(
        instrument,
        frequency,
        *_span(starts, instrument, frequency),
        prices[first],
        np.maximum.reduceat(prices, first),
        np.minimum.reduceat(prices, first),
        prices[last],
        volume,
    )
    return bars, int(size[~in_bar].sum())


def _slots(moments: IntArray, instrument: Instrument, frequency: Frequency) -> IntArray:
    """Which bar each moment falls into: its start, or for daily bars the exchange's midnight."""
    calendar = calendar_of(instrument.venue)
    days, place = np.unique(calendar.local_days(moments), return_inverse=True)
    midnights = np.array(
        [
            int(datetime.combine(day, time(), tzinfo=calendar.zone).timestamp()) * SECOND
            for day in days.tolist()
        ],
        np.int64,
    )[place]
    if frequency.is_daily:
        return midnights
    # Assumption: bars of any length are counted from the exchange's midnight, as vendors do.
    return midnights + (moments - midnights) // frequency.nanos * frequency.nanos


def _span(
    starts: IntArray, instrument: Instrument, frequency: Frequency
) -> tuple[IntArray, IntArray]:
    if not frequency.is_daily:
        return starts, starts + frequency.nanos
    calendar = calendar_of(instrument.venue)
    return session_times(calendar.local_days(starts).tolist(), calendar)
