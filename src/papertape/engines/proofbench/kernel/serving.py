"""Serving: which runs the kernel knows, and how a run's settings become numbers for it.

What it does not know it refuses before it starts; the pipeline serves everything.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from papertape.data.actions import rows_of
from papertape.domain.instrument import Instrument
from papertape.domain.kept import kept
from papertape.domain.market import Bars, BoolArray, FloatArray, Frequency, IntArray, ends_symbol
from papertape.domain.money import MICROS_PER_DOLLAR, Micros
from papertape.domain.terms import AccountTerms, account_terms
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.kernel.columns import (
    BLOCK,
    ByteArray,
    Columns,
    Share,
    Sizing,
    Span,
    Terms,
)
from papertape.engines.proofbench.kernel.desk import Desk
from papertape.engines.proofbench.kernel.exchange import Exchange
from papertape.engines.proofbench.kernel.tally import Tally, write_account
from papertape.engines.proofbench.window import Window
from papertape.engines.riskguard import RiskLimits
from papertape.engines.signalcore.sizing import (
    FixedShares,
    PercentOfEquity,
    RiskPerTrade,
    size_policy,
)
from papertape.matching.costs import (
    MILLION,
    CostModel,
    FixedSlippage,
    NoCap,
    NoSlippage,
    SquareRootImpact,
    VolumeCap,
)
from papertape.matching.fees import (
    Fees,
    FeeTables,
    NoFee,
    PerShareFee,
    ProportionalFee,
    RegulatoryFees,
    Rounding,
    ShareRate,
    SumOfFees,
    ValueRate,
)
from papertape.matching.financing import COLLATERAL, YEAR
from papertape.matching.spreads import FixedHalfSpread, NoSpread, SpreadByLiquidity

DEAREST = 2**40
"""Micro-dollars a share from which on products might not fit into 64 bits."""
BUSIEST = 2**42
"""Shares a bar, likewise."""
FINEST = 2**9
"""Largest numerator of a part of equity, likewise."""
ORDERS, MOST_ORDERS = 64, 8_192
FILLS = 65_536

_NO_COLUMN = np.zeros(0)
_NOTHING = Share(0, 1)
_WHOLE = Share(1, 1)
KNOWN = {
    *("initial_capital", "bar_frequency", "risk_free_rate", "start", "end", "size", "cost"),
    *("spread", "account", "warmup", "risk_profile", "benchmark", "seed", "allow"),
}
"""Settings that are either served or do not change what is traded."""


class Refusal(Exception):
    """The kernel does not know a run of this kind; the message says what it is about."""


@dataclass(frozen=True, eq=False)
class Run:
    """What came of one column of wishes.

    Attributes:
        kernel: What it was made with.
        tally: The figures.
        fills, stretches: A line for each, see `tally`.
    """

    kernel: Kernel
    tally: Tally
    fills: IntArray
    stretches: IntArray

    @cached_property
    def account(self) -> IntArray:
        """Cash and equity at the start and after each mark, micro-dollars."""
        columns, first = self.kernel.columns, self.kernel.span.marks
        account = np.full((2, len(columns.time) - first + 1), self.kernel.capital, np.int64)
        write_account(self.stretches, columns.micros, first, *account)
        return account

    @property
    def cash(self) -> IntArray:
        """Cash alone."""
        return self.account[0]

    @property
    def equity(self) -> IntArray:
        """Equity alone."""
        return self.account[1]


class Wish(NamedTuple):
    """A strategy's answers: exposure, and distances to exits in dollars (empty for none).

    Targets and trails need a kernel made with ``exits``.
    """

    warmup: int
    exposure: FloatArray | BoolArray
    stops: FloatArray = _NO_COLUMN
    targets: FloatArray = _NO_COLUMN
    trails: FloatArray = _NO_COLUMN


@dataclass(frozen=True, eq=False, slots=True)
class Kernel:
    """One instrument's bars and the terms of a run, ready for any number of strategies."""

    columns: Columns
    terms: Terms
    sizing: Sizing
    span: Span
    capital: Micros

    def figures(self, wish: Wish) -> Tally | None:
        """The figures of a run, nothing kept; None if it is one for the pipeline after all."""
        return self._driven(wish, *_rooms(0))

    def run(self, wish: Wish) -> Run | None:
        """A run with its fills and what the account was meanwhile."""
        room = FILLS
        while True:
            fills, stretches = _rooms(room)
            tally = self._driven(wish, fills, stretches)
            if tally is None:
                return None
            if max(tally.filled, tally.stretched) <= room:
                return Run(self, tally, fills[: tally.filled], stretches[: tally.stretched])
            room = max(tally.filled, tally.stretched)

    def _driven(self, wish: Wish, fills: IntArray, stretches: IntArray) -> Tally | None:
        columns, room = self.columns, ORDERS
        while room <= MOST_ORDERS:
            tally = Tally(columns, self.capital, fills, stretches)
            exchange = Exchange(columns, self.terms, self.capital, tally, room)
            desk = Desk(exchange, tally, self.sizing, self.span, *wish)
            if desk.run():
                return tally
            if not exchange.is_full:
                return None
            room *= 8
        return None


