"""Fees: what an order owes to its broker and to the regulators, and the dated tables behind it.

A fee policy answers for *all that an order has traded*, because minimums and caps are set for an
order, not for a fill. A fill pays what the order's total grew by (`Fees.next_fee`), so the parts
of an order always pay exactly what it would have paid at once.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from papertape.domain.errors import UsageError, require
from papertape.domain.money import Micros, dollars, micros_from_text, tick_up

CENT: Micros = 10_000
ONE_PERCENT = Fraction(1, 100)
FINEST_RATE = 10**9
"""Largest denominator of a rate: with it, value times rate stays inside 64 bits."""


class Fees(Protocol):
    """A tariff: what an order owes for all it has traded, and never less after one more fill.

    Assumption: one order has one minimum and one cap, on however many days it trades. A broker
    may count anew each day; whoever wants that hands in the day's part of the order only.
    """

    @property
    def words(self) -> str:
        """The tariff in a few words, for one line of a report."""
        ...

    def fee(self, filled: int, paid: Micros, day: date, *, shares_this_month: int = 0) -> Micros:
        """What is owed in all, at the rates of a day.

        Args:
            filled: Shares, signed, as an `OrderState` counts them.
            paid: Sum of quantity times price; its sign does not matter.
            day: The exchange's date.
            shares_this_month: Shares of earlier orders, for tariffs that fall with volume.
        """
        ...

    def next_fee(
        self,
        filled: int,
        paid: Micros,
        quantity: int,
        price: Micros,
        day: date,
        *,
        shares_this_month: int = 0,
    ) -> Micros:
        """What one more fill adds to the fee of an order that stands at ``filled`` and ``paid``."""
        month = shares_this_month
        after = self.fee(filled + quantity, paid + quantity * price, day, shares_this_month=month)
        added = after - self.fee(filled, paid, day, shares_this_month=month)
        require(added >= 0, f"a fill never lowers a fee, but this one did, by {-added} micros")
        return added

    def notices(self, first: date, last: date) -> tuple[str, ...]:
        """What to say once of the rates from ``first`` to ``last``; most tariffs know no dates."""
        return ()


def share_of(value: Micros, numerator: int, denominator: int) -> Micros:
    """``value * numerator / denominator``, the half to the even side, without a large product."""
    whole, rest = value // denominator, value % denominator
    quotient = whole * numerator + rest * numerator // denominator
    twice = 2 * (rest * numerator % denominator)
    if twice > denominator or (twice == denominator and quotient % 2 == 1):
        quotient += 1
    return quotient


def per_share_fee(shares: int, per_share: Micros, minimum: Micros, maximum: Micros) -> Micros:
    """A fee by the share between a floor and a ceiling; the ceiling wins where they cross."""
    return min(max(shares * per_share, minimum), maximum)


@dataclass(frozen=True)
class NoFee(Fees):
    """Trading is free; a fiction that a report has to announce."""

    @property
    def words(self) -> str:
        """That there are none."""
        return "no fees"

    def fee(self, filled: int, paid: Micros, day: date, *, shares_this_month: int = 0) -> Micros:
        """Nothing."""
        return 0


@dataclass(frozen=True)
class ProportionalFee(Fees):
    """A commission as a share of the traded value, half-even to the micro; no minimum."""

    rate: Fraction

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1 or self.rate.denominator > FINEST_RATE:
            raise UsageError(f"a commission of {self.rate} of the value is not between 0 and 1")

    @property
    def words(self) -> str:
        """The rate in percent."""
        return f"commission {float(self.rate * 100):g} % of value"

    def fee(self, filled: int, paid: Micros, day: date, *, shares_this_month: int = 0) -> Micros:
        """The rate times the value."""
        return share_of(abs(paid), self.rate.numerator, self.rate.denominator)


@dataclass(frozen=True)
class PerShareFee(Fees):
    """A commission by the share, with a floor and a ceiling for an order (IBKR Pro, fixed).

    The ceiling is a share of the value and beats the floor, so that a cheap order stays cheap;
    None for no ceiling.
    Venue and clearing fees are in the price.
    """

    per_share: Micros = 5_000
    minimum: Micros = 1_000_000
    maximum: Fraction | None = ONE_PERCENT

    @property
    def words(self) -> str:
        """The price of a share and the floor."""
        least = f", at least {_cash(self.minimum)}" if self.minimum else ""
        return f"commission {dollars(self.per_share):g} a share{least}"

    def fee(self, filled: int, paid: Micros, day: date, *, shares_this_month: int = 0) -> Micros:
        """Shares times price of a share, within floor and ceiling."""
        if self.maximum is None:
            return max(abs(filled) * self.per_share, self.minimum if filled else 0)
        ceiling = share_of(abs(paid), self.maximum.numerator, self.maximum.denominator)
        return per_share_fee(abs(filled), self.per_share, self.minimum, ceiling)


@dataclass(frozen=True)
class PerOrderFee(Fees):
    """A flat commission for each order that trades, however much of it does."""

    amount: Micros

    @property
    def words(self) -> str:
        """The amount in dollars."""
        return f"commission {_cash(self.amount)} an order"

    def fee(self, filled: int, paid: Micros, day: date, *, shares_this_month: int = 0) -> Micros:
        """The amount, once something was filled."""
        return self.amount if filled else 0


@dataclass(frozen=True)
class BoundedFee(Fees):
    """Another tariff with a floor and a ceiling for an order; the ceiling beats the floor.

    Attributes:
        fees: The tariff.
        minimum: Micro-dollars an order that trades owes at least.
        maximum: Micro-dollars it owes at most; None for no such ceiling.
        maximum_share: The same as a share of the order's value.
    """

    fees: Fees
    minimum: Micros = 0
    maximum: Micros | None = None
    maximum_share: Fraction | None = None

    @property
    def words(self) -> str:
        """The tariff's words and the bounds."""
        parts = [self.fees.words]
        if self.minimum:
            parts.append(f"at least {_cash(self.minimum)}")
        if self.maximum is not None:
            parts.append(f"at most {_cash(self.maximum)}")
        if self.maximum_share is not None:
            parts.append(f"at most {float(self.maximum_share * 100):g} % of value")
        return ", ".join(parts)

    def fee(self, filled: int, paid: Micros, day: date, *, shares_this_month: int = 0) -> Micros:
        """What the tariff says, within the bounds."""
        if not filled:
            return 0
        month = shares_this_month
        owed = max(self.minimum, self.fees.fee(filled, paid, day, shares_this_month=month))
        if self.maximum is not None:
            owed = min(owed, self.maximum)
        if self.maximum_share is not None:
            share = self.maximum_share
            owed = min(owed, share_of(abs(paid), share.numerator, share.denominator))
        return owed


