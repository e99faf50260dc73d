"""The tape and the bars are one market: the same path fills the same, however it is told."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import assume, event, given, settings
from hypothesis import strategies as some
from tests.exchange import FIRST_DAY, MINUTE_BARS, SPY, costs
from tests.property.test_matching_properties import AXIS, CENT, Asked, Prices, asked, prices, terms

from papertape.domain.account import Account
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import MILLISECOND, MINUTE, SECOND
from papertape.domain.event import Event, Moment, OrderFilled, PathUncertain
from papertape.domain.fill import Fill
from papertape.domain.lifecycle import OrderState, book_report
from papertape.domain.market import Bar, Quote, Tick, Trade, Unquoted
from papertape.domain.money import micros
from papertape.domain.order import Order, TimeInForce
from papertape.domain.report import report_of
from papertape.domain.verdict import Approved
from papertape.engines.flowroute.adapters.paper import PaperBroker
from papertape.matching.costs import CostModel
from papertape.matching.resting import Resting
from papertape.matching.wire import Latency

DAY = calendar_of("XNYS").session(FIRST_DAY)
MANY = 10**9


def broker(charges: CostModel, latency: float = 0, *, taped: bool = False) -> PaperBroker:
    """A rich account that owns some shares already."""
    made = PaperBroker(
        micros(1e8),
        {"SPY": SPY},
        MINUTE_BARS,
        charges,
        latency=Latency(round(latency * MILLISECOND)),
        taped={"SPY"} if taped else (),
    )
    past = Fill("past", "past", "SPY", 0, 5_000, AXIS * CENT, 0, "past", 0, AXIS * CENT)
    made._account = Account.opened(micros(1e8)).after(OrderFilled(0, past))
    return made


def order_of(each: Asked, name: str, now: int) -> Order:
    found = terms(each)
    for price in {"limit", "stop", "trail", "limit_offset"} & found.keys():
        found[price] = micros(found[price])
    found["time_in_force"] = TimeInForce(found["time_in_force"])
    return Order(name, "SPY", each.quantity, each.kind, now, "", **found)


def send(orders: list[Asked], row: int, now: int, *brokers: PaperBroker) -> None:
    for number, each in enumerate(orders):
        if each.before == row:
            for one in brokers:
                order = order_of(each, f"o{number}", now)
                one.submit_order(Approved(order), now)


def as_bar(row: int, each: Prices) -> Bar:
    start = DAY.open + row * MINUTE
    four = (price / 100 for price in each[:4])
    return Bar("SPY", start, start + MINUTE, *four, float(each.volume))


def said(one: PaperBroker) -> list[tuple[str, int, int, int, int, int]]:
    """What was filled, in order, times apart."""
    return [
        (fill.id, fill.quantity, fill.price, fill.reference, fill.slippage, fill.fee)
        for fill in filled(one.reports())
    ]


def filled(log: list[Event]) -> list[Fill]:
    return [each.fill for each in log if isinstance(each, OrderFilled)]


def way(bar: Bar, log: list[Event]) -> list[int]:
    """The prices at which the path that was booked turns."""
    names = {fill.path for fill in filled(log)}
    names |= {each.path for each in log if isinstance(each, PathUncertain)}
    up_first = names != {"O-L-H-C"}
    middle = (bar.high, bar.low) if up_first else (bar.low, bar.high)
    return [micros(price) for price in (bar.open, *middle, bar.close)]


def level(resting: Resting) -> int:
    """Where an order acts; 0 for one that acts nowhere on the way."""
    if resting.is_waiting:
        return resting.level(CENT)
    return 0 if resting.is_market else resting.limit - resting.order.side * CENT


def next_price(one: PaperBroker, here: int, to: int) -> int:
    """The nearest level of a live order on the way, or the turn itself."""
    live = [level(each) for each in one._book._resting["SPY"]]
    inside = [price for price in live if min(here, to) < price < max(here, to)]
    return min(inside, key=lambda price: abs(price - here), default=to)


def walk(one: PaperBroker, bar: Bar, turns: list[int]) -> None:
    """Tell a path as trades: one at each turn, and at each live level that it crosses."""
    time, here = bar.start, turns[0]
    tell(one, time, here)
    for turn in turns[1:]:
        while here != turn:
            time, here = time + 1_000, next_price(one, here, turn)
            tell(one, time, here)
    one.collect(Moment(bar.end, (bar,)))


def tell(one: PaperBroker, time: int, price: int) -> None:
    one.collect(Moment(time, (), (), (Trade("SPY", time, price / 1e6, MANY),)))


EVERY_DURATION = ("gtc", "day", "ioc", "fok", "opg", "cls")


@settings(max_examples=200)
@given(
    some.lists(asked(durations=EVERY_DURATION), max_size=5),
    some.lists(prices(), min_size=1, max_size=4),
    some.sampled_from([0.0, 0.01, 0.04]),
    some.sampled_from([0.0, 0.02]),
)
def test_m6_a_path_told_as_trades_fills_as_the_bar_does_on_that_path(
    orders: list[Asked], bars: list[Prices], half_spread: float, slip: float
) -> None:
    on_bars, on_trades = (broker(costs(half_spread, slip), taped=taped) for taped in (False, True))
    for row, each in enumerate(bars):
        bar = as_bar(row, each)
        send(orders, row, bar.start, on_bars, on_trades)
        on_bars.collect(Moment(bar.end, (bar,)))
        log = on_bars.reports()
        # What fill-B3 forces is on no path.
        assume(all(fill.rule != "fill-B3" for fill in filled(log)))
        walk(on_trades, bar, way(bar, log))
        bar_fills = [(f.id, f.quantity, f.price, f.reference, f.fee) for f in filled(log)]
        told = filled(on_trades.reports())
        assert [(f.id, f.quantity, f.price, f.reference, f.fee) for f in told] == bar_fills
        event(f"{min(len(told), 3)} fills")


# Splitting

sizes = some.integers(1, 3_000)
tapes = some.lists(
    some.tuples(some.integers(AXIS - 40, AXIS + 40), sizes, some.integers(1, 4)),
    min_size=1,
    max_size=15,
)
one_order = asked(durations=("gtc", "ioc", "fok")).map(
    lambda each: each._replace(price=AXIS + each.price % 81 - 40, exits=False, group="", before=0)
)


def heard(ticks: list[Trade], order: Asked, cap: float) -> PaperBroker:
    one = broker(costs(0.01, 0.01, cap), taped=True)
    one.submit_order(Approved(order_of(order, "o0", DAY.open)), DAY.open)
    one.collect(Moment(DAY.open + MINUTE, (), (), tuple(ticks)))
    return one


@given(tapes, one_order, some.sampled_from([0.0, 0.1]))
def test_a_trade_told_in_parts_never_fills_more_or_better(
    tape: list[tuple[int, int, int]], order: Asked, cap: float
) -> None:
    whole, parts = list[Trade](), list[Trade]()
    for number, (price, size, pieces) in enumerate(tape):
        time = DAY.open + number * SECOND
        whole.append(Trade("SPY", time, price / 100, size))
        cut = [size // pieces + (piece < size % pieces) for piece in range(pieces)]
        parts += [
            Trade("SPY", time + piece * 1_000, price / 100, shares)
            for piece, shares in enumerate(cut)
            if shares
        ]
    once, often = (heard(each, order, cap) for each in (whole, parts))
    assert not is_kinder(once, often)


def is_kinder(once: PaperBroker, often: PaperBroker) -> bool:
    """Whether the second got more shares, or any share at a price that the first was refused."""
    first, second = (filled(one.reports()) for one in (once, often))
    side = 1 if second and second[0].quantity > 0 else -1
    ours, theirs = (sorted(side * each.price for each in fills) for fills in (second, first))
    more = sum(abs(f.quantity) for f in second) > sum(abs(f.quantity) for f in first)
    return more or bool(ours and theirs and ours[0] < theirs[0])


# Whatever is asked and heard, with messages under way

MS = MILLISECOND
cents_near = some.integers(AXIS - 30, AXIS + 30)
messages = some.one_of(
    some.tuples(some.just("trade"), cents_near, some.integers(1, 400)),
    some.tuples(some.just("quote"), cents_near, some.integers(0, 6), some.integers(0, 400)),
    some.tuples(some.just("unquoted")),
    some.tuples(
        some.just("order"),
        asked(durations=("gtc", "day", "ioc", "fok")).map(
            lambda each: each._replace(price=AXIS + each.price % 61 - 30, width=each.width % 40 + 1)
        ),
    ),
    some.tuples(some.just("cancel"), some.integers(0, 7)),
    some.tuples(some.just("replace"), some.integers(0, 7), some.integers(1, 2_500), cents_near),
)
stories = some.lists(some.tuples(some.integers(0, 30), messages), max_size=40)


class Story:
    """A tape, and what is asked while it runs; every fill beside the message that made it."""

    def __init__(self, told: list[tuple[int, Any]], charges: CostModel, latency: int):
        self.one = broker(charges, latency, taped=True)
        self.latency, self.now, self.sent = latency * MS, DAY.open + MINUTE * 10, 0
        self.states: dict[str, OrderState] = {}
        self.log: list[Event] = []
        self.made: list[tuple[Fill, Tick, Quote | None, Order]] = []
        self.asked_at: dict[str, int] = {}
        self.quote: Quote | None = None
        self._trade(AXIS, 1)  # what is held has a price
        for wait, (kind, *what) in told:
            self.now += wait * MS
            getattr(self, f"_{kind}")(*what)
            self._book(None)
        self.now += self.latency
        self.one.collect(Moment(self.now, ()))
        self._book(None)

    def _hear(self, tick: Tick) -> None:
        self.one.collect(Moment(tick.time, (), (), (tick,)))
        self._book(tick)

    def _trade(self, price: int, size: int) -> None:
        self._hear(Trade("SPY", self.now, price / 100, size))

    def _quote(self, bid: int, width: int, size: int) -> None:
        self.quote = Quote("SPY", self.now, bid / 100, (bid + width) / 100, size, size)
        self._hear(self.quote)

    def _unquoted(self) -> None:
        self.quote = None
        self._hear(Unquoted("SPY", self.now))

    def _order(self, each: Asked) -> None:
        name = f"o{self.sent}"
        self.sent += 1
        self.asked_at[name] = self.now
        order = order_of(each, name, self.now)
        self.states[name] = OrderState(order)
        self.one.submit_order(Approved(order), self.now)

    def _cancel(self, number: int) -> None:
        if number < self.sent:
            self.one.cancel_order(f"o{number}", self.now)

    def _replace(self, number: int, quantity: int, price: int) -> None:
        if number < self.sent:
            order = self.states[f"o{number}"].order
            limit = None if order.limit is None else price * CENT
            self.one.replace_order(order.id, self.now, quantity=order.side * quantity, limit=limit)

    def _book(self, tick: Tick | None) -> None:
        for each in self.one.reports():
            self.log.append(each)
            book_report(self.states, each)
            if isinstance(each, OrderFilled):
                assert tick is not None, "only a message of the tape fills"
                order = self.states[each.fill.order_id].order
                self.made.append((each.fill, tick, self.quote, order))


anything = given(
    stories, some.sampled_from([0, 1, 20, 200]), some.sampled_from([(0, 0, 0), (0.01, 0.01, 0.1)])
)


@anything
def test_states_shares_and_cash_add_up_whatever_is_under_way(
    told: list[tuple[int, Any]], latency: int, charged: tuple[float, float, float]
) -> None:
    story = Story(told, costs(*charged), latency)
    traded: Counter[str] = Counter()
    for fill, *_ in story.made:
        traded[fill.order_id] += fill.quantity
    for name, state in story.states.items():
        assert story.one.get_order_status(name) is state.status
        assert state.suspense == ()
        assert state.requests == ()  # by now each was answered
        assert state.filled == traded[name]
        assert state.is_over or state.filled + state.open == state.order.quantity
    account = story.one.account
    assert account.quantity("SPY") == 5_000 + sum(traded.values())
    assert account.cash == broker(costs()).account.cash + sum(f.cash for f, *_ in story.made)
    numbers = [each.number for each in story.log if report_of(each) is not None]
    assert numbers == list(range(1, len(numbers) + 1))


@anything
def test_no_fill_is_early_large_or_kind(
    told: list[tuple[int, Any]], latency: int, charged: tuple[float, float, float]
) -> None:
    story = Story(told, costs(*charged), latency)
    taken: Counter[tuple[int, int]] = Counter()
    shown: Counter[tuple[Any, int]] = Counter()
    for fill, tick, quote, order in story.made:
        side = 1 if fill.quantity > 0 else -1
        parent = order.parent or fill.order_id
        assert fill.time == tick.time >= story.asked_at[parent] + story.latency
        assert fill.cost >= 0
        assert order.limit is None or side * (fill.price - order.limit) <= 0
        far = None if quote is None else micros(quote.ask if side > 0 else quote.bid)
        if fill.rule == "fill-L5":
            if isinstance(tick, Trade):
                taken[id(tick), 0] += abs(fill.quantity)
                assert taken[id(tick), 0] <= tick.size
                assert side * (fill.price - micros(tick.price)) >= 0
        elif far is not None:
            size = quote.ask_size if side > 0 else quote.bid_size
            shown[id(quote), side] += abs(fill.quantity)
            assert shown[id(quote), side] <= size
            assert side * (fill.price - far) >= 0
        else:
            assert isinstance(tick, Trade)
            assert abs(fill.quantity) <= tick.size
            assert side * (fill.price - micros(tick.price)) >= 0


@anything
def test_another_future_of_the_tape_changes_nothing_that_was_filled(
    told: list[tuple[int, Any]], latency: int, charged: tuple[float, float, float]
) -> None:
    half = told[: len(told) // 2]
    until = DAY.open + MINUTE * 10 + sum(wait for wait, _ in half) * MS
    first, whole = (Story(each, costs(*charged), latency) for each in (half, told))
    early = [fill for fill, *_ in whole.made][: len(first.made)]
    assert [fill for fill, *_ in first.made] == early
    assert all(fill.time >= until for fill, *_ in whole.made[len(first.made) :])