def _rooms(lines: int) -> tuple[IntArray, IntArray]:
    """For fills and for stretches."""
    return np.empty((lines, 8), np.int64), np.empty((lines, 3), np.int64)


def kernel_for(window: Window, config: SimulationConfig, *, exits: bool = False) -> Kernel:
    """A kernel for the runs of signal strategies over a window.

    Args:
        window: The bars.
        config: The settings.
        exits: Whether targets will be attached, which an opening auction may fill.

    Raises:
        Refusal: If they are runs that only the pipeline knows.
    """
    refuse_unknown(config, KNOWN)
    if len(window.bars) != 1:
        raise Refusal("several instruments")
    [(symbol, bars)] = window.bars.items()
    actions = window.actions.get(symbol, ())
    if rows_of(bars, actions) or any(map(ends_symbol, actions)):
        raise Refusal("splits, dividends or an end of the symbol")
    if window.taped:
        raise Refusal("a tape")
    if config.risk_limits != RiskLimits():
        raise Refusal(f"the limits of the profile {config.risk_profile}")
    account, costs = account_terms(config.account), config.costs
    terms = terms_of(bars.instrument, config.frequency, costs, account)
    columns = _columns(bars, terms, tables_of(costs.fees), exits)
    history = window.history[symbol]
    span = Span(max(history - 1, 0), history)
    return Kernel(columns, terms, _sizing(config.size), span, config.capital)


def refuse_unknown(record: Any, known: set[str]) -> None:
    """Refuse a setting that was not there when this was written, unless it stands at its default.

    Raises:
        Refusal: Naming it.
    """
    for item in fields(record):
        if item.name not in known and getattr(record, item.name) != item.default:
            raise Refusal(f"{item.name}={getattr(record, item.name)!r}")


def _sizing(size: str) -> Sizing:
    policy = size_policy(size)
    match policy:
        case FixedShares(shares):
            return Sizing(shares, _NOTHING, by_stop=False)
        case PercentOfEquity(percent, is_net=False) | RiskPerTrade(percent):
            part = percent / 100
            if part.numerator < FINEST and part.denominator < DEAREST:
                return Sizing(0, _share(part), by_stop=policy.needs_stop)
    raise Refusal(f"the size {size}")


def _share(part: Fraction) -> Share:
    return Share(part.numerator, part.denominator)


def _small(part: Fraction, what: str) -> Share:
    """A fraction whose products with amounts fit into 64 bits."""
    if max(part.numerator, part.denominator) > FINEST:
        raise Refusal(f"{what} of {part}")
    return _share(part)


