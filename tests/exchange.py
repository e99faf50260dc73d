"""A small exchange for tests: one instrument's Book, an account, and bars fed one by one."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from itertools import count
from typing import Any

from papertape.domain.account import Account
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import Nanos
from papertape.domain.event import Event, OrderCanceled, OrderFilled, OrderRejected
from papertape.domain.fill import Fill
from papertape.domain.instrument import Instrument
from papertape.domain.market import Bar, Dividend, Frequency, Split
from papertape.domain.money import micros
from papertape.domain.order import Order, OrderKind, TimeInForce
from papertape.matching.book import Book
from papertape.matching.costs import CostModel, FixedSlippage, NoCap, VolumeCap, free_of_cost
from papertape.matching.fees import Fees, NoFee
from papertape.matching.spreads import FixedHalfSpread

SPY = Instrument("SPY")
FIRST_DAY = date(2024, 1, 2)
MINUTE_BARS = Frequency.parse("1m")


def costs(
    half_spread: float = 0, slip: float = 0, cap: float = 0, fees: Fees | None = None
) -> CostModel:
    """Costs by hand, in dollars a share; a cap is a share of the bar, half of it at the open."""
    return CostModel(
        "by hand",
        fees or NoFee(),
        FixedHalfSpread(micros(half_spread)),
        FixedSlippage(micros(slip)),
        VolumeCap(cap, cap / 2) if cap else NoCap(),
    )


class Exchange:
    """Minute bars follow one another from the first session's open on; prices in dollars."""

    def __init__(
        self,
        charges: CostModel | None = None,
        *,
        held: int = 0,
        cash: float = 1_000_000,
        instrument: Instrument = SPY,
        frequency: Frequency = MINUTE_BARS,
    ):
        self.instrument, self.frequency = instrument, frequency
        self.book = Book({instrument.symbol: instrument}, frequency, charges or free_of_cost())
        self.account = Account.opened(micros(cash))
        self.day = FIRST_DAY
        self.now: Nanos = self.session.open
        self.log: list[Event] = []
        self._numbers = count(1)
        if held:
            past = Fill("past", "past", instrument.symbol, 0, held, 1, 0, "past", 0, 1)
            self.account = self.account.after(OrderFilled(0, past))

    @property
    def session(self) -> Any:
        """Today's session."""
        return calendar_of(self.instrument.venue).session(self.day)

    def order(
        self, quantity: int, kind: str = "market", at: Nanos | None = None, **terms: Any
    ) -> str:
        """Send an order; why it was rejected, else its id."""
        for name in {"limit", "stop", "stop_distance", "trail", "limit_offset"} & terms.keys():
            terms[name] = micros(terms[name])
        terms["time_in_force"] = TimeInForce(terms.get("time_in_force", "gtc"))
        now = self.now if at is None else at
        order_id = f"o{next(self._numbers)}"
        order = Order(order_id, self.instrument.symbol, quantity, OrderKind(kind), now, "", **terms)
        answer = self.book.accept(order, now)
        return answer.reason if isinstance(answer, OrderRejected) else order_id

    def bar(
        self, open_: float, high: float, low: float, close: float, volume: float = 1e6
    ) -> list[tuple[float, int]]:
        """Let the next bar trade; price and quantity of what it filled, in order."""
        end = self.session.close if self.frequency.is_daily else self.now + self.frequency.nanos
        symbol = self.instrument.symbol
        return self.feed(Bar(symbol, self.now, end, open_, high, low, close, volume))

    def feed(self, bar: Bar) -> list[tuple[float, int]]:
        """The same for a bar from elsewhere."""
        events, self.account = self.book.match(bar, self.account)
        self.book.observe(bar)
        self.log += events
        self.now = bar.end
        return [
            (event.fill.price / 1e6, event.fill.quantity)
            for event in events
            if isinstance(event, OrderFilled)
        ]

    def quiet(self, price: float = 100, volume: float = 1e6) -> list[tuple[float, int]]:
        """A bar that stands still: an order that was sent before it has rested after it."""
        return self.bar(price, price, price, price, volume)

    def next_session(self) -> None:
        """Go to the open of the next session; with daily bars, too."""
        self.day = calendar_of(self.instrument.venue).next_session(self.day)
        self.now = self.session.open

    def split(self, new: int, old: int = 1) -> list[Event]:
        """A split takes effect now."""
        return self.book.restate(
            Split(self.instrument.symbol, self.day, Fraction(new, old)), self.now
        )

    def dividend(self, amount: float) -> list[Event]:
        """Today is an ex-date."""
        paid = Dividend(self.instrument.symbol, self.day, micros(amount), self.day)
        return self.book.restate(paid, self.now)

    @property
    def fills(self) -> list[Fill]:
        """Every fill so far."""
        return [event.fill for event in self.log if isinstance(event, OrderFilled)]

    @property
    def canceled(self) -> dict[str, str]:
        """Order -> why it was cancelled."""
        return {each.order_id: each.reason for each in self.log if isinstance(each, OrderCanceled)}
