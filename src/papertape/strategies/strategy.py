"""The three ways to write a strategy, and how its parameters are declared and read.

A *signal strategy* says what it wants to hold; an *order strategy* says what it does; a
*cross-section* says how money is spread over many symbols. All are plain classes: a protocol is
matched by having its methods, not by inheriting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, field, fields, is_dataclass
from datetime import date
from typing import Any, Protocol, TypeAlias, runtime_checkable

from papertape.domain.account import Account
from papertape.domain.clock import Nanos
from papertape.domain.errors import UsageError
from papertape.domain.lifecycle import OrderState
from papertape.domain.market import Bar, Bars, BoolArray, FloatArray, IntArray, Quote
from papertape.domain.order import OrderId, OrderKind, TimeInForce
from papertape.domain.panel import Panel


@runtime_checkable
class SignalStrategy(Protocol):
    """Says what share of its money it wants to hold, bar by bar.

    The promise behind it: the value at row t uses rows up to t only, so cutting the history after
    t moves nothing before. Two optional methods are used where they exist:
    ``stop_distance(bars) -> FloatArray``, the dollars between an entry's fill and its protective
    stop (in the prices of ``bars``, 0 for none), and ``indicators(bars) -> dict[str, FloatArray]``.
    """

    @property
    def warmup(self) -> int:
        """Bars it must have seen before its first answer counts."""
        ...

    def exposure(self, bars: Bars) -> FloatArray | BoolArray:
        """Wanted exposure after each bar, from -1 to 1, never NaN, or True for 1; a value a row."""
        ...

    def reason(self, bars: Bars) -> str:
        """Why the exposure after the *last* of these bars is what it is, in a sentence."""
        ...


@runtime_checkable
class OrderStrategy(Protocol):
    """Says what it does, bar by bar.

    ``on_start(context)``, ``on_fill(context, event)``, ``on_quote(context, quote)`` and
    ``on_stop(context)`` are called where they exist; ``on_quote`` with the last quote of a moment.
    """

    @property
    def warmup(self) -> int:
        """Bars of history it wants to see before the first call."""
        ...

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Act on a bar that has just closed."""
        ...


@runtime_checkable
class CrossSection(Protocol):
    """Ranks many symbols on some days, selects some of them, and gives each a weight.

    Matrices go in and out: a row for each day asked about, a column a symbol. All days of a
    history may be asked about at once, or each by itself with nothing after it in the panel; the
    promise is that both give the same, for a row rests on rows up to its own only.
    """

    @property
    def warmup(self) -> int:
        """Rows of the panel it must have seen before its first answer counts."""
        ...

    @property
    def rebalance(self) -> str | Iterable[date]:
        """The days: ``monthly``, ``weekly:first``, ``every:21``; or the days themselves."""
        ...

    def rank(self, panel: Panel, rows: IntArray) -> FloatArray:
        """A score for each symbol after each of these rows; NaN for one not to be held."""
        ...

    def select(self, scores: FloatArray) -> BoolArray:
        """Which of them to hold; what has no score never is."""
        ...

    def weight(self, scores: FloatArray, chosen: BoolArray) -> FloatArray:
        """The share of the money for each chosen one, from -1 to 1; what is over stays in cash."""
        ...


Strategy: TypeAlias = SignalStrategy | OrderStrategy | CrossSection


@dataclass(frozen=True)
class Exits:
    """The exits an entry brings with it, in dollars; the first that is hit cancels the others.

    Attributes:
        stop, target: Their levels.
        stop_distance, target_distance: Or their distances from the fill.
        trail: How far a trailing stop follows the best price.
        trail_percent: The same in percent of that price.
    """

    stop: float | None = None
    target: float | None = None
    stop_distance: float | None = None
    target_distance: float | None = None
    trail: float | None = None
    trail_percent: float | None = None


