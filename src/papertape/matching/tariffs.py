"""Tariffs: cost models by their spelling, a name such as ``us-retail`` or terms put together.

A name takes ``+cat`` (the consolidated audit trail fee, too) and ``+cents`` (each regulatory fee
rounded up to a cent). The grammar of a composed model, in which whatever is not named costs nothing
and binds nothing::

    model    = term ("+" term)*
    term     = "percent:" number bounds          a commission in percent of the value
             | "per-share:" dollars bounds       for each share (``per-contract:`` for futures)
             | "per-order:" dollars              for each order that trades
             | "regulatory"                      SEC and FINRA fees on sales, by date
             | "half-spread:" offset             what a taker pays beside the price
             | "slippage:" offset                and what its size adds, once a share
             | "cap:" number "%"                 of a bar's volume, for all orders together
    bounds   = [",min=" dollars] [",max=" (dollars | number "%")]    for an order; max beats min
    offset   = dollars | number "bp" | number "%"                    a share, or of the price
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches
from fractions import Fraction

from papertape.domain.errors import UsageError
from papertape.domain.money import Micros, micros_from_text
from papertape.matching.costs import (
    REGULATED,
    Cap,
    CostModel,
    FixedSlippage,
    NoCap,
    NoSlippage,
    ProportionalSlippage,
    Slippage,
    VolumeCap,
    free_of_cost,
    regulated,
)
from papertape.matching.fees import (
    BoundedFee,
    Fees,
    NoFee,
    PerOrderFee,
    PerShareFee,
    ProportionalFee,
    RegulatoryFees,
    Rounding,
    SumOfFees,
)
from papertape.matching.spreads import (
    FixedHalfSpread,
    NoSpread,
    Spread,
    StatedHalfSpread,
    spread_policy,
)

_EXTRAS: dict[str, Callable[[RegulatoryFees], RegulatoryFees]] = {
    "cat": lambda fees: replace(fees, cat=True),
    "cents": lambda fees: replace(fees, rounding=Rounding.BROKER),
}
"""What can be added to a named model."""

_FORMS = {
    "percent": "percent:0.1",
    "per-share": "per-share:0.005,min=1,max=0.5%",
    "per-contract": "per-contract:2",
    "per-order": "per-order:4.95",
    "regulatory": "regulatory",
    "half-spread": "half-spread:2bp",
    "slippage": "slippage:5bp",
    "cap": "cap:10%",
}
"""The terms of a composed model, each with an example of how it is written."""

_NAMES = (*REGULATED, "none")


def cost_model(spec: str, spread: str = "") -> CostModel:
    """The model of that name, or one composed of terms: ``per-share:0.005,min=1+half-spread:2bp``.

    Args:
        spec: ``us-retail``, ``ibkr-fixed``, ``ibkr-tiered``, ``none``, or terms.
        spread: Another spread than the model's own, see `spreads.spread_policy`.

    Raises:
        UsageError: If there is no such model; the nearest form is offered.
    """
    model = _model(spec)
    if not spread:
        return model
    return replace(model, name=f"{spec}, spread {spread}", spread=spread_policy(spread))


def _model(spec: str) -> CostModel:
    name, *extras = spec.split("+")
    if spec == "none":
        return free_of_cost()
    if name in REGULATED and set(extras) <= _EXTRAS.keys():
        regulatory = RegulatoryFees()
        for extra in extras:
            regulatory = _EXTRAS[extra](regulatory)
        return replace(regulated(name, regulatory), name=spec)
    terms = [_Term(spec, text) for text in spec.split("+")]
    names = ["per-share" if term.name == "per-contract" else term.name for term in terms]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{spec!r} names {name} twice", hint="leave one of them out")
    fees = [fee for term in terms if (fee := _fee(term)) is not None]
    parts = dict(zip(names, terms, strict=True))
    return CostModel(
        spec,
        NoFee() if not fees else fees[0] if len(fees) == 1 else SumOfFees(tuple(fees)),
        _spread(parts.get("half-spread")),
        _slippage(parts.get("slippage")),
        _cap(parts.get("cap")),
    )


class _Term:
    """One term of a composed model: its name, its amount and its bounds, still as text."""

    def __init__(self, spec: str, text: str):
        name, colon, rest = text.partition(":")
        self.spec, self.name = spec, name
        self.amount, *bounds = rest.split(",")
        self.bounds: dict[str, str] = {}
        if name not in _FORMS or bool(colon) == (name == "regulatory"):
            raise self.unread(name)
        for bound in bounds:
            key, _, value = bound.partition("=")
            if key not in ("min", "max") or key in self.bounds or not self._may_be_bounded:
                raise self.unread(name)
            self.bounds[key] = value

    @property
    def _may_be_bounded(self) -> bool:
        return self.name.startswith("per") and self.name != "per-order"

    def unread(self, name: str = "") -> UsageError:
        """What is wrong, and the nearest form that would not be."""
        near = get_close_matches(name or self.name, [*_NAMES, *_FORMS], n=1)
        meant = f"did you mean {_FORMS.get(near[0], near[0])}? " if near else ""
        names = ", ".join((*_NAMES, *_FORMS.values()))
        return UsageError(
            f"{self.spec!r} is no cost model", hint=f"{meant}There are {names}; terms join with +"
        )

    def number(self, text: str, unit: str = "") -> Fraction:
        """A plain decimal number with its unit."""
        digits = text.removesuffix(unit) if unit and text.endswith(unit) else text
        has_unit = text != digits or not unit
        plain = digits.isascii() and digits.replace(".", "", 1).isdecimal() and len(digits) <= 9
        if not (has_unit and plain):
            raise self.unread()
        return Fraction(digits)

    def dollars(self, text: str) -> Micros:
        """An amount of dollars that is not negative."""
        self.number(text)
        return micros_from_text(text)

    def share(self, text: str, unit: str, whole: int) -> Fraction:
        """A share between 0 and 1 that was written in percent or in basis points."""
        share = self.number(text, unit) / whole
        if share > 1:
            raise self.unread()
        return share

    def offset(self) -> Micros | Fraction:
        """Dollars a share, or a share of the price."""
        for unit, whole in (("bp", 10_000), ("%", 100)):
            if self.amount.endswith(unit):
                return self.share(self.amount, unit, whole)
        return self.dollars(self.amount)


def _fee(term: _Term) -> Fees | None:
    """The tariff that a term names; None where it names another part, or nothing to pay."""
    fee: Fees
    match term.name:
        case "percent":
            fee = ProportionalFee(term.share(term.amount, "", 100))
        case "per-share" | "per-contract":
            fee = PerShareFee(term.dollars(term.amount), 0, None)
        case "per-order":
            fee = PerOrderFee(term.dollars(term.amount))
        case "regulatory":
            return RegulatoryFees()
        case _:
            return None
    if not term.bounds:
        return fee if term.number(term.amount) else None
    most = term.bounds.get("max", "")
    return BoundedFee(
        fee,
        minimum=term.dollars(term.bounds["min"]) if "min" in term.bounds else 0,
        maximum=term.dollars(most) if most and not most.endswith("%") else None,
        maximum_share=term.share(most, "%", 100) if most.endswith("%") else None,
    )


def _spread(term: _Term | None) -> Spread:
    offset = term.offset() if term else 0
    if not offset:
        return NoSpread()
    return StatedHalfSpread(offset) if isinstance(offset, Fraction) else FixedHalfSpread(offset)


def _slippage(term: _Term | None) -> Slippage:
    offset = term.offset() if term else 0
    if not offset:
        return NoSlippage()
    return ProportionalSlippage(offset) if isinstance(offset, Fraction) else FixedSlippage(offset)


def _cap(term: _Term | None) -> Cap:
    if term is None:
        return NoCap()
    share = float(term.share(term.amount, "%", 100))
    if not share:
        raise term.unread()
    return VolumeCap(share, share)
