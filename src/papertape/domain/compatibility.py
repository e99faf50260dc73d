"""Compatibility: conventions of other engines that a run may follow to reproduce their results."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from enum import StrEnum

from papertape.domain.errors import UsageError


class Compatibility(StrEnum):
    """A convention under which a result is comparable with another engine's, and flatters.

    Each is a departure from the fill contract, so a run that uses one says so wherever it is
    shown.
    """

    TRADE_ADJUSTED = "trade_adjusted"
    FILL_AT_DECISION_CLOSE = "fill_at_decision_close"
    DIVIDENDS_ON_EX_DATE = "dividends_on_ex_date"
    SIZE_AT_FILL = "size_at_fill"
    OFF_TICK = "off_tick"

    @property
    def words(self) -> str:
        """What it does, and what is wrong with that."""
        return _WORDS[self]


_WORDS = {
    Compatibility.TRADE_ADJUSTED: (
        "prices adjusted backward were traded, which nobody could have traded at: their level "
        "knows later splits and dividends"
    ),
    Compatibility.FILL_AT_DECISION_CLOSE: (
        "market orders were filled at the close that they were decided on, which had passed by then"
    ),
    Compatibility.DIVIDENDS_ON_EX_DATE: (
        "dividends were paid on their ex-date, weeks before the money comes"
    ),
    Compatibility.SIZE_AT_FILL: (
        "the shares of an order were counted at the price that it filled at, which was not known "
        "when it was sent"
    ),
    Compatibility.OFF_TICK: (
        "prices with spread and slippage in them kept digits that no exchange quotes"
    ),
}


def compatibilities(spec: str) -> frozenset[Compatibility]:
    """Read names joined by commas; an empty text is none.

    Raises:
        UsageError: If a name is unknown; the nearest one is offered.
    """
    return frozenset(_named(name.strip()) for name in spec.split(",")) if spec.strip() else NONE


NONE: frozenset[Compatibility] = frozenset()


def _named(name: str) -> Compatibility:
    known = list(Compatibility)
    if name in known:
        return Compatibility(name)
    near = get_close_matches(name, known, n=1, cutoff=0.4)
    meant = f"did you mean {near[0]}? " if near else ""
    raise UsageError(
        f"{name!r} is no compatibility policy", hint=f"{meant}There are {', '.join(known)}"
    )


def banner(policies: Iterable[Compatibility]) -> str:
    """One sentence on a run that departs from the rules; empty where it does not."""
    used = [policy for policy in Compatibility if policy in set(policies)]
    if not used:
        return ""
    return "COMPATIBILITY: " + "; ".join(f"{policy}: {policy.words}" for policy in used)