_IBKR_TIERS = (
    (0, 3_500),
    (300_000, 2_000),
    (3_000_000, 1_500),
    (20_000_000, 1_000),
    (100_000_000, 500),
)


@dataclass(frozen=True)
class TieredFee(Fees):
    """A commission by the share that falls with the month's volume (IBKR Pro, tiered).

    Assumption: exchange, clearing and pass-through fees, which come on top and depend on the
    venue, are left out; so are rebates.

    Attributes:
        tiers: (shares of the month from which it holds, micro-dollars a share), ascending from 0.
        minimum: Floor for an order.
        maximum: Ceiling for an order, a share of its value; it beats the floor.
    """

    tiers: tuple[tuple[int, Micros], ...] = _IBKR_TIERS
    minimum: Micros = 350_000
    maximum: Fraction = ONE_PERCENT

    @property
    def words(self) -> str:
        """The first and the last tier, and the floor."""
        first, last = self.tiers[0][1], self.tiers[-1][1]
        return (
            f"commission {dollars(first):g} falling to {dollars(last):g} a share by the month's "
            f"volume, at least {_cash(self.minimum)}, venue and clearing fees left out"
        )

    def fee(self, filled: int, paid: Micros, day: date, *, shares_this_month: int = 0) -> Micros:
        """Each share at the price of its tier, within floor and ceiling."""
        total = shares_this_month + abs(filled)
        amount = self._month(total) - self._month(shares_this_month)
        ceiling = share_of(abs(paid), self.maximum.numerator, self.maximum.denominator)
        return min(max(amount, self.minimum), ceiling)

    def _month(self, shares: int) -> Micros:
        ends = [start for start, _ in self.tiers[1:]] + [shares]
        return sum(
            max(0, min(shares, end) - start) * price
            for (start, price), end in zip(self.tiers, ends, strict=True)
        )


@dataclass(frozen=True)
class ValueRate:
    """A regulator's rate on the value sold."""

    rate: Fraction

    def charge(self, shares: int, value: Micros) -> Micros:
        """What a sale owes, half-even to the micro."""
        return share_of(value, self.rate.numerator, self.rate.denominator)


@dataclass(frozen=True)
class ShareRate:
    """A regulator's rate on each share, up to a cap.

    Assumption: the cap holds for a whole order, as for one confirmation; it binds only beyond
    some 50,000 shares.
    """

    per_share: Micros
    cap: Micros

    def charge(self, shares: int, value: Micros) -> Micros:
        """What a sale owes."""
        return min(shares * self.per_share, self.cap)


Standing: TypeAlias = Literal["known", "before", "after", "estimated"]
"""What a table knows of a day: its rate, or only the first, the last or an unconfirmed one."""


@dataclass(frozen=True)
class FeeRow:
    """A rate and the day from which it is charged."""

    effective: date
    rate: ValueRate | ShareRate
    source: str
    estimated: bool = False