class Context(Protocol):
    """What an order strategy may see and do; there is no way to see the future from here."""

    @property
    def now(self) -> Nanos:
        """The present moment."""
        ...

    @property
    def account(self) -> Account:
        """Cash and holdings after everything that has happened."""
        ...

    def position(self, symbol: str) -> int:
        """Shares held; negative when short."""
        ...

    def working(self, symbol: str) -> list[OrderState]:
        """Orders that can still trade, oldest first."""
        ...

    def history(self, symbol: str, count: int) -> Bars:
        """The last ``count`` bars up to now, in prices adjusted as of now; fewer at the start."""
        ...

    def quote(self, symbol: str) -> Quote | None:
        """The last quote up to now, with its time; None while both sides are not known."""
        ...

    def submit(
        self,
        symbol: str,
        quantity: int,
        *,
        reason: str,
        kind: OrderKind = OrderKind.MARKET,
        limit: float | None = None,
        stop: float | None = None,
        stop_distance: float | None = None,
        time_in_force: TimeInForce = TimeInForce.GTC,
        not_before: Nanos | None = None,
        trail: float | None = None,
        trail_percent: float | None = None,
        limit_offset: float | None = None,
        expires: Nanos | None = None,
        post_only: bool = False,
        reduce_only: bool = False,
        group: str = "",
        exits: Exits | None = None,
        triggers_at_once: bool = False,
        do_not_reduce: bool = False,
        after: OrderId = "",
    ) -> OrderId:
        """Ask for an order; prices in dollars, quantity signed. RiskGuard may still refuse it.

        Orders that share a ``group`` cancel one another: a fill of one reduces the others. A
        group is of one symbol. One that comes ``after`` another sleeps until that one is filled
        whole. A pair of exits should be ``reduce_only``, or RiskGuard counts
        both as sales. A stop that the market has passed is rejected unless it
        ``triggers_at_once``; limits below the market fall by a dividend on its ex-date, and stops
        with them, unless they ``do_not_reduce``.

        Exits belong to the fill that brought them to life, not to the holding: whoever sells it
        otherwise has to `cancel` them. They never sell what is not held, but they would sell what
        is bought later.
        """
        ...

    def cancel(self, order_id: OrderId) -> None:
        """Ask for a working order to be cancelled."""
        ...

    def replace(
        self,
        order_id: OrderId,
        *,
        quantity: int | None = None,
        limit: float | None = None,
        stop: float | None = None,
    ) -> None:
        """Ask for a working order to be changed in place; it keeps its id.

        ``quantity`` counts what was filled, too. An order that only becomes smaller keeps its turn
        in the queue. RiskGuard judges what would be open of it as it would a new order.
        """
        ...


def parameter(
    default: float | str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    words: str = "",
) -> Any:
    """Declare a strategy's parameter as a dataclass field with bounds (both included)."""
    bounds = {"low": low, "high": high, "choices": choices, "words": words}
    return field(default=default, metadata=bounds)


def check_parameters(strategy: object) -> None:
    """Refuse parameters outside their declared bounds; call it from ``__post_init__``.

    Raises:
        UsageError: Naming the parameter, its value and its bounds.
    """
    for declared in declared_parameters(type(strategy)):
        value = getattr(strategy, declared.name)
        low, high = declared.metadata.get("low"), declared.metadata.get("high")
        choices = declared.metadata.get("choices", ())
        named = f"{type(strategy).__name__}: {declared.name}={value!r}"
        kind = type(declared.default)
        fits = isinstance(value, (int, float) if kind is float else kind)
        if not fits or (isinstance(value, bool) and kind is not bool):
            raise UsageError(f"{named} must be of type {kind.__name__}")
        if choices and value not in choices:
            raise UsageError(f"{named} is none of {', '.join(choices)}")
        if (low is not None and not value >= low) or (high is not None and not value <= high):
            raise UsageError(f"{named} is not between {low} and {high}")


def declared_parameters(kind: type) -> tuple[Field[Any], ...]:
    """The parameters a strategy class declares, in order."""
    return fields(kind) if is_dataclass(kind) else ()


def build(kind: type, texts: Mapping[str, str]) -> Any:
    """Make a strategy from ``name -> text`` pairs, as they come from a command line.

    Raises:
        UsageError: If a name is unknown or a text is no value of the declared type.
    """
    declared = {item.name: item for item in declared_parameters(kind)}
    values: dict[str, Any] = {}
    for name, text in texts.items():
        if name not in declared:
            known = ", ".join(declared) or "none"
            raise UsageError(f"{kind.__name__} has no parameter {name!r}", hint=f"it has: {known}")
        wanted: Any = type(declared[name].default)
        try:
            # Digits of other scripts are digits to Python, and so is 1_0; nobody means them.
            if wanted is not str and not (text.isascii() and "_" not in text):
                raise ValueError
            values[name] = wanted(text)
        except ValueError:
            raise UsageError(f"{name}={text!r} is not of type {wanted.__name__}") from None
    return kind(**values)
