"""The layouts of price files met in the wild, as data, and how a header tells them apart."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from papertape.domain.errors import DataError
from papertape.domain.market import Adjustment

NEW_YORK = "America/New_York"

PRICES = ("open", "high", "low", "close")
REQUIRED = ("time", *PRICES)
ROLES = (
    *(*REQUIRED, "clock", "volume", "symbol", "dividend", "split"),
    *("adjusted_close", "gain"),
)
"""What a column can mean to us; ``clock`` is the time of day beside a date in ``time``.

An adjusted close and a capital gain are compared with the prices and never traded.
"""

_NAMES: Mapping[str, tuple[str, ...]] = {
    # The empty name is the index column of a frame written by pandas; `time` may hold dates too,
    # but only where no better column does.
    "time": (
        "timestamp", "datetime", "date", "windowstart", "tsevent",
        "barstart", "barstartutc", "barstartet",
    ),
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "close": ("close",),
    "volume": ("volume", "vol"),
    "symbol": ("symbol", "ticker"),
    "adjusted_close": ("adjclose", "adjustedclose"),
    "gain": ("capitalgains",),
}  # fmt: skip


def normalised(name: str) -> str:
    """A column's name without what vendors vary: case, spaces, brackets, dots, underscores."""
    return re.sub(r"[^a-z0-9/]", "", name.lower())


@dataclass(frozen=True, slots=True)
class Layout:
    """One vendor's way to write bars.

    Attributes:
        name: As people call it.
        proof: Normalised column names that no other layout above it has.
        columns: Where a role's column has another name than usual.
        zone: Zone of its naive times; None if the user must say.
        adjusted: What its prices are adjusted for; None if the header cannot tell.
        month_first: Whether ``03/04/2026`` is March, where the file itself does not prove it.
        decorated: Whether numbers carry ``$``, thousands separators and K, M, B.
        divisor: What its integer prices are divided by.
        missing: Numbers that stand for a missing price.
    """

    name: str
    proof: frozenset[str]
    columns: Mapping[str, str] = field(default_factory=dict)
    zone: str | None = None
    adjusted: Adjustment | None = None
    month_first: bool = False
    decorated: bool = False
    divisor: float = 1.0
    missing: tuple[float, ...] = ()


_UNADJUSTED_IEX = {
    "open": "uopen", "high": "uhigh", "low": "ulow", "close": "uclose", "volume": "uvolume"
}  # fmt: skip
_ACTIONS_TIINGO = {"dividend": "divcash", "split": "splitfactor"}
_ACTIONS_ALPHA = {"dividend": "dividendamount", "split": "splitcoefficient"}
_ACTIONS_YAHOO = {"dividend": "dividends", "split": "stocksplits"}

PLAIN = Layout("plain", frozenset())
ALPHA_VANTAGE = Layout("Alpha Vantage", frozenset(), zone=NEW_YORK)
LEAN = Layout("LEAN", frozenset(), zone=NEW_YORK, adjusted="raw", divisor=10_000)

KNOWN = (
    Layout("Tiingo", frozenset({"adjclose", *_ACTIONS_TIINGO.values()}), _ACTIONS_TIINGO,
           adjusted="raw"),
    Layout("Massive flat file", frozenset({"ticker", "windowstart"}), adjusted="raw"),
    Layout("Databento", frozenset({"tsevent", "rtype"}), adjusted="raw", divisor=1e9,
           missing=(float(2**63 - 1),)),
    # yfinance writes split-adjusted prices and dividends; without an adjusted close beside them
    # the prices contain the dividends as well.
    Layout("yfinance", frozenset({"adjclose", *_ACTIONS_YAHOO.values()}), _ACTIONS_YAHOO,
           adjusted="split"),
    Layout("yfinance auto-adjusted", frozenset(_ACTIONS_YAHOO.values()), _ACTIONS_YAHOO,
           adjusted="all"),
    Layout("Alpha Vantage adjusted", frozenset({"adjustedclose", *_ACTIONS_ALPHA.values()}),
           _ACTIONS_ALPHA, adjusted="raw"),
    Layout("Yahoo", frozenset({"adjclose"}), adjusted="split"),
    Layout("Stooq", frozenset({"ticker", "per", "date"}), adjusted="all"),
    Layout("MetaTrader", frozenset({"date", "tickvol"})),
    Layout("Nasdaq", frozenset({"close/last"}), {"close": "close/last"}, month_first=True,
           decorated=True),
    Layout("Investing", frozenset({"price", "change"}), {"close": "price"}, month_first=True,
           decorated=True),
    Layout("IEX Cloud", frozenset(_UNADJUSTED_IEX.values()), {**_UNADJUSTED_IEX, "clock": "minute"},
           zone=NEW_YORK, adjusted="raw", missing=(-1.0,)),
    Layout("IEX Cloud minutes", frozenset({"date", "minute"}), {"clock": "minute"}, zone=NEW_YORK,
           adjusted="raw", missing=(-1.0,)),
    Layout("papertape", frozenset({"timestamp", "vwap", "tradecount"})),
)  # fmt: skip


def layout_of(header: Sequence[str]) -> Layout:
    """The first layout whose proof the header holds, by names and never by position."""
    names = {normalised(name) for name in header}
    return next((layout for layout in KNOWN if layout.proof <= names), PLAIN)


def roles_of(
    source: str, header: Sequence[str], layout: Layout, told: Mapping[str, str]
) -> dict[str, int]:
    """Which column plays which role.

    Args:
        source: The file's name, for errors.
        header: Column names as the file has them.
        layout: Where the usual roles have unusual names.
        told: Role to column name, as the user gave it; it beats everything else.

    Raises:
        DataError: If a role is played by nobody, or by two.
    """
    names = [normalised(name) for name in header]
    _check_told(source, header, names, told)
    roles = {}
    for role in ROLES:
        wanted = _wanted(role, names, layout, told)
        found = [column for column, name in enumerate(names) if name in wanted]
        if len(found) > 1:
            twice = " and ".join(repr(header[column]) for column in found)
            raise DataError(
                f"{source}: {role} could be {twice}; the header is {_shown(header)}",
                hint=f"say which with --map {role}=NAME, or take one out",
            )
        if found:
            roles[role] = found[0]
    lacking = [role for role in REQUIRED if role not in roles]
    if lacking:
        raise DataError(
            f"{source}: no column for {', '.join(lacking)}; the header is {_shown(header)}",
            hint=f"say which it is with --map {lacking[0]}=NAME",
        )
    return roles


def _wanted(
    role: str, names: Sequence[str], layout: Layout, told: Mapping[str, str]
) -> tuple[str, ...]:
    if role in told:
        return (normalised(told[role]),)
    if layout.columns.get(role) in names:
        return (layout.columns[role],)
    usual = _NAMES.get(role, ())
    if role == "time" and not set(usual) & set(names):
        return ("time",) if "time" in names else ("",)
    if role == "clock" and "date" in names:
        return ("time",)
    if role == "volume" and "volume" in names:
        return ("volume",)
    return usual


def _check_told(
    source: str, header: Sequence[str], names: Sequence[str], told: Mapping[str, str]
) -> None:
    for role, name in told.items():
        if role not in ROLES:
            raise DataError(
                f"{source}: {role!r} is nothing a column can mean",
                hint=f"known: {', '.join(ROLES)}",
            )
        if normalised(name) not in names:
            raise DataError(f"{source}: no column {name!r}; the header is {_shown(header)}")


def _shown(header: Sequence[str]) -> str:
    text = ",".join(header)
    return repr(text if len(text) <= 200 else text[:200] + "...")