@dataclass(frozen=True)
class FeeTable:
    """A fee's history: each rate holds until the next one.

    Assumption: the rate of the trading day applies; regulators bill some sales by settlement.
    """

    title: str
    rows: tuple[FeeRow, ...]
    known_until: date

    def __post_init__(self) -> None:
        days = [row.effective for row in self.rows]
        require(days == sorted(set(days)) != [], f"{self.title}: the rows do not ascend")

    def row(self, day: date) -> FeeRow:
        """The row that holds on that day; the first one for every day before the table."""
        return self.rows[max(0, bisect_right(self.rows, day, key=_effective) - 1)]

    def standing(self, day: date) -> Standing:
        """Whether that day's rate is known."""
        if day < self.rows[0].effective:
            return "before"
        if self.row(day).estimated:
            return "estimated"
        return "after" if day > self.known_until else "known"

    def notices(self, first: date, last: date) -> tuple[str, ...]:
        """What to say once about a run from ``first`` to ``last``; empty if every day is known."""
        found = []
        if self.standing(first) == "before":
            begin = self.rows[0].effective
            found.append(f"{self.title}: the table begins {begin}; its first rate stands in before")
        for row, end in zip(self.rows, [*map(_effective, self.rows[1:]), date.max], strict=True):
            if row.estimated and first < end and last >= row.effective:
                found.append(f"{self.title}: the rate from {row.effective} on is not certain")
        if self.standing(last) == "after":
            found.append(
                f"{self.title}: rates are known until {self.known_until}; "
                "the last known one stands in after"
            )
        return tuple(found)


def _effective(row: FeeRow) -> date:
    return row.effective


@dataclass(frozen=True)
class FeeTables:
    """The two fees that every US sale of shares pays, and the one on both sides that most waive."""

    sec: FeeTable
    taf: FeeTable
    cat: FeeTable

    def notices(self, first: date, last: date) -> tuple[str, ...]:
        """What to say once about sales from ``first`` to ``last``."""
        return self.sec.notices(first, last) + self.taf.notices(first, last)


@cache
def us_fee_tables() -> FeeTables:
    """The tables in ``fees_us.json``, read once."""
    text = Path(__file__).with_name("fees_us.json").read_text(encoding="utf-8")
    tables = json.loads(text)
    return FeeTables(
        sec=_table(tables["sec_section_31"], _value_rate),
        taf=_table(tables["finra_taf"], _share_rate),
        cat=_table(tables["cat"], _share_rate),
    )


def _table(table: dict[str, Any], rate: Any) -> FeeTable:
    rows = tuple(
        FeeRow(
            effective=date.fromisoformat(row["effective"]),
            rate=rate(row),
            source=row["source"],
            estimated=row.get("estimated", False),
        )
        for row in table["rows"]
    )
    return FeeTable(table["title"], rows, date.fromisoformat(table["known_until"]))


def _value_rate(row: dict[str, str]) -> ValueRate:
    return ValueRate(Fraction(row["per_million"]) / 1_000_000)


def _share_rate(row: dict[str, str]) -> ShareRate:
    return ShareRate(micros_from_text(row["per_share"]), micros_from_text(row["cap"]))


class Rounding(StrEnum):
    """How far a regulatory fee is rounded."""

    EXACT = "exact"
    BROKER = "broker"


@dataclass(frozen=True)
class RegulatoryFees(Fees):
    """SEC Section 31 and FINRA's Trading Activity Fee, on sales only, by the day's rate.

    Left out: option fees.

    Attributes:
        rounding: ``exact`` to the micro; ``broker`` rounds each fee up to a cent.
        cat: Whether the consolidated audit trail fee is passed on, too, on both sides.
        tables: Where the rates come from.
    """

    rounding: Rounding = Rounding.EXACT
    cat: bool = False
    tables: FeeTables = field(default_factory=us_fee_tables, repr=False)

    @property
    def words(self) -> str:
        """The names of the fees."""
        names = "SEC and FINRA fees on sales" + (", CAT fee" if self.cat else "")
        return names + (", each up to a cent" if self.rounding is Rounding.BROKER else "")

    def fee(self, filled: int, paid: Micros, day: date, *, shares_this_month: int = 0) -> Micros:
        """The fees of a sale; a purchase owes at most the audit trail's."""
        tables = [self.tables.cat] if self.cat else []
        if filled < 0:
            tables += [self.tables.sec, self.tables.taf]
        charges = [table.row(day).rate.charge(abs(filled), abs(paid)) for table in tables]
        if self.rounding is Rounding.BROKER:
            return sum(tick_up(charge, CENT) for charge in charges)
        return sum(charges)

    def notices(self, first: date, last: date) -> tuple[str, ...]:
        """What is not certain of the rates in that time."""
        of_cat = self.tables.cat.notices(first, last) if self.cat else ()
        return self.tables.notices(first, last) + of_cat


@dataclass(frozen=True)
class SumOfFees(Fees):
    """Several tariffs at once, each counted by itself."""

    parts: tuple[Fees, ...]

    @property
    def words(self) -> str:
        """The parts' words."""
        return ", ".join(part.words for part in self.parts)

    def fee(self, filled: int, paid: Micros, day: date, *, shares_this_month: int = 0) -> Micros:
        """The parts' sum."""
        return sum(
            part.fee(filled, paid, day, shares_this_month=shares_this_month) for part in self.parts
        )

    def notices(self, first: date, last: date) -> tuple[str, ...]:
        """The parts' notices."""
        return tuple(text for part in self.parts for text in part.notices(first, last))


def _cash(amount: Micros) -> str:
    return f"{dollars(amount):.2f}"