def terms_of(
    instrument: Instrument, frequency: Frequency, costs: CostModel, account: AccountTerms
) -> Terms:
    """What trading an instrument costs and what the account may do, in numbers.

    Raises:
        Refusal: If a policy cannot be spelled out in numbers.
    """
    if instrument.lot != 1 or instrument.is_future or instrument.multiplier != 1:
        raise Refusal("lots or contracts")
    if account.settled_only:
        raise Refusal("settled cash")
    refuse_unknown(costs, {"name", "fees", "spread", "slippage", "cap", "financing"})
    fees, rounds_up = _commission(costs.fees), _rounds_up(costs.fees)
    return Terms(
        tick=instrument.tick,
        per_session=frequency.per_session,
        **_spread(costs),
        **_slippage(costs),
        **_cap(costs),
        **fees,
        **_rates(tables_of(costs.fees)),
        rounds_up=rounds_up,
        initial=_small(account.initial, "an initial share"),
        keep_long=_small(account.maintenance_long, "maintenance"),
        keep_short=_small(account.maintenance_short, "maintenance"),
        lends_shares=account.lends_shares,
        borrow=_daily(COLLATERAL * costs.financing.borrow),
        interest=_daily(costs.financing.interest),
    )


def _daily(rate: Fraction) -> Share:
    """A yearly rate for one day of the money market's year."""
    if rate > 1 or rate.denominator * YEAR > 2**26:
        raise Refusal(f"a rate of {rate} a year")
    return Share(rate.numerator, rate.denominator * YEAR)


def _spread(costs: CostModel) -> dict[str, Any]:
    amount, unknown = 0, 0
    classes: tuple[tuple[float, int], ...] = ()
    match costs.spread:
        case NoSpread():
            pass
        case FixedHalfSpread(amount):
            pass
        case SpreadByLiquidity(classes, unknown):
            pass
        case other:
            raise Refusal(other.words)
    return {
        "half_spread": amount,
        "spread_values": np.array([value for value, _ in classes], np.float64),
        "spread_points": np.array([points for _, points in classes], np.int64),
        "spread_unknown": unknown,
    }


def _slippage(costs: CostModel) -> dict[str, Any]:
    amount, law = 0, SquareRootImpact(Fraction(0))
    match costs.slippage:
        case NoSlippage():
            pass
        case FixedSlippage(amount):
            pass
        case SquareRootImpact() as law:
            pass
        case other:
            raise Refusal(other.words)
    return {
        "slippage": amount,
        "impact_factor": float(law.factor),
        "volatility_if_unknown": law.volatility_if_unknown,
        "participation_if_unknown": law.participation_if_unknown,
    }


def _cap(costs: CostModel) -> dict[str, Any]:
    match costs.cap:
        case NoCap():
            return {"cap": 0, "cap_at_open": 0}
        case VolumeCap(per_bar, at_open):
            whole, opening = round(per_bar * MILLION), round(at_open * MILLION)
            if opening:
                return {"cap": whole, "cap_at_open": opening}
    raise Refusal(costs.cap.words)


def _parts(fees: Fees) -> tuple[Fees, ...]:
    return fees.parts if type(fees) is SumOfFees else (fees,)


def _commission(fees: Fees) -> dict[str, Any]:
    """The one commission among the parts of a tariff."""
    numbers: dict[str, Any] = {"commission": _NOTHING, "per_share": 0, "least": 0, "most": _WHOLE}
    found = [each for each in _parts(fees) if type(each) not in {NoFee, RegulatoryFees}]
    if len(found) > 1:
        raise Refusal(fees.words)
    for each in found:
        match each:
            case ProportionalFee(rate):
                numbers["commission"] = _share(rate)
            case PerShareFee(per_share, least, most):
                if per_share < 1 or most is None or most > 1 or max(per_share, least) > DEAREST:
                    raise Refusal(each.words)
                numbers |= {"per_share": per_share, "least": least, "most": _share(most)}
            case _:
                raise Refusal(each.words)
    return numbers


