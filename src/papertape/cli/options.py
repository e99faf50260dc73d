"""The options of a run as they are typed, and what their words mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Literal, TypeAlias

from cyclopts import Parameter

from papertape.cli.surroundings import Surroundings
from papertape.domain.clock import Clock, utc
from papertape.domain.errors import UsageError
from papertape.domain.money import MICROS_PER_DOLLAR, Micros, micros_from_text

Here: TypeAlias = Annotated[Surroundings, Parameter(parse=False)]
"""What `parsing.understood` hands to every command; it is no argument of the command line."""

_Words = Parameter(consume_multiple=True, negative=(), show_default=False)
_Odd = Parameter(allow_leading_hyphen=True)
_Switch = Parameter(negative=(), show_default=False)


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What a run trades, when, and on which terms."""

    symbol: Annotated[tuple[str, ...], _Words] = ()
    "what to trade, one or several"
    data: Annotated[tuple[str, ...], _Words] = ()
    "price file (csv, csv.gz, zip, parquet), or one for each symbol, or the word sample; what the \
store holds if left out, else the sample"
    from_: Annotated[str | None, Parameter(name="--from", allow_leading_hyphen=True)] = None
    "first day traded: 2024-01-02, today or -30d"
    to: Annotated[str | None, _Odd] = None
    "last day traded, included"
    bar: str | None = None
    "bar length: 1d, 1h, 5m, 1m; found in the file if left out"
    param: Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)] = ()
    "a parameter of the strategy, name=value; repeat for more"
    cash: Annotated[str, _Odd] = "100000"
    "dollars to begin with"
    size: str | None = None
    "shares:100, percent:95 (of equity; percent:95,net with the fees in it) or risk:1 (at the \
stop); if left out percent:95, under the limits paper and first-day percent:9"
    cost: str = "us-retail"
    "us-retail, ibkr-fixed, ibkr-tiered, none, or terms: per-share:0.005,min=1+half-spread:2bp"
    spread: str = ""
    "edge, corwin-schultz, abdi-ranaldo, roll, class or bp:2; the cost model's own if left out"
    account: Literal["cash", "cash-settled", "margin"] = "cash"
    "what the broker lends: nothing, nothing before it has settled, or Regulation T and shorts"
    warmup: Literal["before", "inside"] = "before"
    "load the strategy's history ahead of the first day, or begin cold"
    rf: Annotated[float, _Odd] = 0.02
    "risk-free rate a year"
    latency: Annotated[float, _Odd] = 0.0
    "milliseconds an order or a cancel takes to the exchange"
    seed: Annotated[int, _Odd] = 0
    "of everything that is drawn"
    benchmark: Literal["hold", "none"] = "hold"
    "hold the result against buying and holding, or not"
    compat: str = ""
    "conventions of other engines to follow, such as trade_adjusted,dividends_on_ex_date"
    name: str | None = None
    "keep the run under this id"
    adjusted: Literal["raw", "split", "all"] | None = None
    "what the file's prices are adjusted for, where it does not say"
    contract: str | None = None
    "the prices are of futures: units of the price and dollars of margin a contract, 10:1000"
    actions: str | None = None
    "file of splits, dividends, renamings and delistings: symbol,ex_date,action,value,pay_date"
    tz: str | None = None
    "zone of times that name none, like America/New_York"
    map: Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)] = ()
    "columns with other names: open=Open,close=Last"
    profile: Literal["backtest", "paper", "first-day"] = "backtest"
    "the limits that orders are held against"
    extended: Annotated[bool, _Switch] = False
    "trade bars outside the regular session, too"
    allow: Annotated[tuple[str, ...], _Words] = ()
    "a data rule whose errors are accepted for this run: D10; repeat for more"


SIZES = {"backtest": "percent:95", "paper": "percent:9", "first-day": "percent:9"}
"""By profile, the size of an order that names none.

A paper account's order may be worth a tenth of equity, taken at the collar's edge (risk-R5).
"""

DEFAULTS = RunOptions()


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class PaperOptions(RunOptions):
    """What a paper session trades, when, and on which terms."""

    account: str = "sim"  # type: ignore[assignment]
    "the simulated account's name; cash, cash-settled and margin are its terms, on the account sim"
    terms: Literal["cash", "cash-settled", "margin"] = "cash"
    "what the broker lends: nothing, nothing before it has settled, or Regulation T and shorts"
    limit: Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)] = ()
    "a risk limit that differs from the profile's, name=value or name=unlimited; repeat for more"


PAPER_DEFAULTS = PaperOptions()


def amount(text: str) -> float:
    """Dollars from plain decimal text.

    Raises:
        UsageError: If it is none, or not positive.
    """
    # Digits of other scripts are digits to Python, and a surprise to everybody else.
    cash = micros_from_text(text if text.isascii() else repr(text))
    if cash <= 0:
        raise UsageError(f"--cash {text} is not a positive amount", hint="--cash 100000")
    return cash / MICROS_PER_DOLLAR


def contract(text: str) -> tuple[int, Micros]:
    """Multiplier and margin of a futures contract, from ``10:1000``.

    Raises:
        UsageError: If they are none.
    """
    multiplier, colon, margin = text.partition(":")
    if colon and re.fullmatch("[1-9][0-9]{0,5}", multiplier) and margin:
        bond = micros_from_text(margin)
        if bond > 0:
            return int(multiplier), bond
    raise UsageError(
        f"{text!r} is no futures contract", hint="--contract 10:1000, its multiplier and margin"
    )


def day(text: str, clock: Clock) -> date:
    """A day from ``2024-01-02``, ``today`` or ``-30d``.

    Raises:
        UsageError: If no calendar has such a day, or prices cannot be that old.
    """
    today = utc(clock.now()).date()
    if text == "today":
        return today
    if re.fullmatch(r"-[0-9]{1,5}d", text):
        return today - timedelta(int(text[1:-1]))
    shaped = re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", text)
    if not shaped:
        raise UsageError(f"{text!r} is no day", hint="write 2024-01-02, today or -30d")
    year, month, number = (int(part) for part in shaped.groups())
    try:
        found = date(year, month, number)
    except ValueError:
        raise UsageError(f"there is no day {text}", hint="check the month and the day") from None
    if not 1800 <= year <= 2200:
        raise UsageError(f"{text} lies in the year {year}", hint="prices are from 1800 to 2200")
    return found


def pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    """``name=value`` words as a mapping.

    Raises:
        UsageError: If a word has another shape, or a name comes twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise UsageError(f"{option} {text!r} is not name=value", hint=f"{option} name=value")
        if name in found:
            raise UsageError(f"{option} gives {name} twice", hint="leave one of them out")
        found[name] = value
    return found
