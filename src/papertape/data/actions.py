"""Corporate actions upon prices: raw prices trade, total-return prices signal.

Signal prices are anchored at the first bar and adjusted *forward*: from its ex-date on, each
action multiplies what follows. A later action therefore never moves an earlier value, which the
usual backward adjustment does (and so leaks splits that have not happened yet). The backward one,
`adjusted`, is there to look at and to hand out; nothing trades on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from papertape.domain.errors import DataError
from papertape.domain.market import (
    Adjustment,
    Bars,
    CorporateAction,
    Dividend,
    FloatArray,
    PriceHistory,
    Split,
    ends_symbol,
)
from papertape.domain.money import micros


def factor_of(action: CorporateAction, close_before: float) -> float:
    """What signal prices are multiplied by from the ex-date on; ``close_before`` in raw dollars.

    Assumption: a dividend is reinvested at the close before its ex-date less the dividend, the
    convention of the vendors' adjusted closes.

    Raises:
        DataError: If the dividend is not smaller than the price it is paid from.
    """
    if isinstance(action, Split):
        return float(action.ratio)
    if not isinstance(action, Dividend):
        return 1.0  # a symbol ends; its prices stay what they are
    before = micros(close_before)
    if action.amount >= before:
        raise DataError(
            f"{action.symbol} {action.ex_date}: a dividend of {action.amount / 1e6} from a close "
            f"of {close_before} cannot be"
        )
    return float(Fraction(before, before - action.amount))


def rows_of(bars: Bars, actions: Sequence[CorporateAction]) -> dict[int, list[CorporateAction]]:
    """Row -> actions that take effect before its first trade; those outside the bars are left out.

    Splits come before dividends of the same day, so that a dividend is per new share.
    """
    if not actions:
        return {}
    days = bars.days()
    found: dict[int, list[CorporateAction]] = {}
    for action in sorted(actions, key=lambda a: (a.ex_date, not isinstance(a, Split))):
        row = int(np.searchsorted(days, np.datetime64(action.ex_date, "D")))
        if 0 < row < len(bars):
            found.setdefault(row, []).append(action)
    return found


def signal_factors(bars: Bars, actions: Sequence[CorporateAction]) -> FloatArray:
    """One factor a row: signal price = raw price times factor; 1 until the first action."""
    factors = np.ones(len(bars))
    running = 1.0
    for row, here in sorted(rows_of(bars, actions).items()):
        close_before = float(bars.close[row - 1])
        for action in here:
            factor = factor_of(action, close_before)
            close_before /= factor
            running *= factor
        factors[row:] = running
    return factors


def signal_bars(bars: Bars, actions: Sequence[CorporateAction]) -> Bars:
    """The bars as signals see them; the very same ones where no action took effect."""
    factors = signal_factors(bars, actions)
    return bars if np.all(factors == 1.0) else bars.scaled(factors)


def adjusted(history: PriceHistory, to: Adjustment) -> PriceHistory:
    """The history seen from its last bar: earlier prices (and volumes) in shares of that day.

    Raises:
        DataError: If the prices contain more already than is asked for.
    """
    order: tuple[Adjustment, ...] = ("raw", "split", "all")
    if history.adjusted == to:
        return history
    if order.index(history.adjusted) > order.index(to):
        raise DataError(
            f"{history.bars.symbol}: the prices are adjusted ({history.adjusted}), and what was "
            f"done to them cannot be undone to {to}",
            hint="get raw bars; they can be adjusted at any time",
        )
    bars, splits = history.bars, [each for each in history.actions if isinstance(each, Split)]
    per_share = _backward(signal_factors(bars, splits))
    wanted = history.actions if to == "all" else splits
    factors = _backward(signal_factors(bars, wanted))
    left = tuple(filter(ends_symbol, history.actions))
    if to == "split":
        left = (*_in_new_shares(history, per_share), *left)
    priced = bars.scaled(factors)
    columns = (getattr(priced, name) for name in ("start", "end", "open", "high", "low", "close"))
    seen = Bars.trusted(bars.instrument, bars.frequency, *columns, np.rint(bars.volume / per_share))
    return replace(history, bars=seen, adjusted=to, actions=left)


def _backward(factors: FloatArray) -> FloatArray:
    return np.asarray(factors / factors[-1], np.float64)


def _in_new_shares(history: PriceHistory, per_share: FloatArray) -> tuple[CorporateAction, ...]:
    """The dividends a share of the last day, which are all that split adjusted prices lack."""
    rows = rows_of(history.bars, history.actions)
    return tuple(
        replace(action, amount=round(action.amount * per_share[row]))
        for row, here in sorted(rows.items())
        for action in here
        if isinstance(action, Dividend)
    )


def adjusted_backward(history: PriceHistory) -> PriceHistory:
    """The history as other engines trade it: every price in the last bar's terms, nothing booked.

    It knows, at each bar, all that was paid and split afterwards; only the compatibility policy
    ``trade_adjusted`` trades it.

    Raises:
        DataError: If there is a tape, which stays as it was told.
    """
    bars = history.bars
    if np.all(signal_factors(bars, history.actions) == 1.0):
        return history
    if history.ticks:
        raise DataError(
            f"{bars.symbol}: bars can be adjusted backward, a tape cannot",
            hint="leave the tape out, or hand in both adjusted already, without actions",
        )
    return adjusted(history, "all")


def with_actions(history: PriceHistory, stated: Sequence[CorporateAction]) -> PriceHistory:
    """The history with actions that somebody stated beside it, in place of what it came with.

    Raises:
        DataError: If its prices contain such an action already.
    """
    bars, adjusted = history.bars, history.adjusted
    contained = {"raw": (), "split": (Split,), "all": (Split, Dividend)}[adjusted]
    twice = next((action for action in stated if isinstance(action, contained)), None)
    if twice is not None:
        raise DataError(
            f"{bars.symbol}: the prices are adjusted ({adjusted}), and a "
            f"{type(twice).__name__.lower()} of {twice.ex_date} is stated besides",
            hint="state it for prices as traded: --adjusted raw",
        )
    return replace(history, actions=tuple(stated))