def _regulators(fees: Fees) -> list[RegulatoryFees]:
    found = [each for each in _parts(fees) if isinstance(each, RegulatoryFees)]
    if len(found) > 1 or any(each.cat for each in found):
        raise Refusal(fees.words)
    return found


def _rounds_up(fees: Fees) -> bool:
    return any(each.rounding is Rounding.BROKER for each in _regulators(fees))


def tables_of(fees: Fees) -> FeeTables | None:
    """The regulators' rates in a tariff, if it has any."""
    return next((each.tables for each in _regulators(fees)), None)


def changes_of(tables: FeeTables | None) -> list[Any]:
    """The days on which a regulator's rate changes."""
    return sorted({row.effective for row in (*tables.sec.rows, *tables.taf.rows)}) if tables else []


def _rates(tables: FeeTables | None) -> dict[str, Any]:
    """The regulators' rates, a row for each stretch of days between two changes."""
    rows: list[tuple[int, int, int, int]] = []
    for day in changes_of(tables):
        assert tables is not None
        match tables.sec.row(day).rate, tables.taf.row(day).rate:
            case ValueRate(sec), ShareRate(taf, most):
                rows.append((sec.numerator, sec.denominator, taf, most))
            case _:
                raise Refusal("regulators' rates of another kind")
    columns = np.array(rows, np.int64).reshape(-1, 4).T.copy()
    return dict(zip(("sec", "sec_unit", "taf", "taf_cap"), columns, strict=True))


class _Amounts(NamedTuple):
    """Prices of bars in micro-dollars, as `Columns` has them."""

    open: IntArray
    high: IntArray
    low: IntArray
    micros: FloatArray
    lowest: FloatArray
    highest: FloatArray


@kept
def _amounts(bars: Bars) -> _Amounts:
    """The prices as the kernel counts them, for every run over these bars.

    Raises:
        Refusal: If some are too large for it, or volumes are.
    """
    high = _micros(bars.high)
    if len(bars) and int(high.max()) >= DEAREST:
        raise Refusal("prices of a million dollars and more")
    if np.any(bars.volume >= BUSIEST):
        raise Refusal("volumes of trillions of shares")
    close, blocks = np.rint(bars.close * MICROS_PER_DOLLAR), np.arange(0, len(bars), BLOCK)
    extremes = (each.reduceat(close, blocks) for each in (np.minimum, np.maximum))
    lowest, highest = extremes if len(bars) else (close, close)
    return _Amounts(_micros(bars.open), high, _micros(bars.low), close, lowest, highest)


def _columns(bars: Bars, terms: Terms, tables: FeeTables | None, exits: bool) -> Columns:
    amounts = _amounts(bars)
    idle = np.zeros(len(bars), np.int64)
    nights = tariff = idle
    if terms.borrow.numerator or terms.interest.numerator:
        days = bars.calendar.local_days(bars.end).astype(np.int64)
        nights = np.diff(days, prepend=days[:1])
    if tables is not None:
        changes = np.array(changes_of(tables), "datetime64[D]")
        tariff = np.maximum(np.searchsorted(changes, bars.days(), side="right") - 1, 0)
    return Columns(
        **amounts._asdict(),
        time=bars.end,
        dollars=bars.close,
        volume=bars.volume,
        nights=nights,
        opens_session=_opens_session(bars) if exits else np.zeros(len(bars), np.uint8),
        tariff=tariff,
    )


def _opens_session(bars: Bars) -> ByteArray:
    days, place = np.unique(bars.days(), return_inverse=True)
    opens = [bars.calendar.session(day).open for day in days.tolist()]
    return (np.array(opens, np.int64)[place] == bars.start).astype(np.uint8)


def _micros(prices: FloatArray) -> IntArray:
    counts: IntArray = np.rint(prices * MICROS_PER_DOLLAR).astype(np.int64)
    return counts
