"""Trades and quotes one by one: prints off the tape around them, sides that are no price."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from papertape.data.quality.finding import Finding, Severity
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import rfc3339
from papertape.domain.market import FloatArray, IntArray

_AROUND = 101
"""Trades whose median a print is held against: some seconds of a liquid share."""

_ODD = 0.005
"""Half a percent within seconds is no trade at the market: it is late, derived or wrong."""


def odd_trades(
    symbol: str, time: IntArray, price: FloatArray, venue: str = "XNYS"
) -> list[Finding]:
    """D10: trades of the regular session that are far from the 101 around them, and D4.

    Args:
        symbol: Whose trades.
        time: Nanoseconds in UTC, ascending.
        price: Dollars.
        venue: Whose session counts; outside of it few trades make no median.
    """
    found = _told(symbol, "D4", "error", time, ~(price > 0), price, "has no price")
    inside = np.flatnonzero(_in_session(time, venue) & (price > 0))
    prices = price[inside]
    if len(prices) < _AROUND:
        return found
    blocks = np.lib.stride_tricks.sliding_window_view(prices, _AROUND)
    # A few medians find the trades worth a look; only those are held against their own.
    coarse = np.repeat(np.median(blocks[::_AROUND], axis=1), _AROUND)
    coarse = np.concatenate([coarse, np.full(max(0, len(prices) - len(coarse)), coarse[-1])])
    near = np.flatnonzero(np.abs(prices / coarse[: len(prices)] - 1) > _ODD / 2)
    first = np.clip(near - _AROUND // 2, 0, len(blocks) - 1)
    middle = np.median(blocks[first], axis=1)
    odd = np.zeros(len(price), np.bool_)
    odd[inside[near[np.abs(prices[near] / middle - 1) > _ODD]]] = True
    what = "is a trade far from the hundred around it: filter by sale condition"
    return [*found, *_told(symbol, "D10", "warn", time, odd, price, what)]


def odd_quotes(
    symbol: str, time: IntArray, bid: FloatArray, ask: FloatArray, suspicious: NDArray[np.bool_]
) -> list[Finding]:
    """D4: quotes without a side, crossed, or doubted by their own source.

    Args:
        symbol: Whose quotes.
        time: Nanoseconds in UTC.
        bid: Dollars; 0 where a row tells the other side only.
        ask: The same.
        suspicious: What the source itself marks.
    """
    empty = ~(bid > 0) & ~(ask > 0)
    crossed = (bid > ask) & (ask > 0)
    return [
        *_told(
            symbol, "D4", "error", time, suspicious, bid, "is marked as suspicious by its source"
        ),
        *_told(symbol, "D4", "error", time, empty & ~suspicious, bid, "has neither bid nor ask"),
        *_told(symbol, "D3", "error", time, crossed & ~suspicious, bid, "has a bid above its ask"),
    ]


def _in_session(time: IntArray, venue: str) -> NDArray[np.bool_]:
    calendar = calendar_of(venue)
    days, place = np.unique(calendar.local_days(time), return_inverse=True)
    sessions = [calendar.session(day) for day in days.tolist()]
    opens = np.array([session.open for session in sessions], np.int64)[place]
    closes = np.array([session.close for session in sessions], np.int64)[place]
    return (opens <= time) & (time < closes)


def _told(
    symbol: str,
    rule: str,
    severity: Severity,
    time: IntArray,
    rows: NDArray[np.bool_],
    price: FloatArray,
    what: str,
) -> list[Finding]:
    if not rows.any():
        return []
    first = int(np.argmax(rows))
    return [
        Finding(
            symbol=symbol,
            rule=rule,
            severity=severity,
            count=int(rows.sum()),
            days=np.unique(calendar_of("XNYS").local_days(time[rows])),
            example=f"{rfc3339(int(time[first]))} {price[first]:g}",
            what=what,
            todo="leave these rows out",
        )
    ]
