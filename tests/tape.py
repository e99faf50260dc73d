"""A small tape for tests: quotes and trades at chosen milliseconds, told to a PaperBroker."""

from __future__ import annotations

from typing import Any

from tests.exchange import FIRST_DAY, MINUTE_BARS, SPY

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import MILLISECOND, Nanos
from papertape.domain.event import Event, Moment, OrderFilled
from papertape.domain.fill import Fill
from papertape.domain.market import Quote, Tick, Trade, TradingStatus, Unquoted
from papertape.domain.money import micros
from papertape.domain.order import Order, OrderKind, TimeInForce
from papertape.domain.terms import CASH_ACCOUNT, AccountTerms
from papertape.domain.verdict import Approved
from papertape.engines.flowroute.adapters.paper import PaperBroker
from papertape.matching.costs import CostModel, free_of_cost
from papertape.matching.wire import Latency

OPEN: Nanos = calendar_of("XNYS").session(FIRST_DAY).open
CLOSE: Nanos = calendar_of("XNYS").session(FIRST_DAY).close
LATER = 600_000
"""Milliseconds after the open at which a test's tape begins, long after the auction."""


class TapedBroker:
    """A broker that hears messages one by one; times are milliseconds from ten minutes past."""

    def __init__(
        self,
        charges: CostModel | None = None,
        *,
        cash: float = 1_000_000,
        latency: float = 0,
        terms: AccountTerms = CASH_ACCOUNT,
    ):
        self.broker = PaperBroker(
            micros(cash),
            {"SPY": SPY},
            MINUTE_BARS,
            charges or free_of_cost(),
            terms,
            latency=Latency(round(latency * MILLISECOND)),
            taped={"SPY"},
        )
        self.log: list[Event] = []
        self.now = self._at(0)

    @staticmethod
    def _at(ms: float) -> Nanos:
        return OPEN + round((LATER + ms) * MILLISECOND)

    def hold(self, shares: int, price: float = 100) -> None:
        """Own some shares, bought just before the test's tape begins."""
        self.order(shares, "past", at=-2)
        self.trade(-1, price, 10**9)
        self.log.clear()

    def order(
        self, quantity: int, name: str = "o1", kind: str = "market", at: float = 0, **terms: Any
    ) -> str:
        """Send an order; prices in dollars."""
        for price in {"limit", "stop", "trail", "limit_offset"} & terms.keys():
            terms[price] = micros(terms[price])
        terms["time_in_force"] = TimeInForce(terms.get("time_in_force", "gtc"))
        now = self._at(at)
        order = Order(name, "SPY", quantity, OrderKind(kind), now, "", **terms)
        self.broker.submit_order(Approved(order), now)
        self._collect()
        return self.status(name)

    def cancel(self, name: str, at: float) -> bool:
        done = self.broker.cancel_order(name, self._at(at))
        self._collect()
        return done

    def replace(self, name: str, at: float, **terms: Any) -> bool:
        prices = {key: each if key == "quantity" else micros(each) for key, each in terms.items()}
        done = self.broker.replace_order(name, self._at(at), **prices)
        self._collect()
        return done

    def quote(
        self, ms: float, bid: float, ask: float, bid_size: int = 10**6, ask_size: int = 10**6
    ) -> list[tuple[float, int]]:
        return self.hear(Quote("SPY", self._at(ms), bid, ask, bid_size, ask_size))

    def trade(self, ms: float, price: float, size: int = 100) -> list[tuple[float, int]]:
        return self.hear(Trade("SPY", self._at(ms), price, size))

    def unquoted(self, ms: float) -> list[tuple[float, int]]:
        return self.hear(Unquoted("SPY", self._at(ms)))

    def halt(self, ms: float, *, is_halted: bool = True) -> None:
        self.hear(TradingStatus("SPY", self._at(ms), is_halted))

    def hear(self, *said: Tick) -> list[tuple[float, int]]:
        """Let messages be heard in one moment; price and quantity of what they filled."""
        before = len(self.fills)
        self.broker.collect(Moment(said[-1].time, (), (), tuple(said)))
        self._collect()
        return [(fill.price / 1e6, fill.quantity) for fill in self.fills[before:]]

    def wait(self, until: Nanos) -> None:
        """Let time pass in silence."""
        self.broker.collect(Moment(until, ()))
        self._collect()

    def _collect(self) -> None:
        self.log += self.broker.reports()

    @property
    def fills(self) -> list[Fill]:
        return [event.fill for event in self.log if isinstance(event, OrderFilled)]

    def status(self, name: str) -> str:
        return self.broker.get_order_status(name).value

    def said(self, *kinds: type) -> list[Any]:
        return [event for event in self.log if isinstance(event, kinds)]
