"""Columns and terms: what a kernel reads, as arrays and plain numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from papertape.domain.market import FloatArray, IntArray

BLOCK = 64
"""Rows that share a lowest and a highest close."""

ByteArray = NDArray[np.uint8]


def readable(column: NDArray[Any], *, compiled: bool) -> Any:
    """A column as it is read row by row: the array itself, or for plain Python its own numbers."""
    return column if compiled else column.tolist()


@dataclass(frozen=True, eq=False, slots=True)
class Columns:
    """One instrument's bars, one value a row; made once, read by every run over them.

    Attributes:
        time: When each bar ends.
        open, high, low: Micro-dollars.
        dollars: The closes in dollars, as returns are taken of them.
        micros: The closes in micro-dollars as float64, which hold them exactly.
        lowest, highest: Of the same, one for every `BLOCK` rows.
        volume: Shares; NaN where unknown.
        nights: Calendar days since the bar before.
        opens_session: 1 where a bar begins with the opening auction.
        tariff: Which row of the regulators' rates holds.
    """

    time: IntArray
    open: IntArray
    high: IntArray
    low: IntArray
    dollars: FloatArray
    micros: FloatArray
    lowest: FloatArray
    highest: FloatArray
    volume: FloatArray
    nights: IntArray
    opens_session: ByteArray
    tariff: IntArray


class Share(NamedTuple):
    """A fraction in two whole numbers."""

    numerator: int
    denominator: int


@dataclass(frozen=True, eq=False, slots=True)
class Terms:
    """On which terms a run trades; every policy is spelled out in numbers.

    Attributes:
        tick: Micro-dollars.
        per_session: Bars in a session.
        half_spread: Fixed, micro-dollars.
        spread_values, spread_points: Classes of dollars traded a day, and their basis points; empty
            where the spread is fixed.
        spread_unknown: Basis points where the value traded is not known.
        slippage: Fixed, micro-dollars.
        impact_factor: Of the square-root law; 0 where slippage is fixed.
        volatility_if_unknown, participation_if_unknown: Of the same.
        cap, cap_at_open: Millionths of a bar's volume; 0 for no cap.
        commission: Share of the value.
        per_share, least, most: A commission by the share, its floor, and its ceiling as a share of
            the value; ``per_share`` is 0 for none.
        sec, sec_unit: Share of the value sold, for each row of the rates; empty for none.
        taf, taf_cap: Micro-dollars a share sold and at most, for each row of the rates.
        rounds_up: Whether each regulatory fee is rounded up to a cent.
        initial: Share of a new holding that own money covers.
        keep_long, keep_short: The same for what is held already.
        lends_shares: Whether a holding may go below zero.
        borrow, interest: For a day, of shares' value and of a debit.
    """

    tick: int
    per_session: float
    half_spread: int
    spread_values: FloatArray
    spread_points: IntArray
    spread_unknown: int
    slippage: int
    impact_factor: float
    volatility_if_unknown: float
    participation_if_unknown: float
    cap: int
    cap_at_open: int
    commission: Share
    per_share: int
    least: int
    most: Share
    sec: IntArray
    sec_unit: IntArray
    taf: IntArray
    taf_cap: IntArray
    rounds_up: bool
    initial: Share
    keep_long: Share
    keep_short: Share
    lends_shares: bool
    borrow: Share
    interest: Share


class Sizing(NamedTuple):
    """How much full exposure is: ``numerator / denominator`` of equity, or so many shares.

    Attributes:
        shares: At full exposure; 0 where equity decides.
        part: Of equity.
        by_stop: Whether the part is what may be lost at the stop.
    """

    shares: int
    part: Share
    by_stop: bool


class Span(NamedTuple):
    """The row of the first decision, and the first row that is marked."""

    decides: int
    marks: int
