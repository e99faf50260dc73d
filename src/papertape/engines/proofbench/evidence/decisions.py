"""What a strategy decides over given bars, kept so that two replays of it can be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TypeAlias, cast

import numpy as np

from papertape.data.moments import moments
from papertape.domain.clock import Nanos, rfc3339
from papertape.domain.errors import AmountTooLarge
from papertape.domain.event import (
    CancelRequest,
    Entry,
    NoJournal,
    OrderApproved,
    OrderFilled,
    OrderRefused,
    ReplaceApproved,
)
from papertape.domain.market import Bars, BoolArray, CorporateAction, FloatArray, IntArray
from papertape.domain.money import micros
from papertape.domain.order import Order
from papertape.engines.proofbench.assembly import (
    assemble,
    is_signal_strategy,
    order_desk,
    signal_desk,
)
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.signalcore.answers import Answers, AskedOnce, ask
from papertape.engines.signalcore.engine import SignalCore
from papertape.strategies.strategy import OrderStrategy, SignalStrategy, Strategy

TOLERANCE = 1e-9
"""Two wishes nearer than this are one: longer sums may round differently."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first moment at which two replays decide differently, and how many moments do.

    Attributes:
        time: The moment.
        past: What is decided there knowing the past only.
        whole: What is decided there with more in view.
        count: Decisions that differ.
        total: Decisions compared.
    """

    time: Nanos
    past: str
    whole: str
    count: int
    total: int

    def words(self, instead: str = "knowing the past", of: str = "knowing the future") -> str:
        """A sentence; the arguments say what each of the two replays knew."""
        return (
            f"at the bar of {rfc3339(self.time)} it wants {self.past} {instead}, "
            f"{self.whole} {of}; {self.count} of {self.total} decisions differ"
        )


@dataclass(frozen=True, eq=False, slots=True)
class Wishes:
    """What a signal strategy wants after each bar, from the end of its warm-up on.

    Earlier rows are left out: no engine acts on them.
    """

    start: IntArray
    end: IntArray
    exposure: FloatArray
    stop_distance: FloatArray

    @classmethod
    def asked(cls, strategy: SignalStrategy, bars: Bars) -> Wishes:
        """Ask for the whole column at once."""
        return cls.over(bars, *ask(strategy, bars), warmup=strategy.warmup)

    @classmethod
    def over(
        cls, bars: Bars, exposure: FloatArray | BoolArray, stop_distance: FloatArray, *, warmup: int
    ) -> Wishes:
        """Columns over all bars, cut to the rows that count."""
        rows = slice(max(warmup - 1, 0), None)
        wanted = exposure[rows].astype(np.float64, copy=False)
        return cls(bars.start[rows], bars.end[rows], wanted, stop_distance[rows])

    @classmethod
    def bar_by_bar(cls, strategy: SignalStrategy, bars: Bars) -> Wishes:
        """Ask anew after each bar and keep the last value: all that can be known in time."""
        exposure, stops = np.zeros(len(bars)), np.zeros(len(bars))
        for row in range(max(strategy.warmup - 1, 0), len(bars)):
            exposures, distances = ask(strategy, bars[: row + 1].detached())
            exposure[row], stops[row] = exposures[-1], distances[-1]
        return cls.over(bars, exposure, stops, warmup=strategy.warmup)

    def until(self, moment: Nanos) -> Wishes:
        """The wishes that were known at a moment."""
        rows = slice(int(np.searchsorted(self.end, moment, side="right")))
        return Wishes(
            self.start[rows], self.end[rows], self.exposure[rows], self.stop_distance[rows]
        )

    def changes(self) -> IntArray:
        """The closes at which the wish changes."""
        rows = np.flatnonzero(np.diff(self.exposure)) + 1
        return np.asarray(self.end[rows], np.int64)

    def is_constant(self) -> bool:
        """Whether it wants the same after every bar."""
        return len(self.changes()) == 0

    def fingerprint(self) -> str:
        """Hash of every bit of the answer."""
        return hashlib.sha256(self.exposure.tobytes() + self.stop_distance.tobytes()).hexdigest()

    def difference(self, past: Wishes) -> Difference | None:
        """Where ``past``, knowing less, wants something else; None if nowhere."""
        exposures = np.abs(self.exposure - past.exposure) > TOLERANCE
        stops = np.abs(self.stop_distance - past.stop_distance) > TOLERANCE
        moved = np.flatnonzero(exposures | stops)
        if not len(moved):
            return None
        row = int(moved[0])
        is_stop = not exposures[row]
        then, now = (
            f"a stop {wishes.stop_distance[row]:g} away"
            if is_stop
            else f"{wishes.exposure[row] + 0.0:g}"  # no minus before a zero
            for wishes in (past, self)
        )
        return Difference(int(self.start[row]), then, now, len(moved), len(exposures))


@dataclass(frozen=True, slots=True)
class Deed:
    """An order sent or refused, a cancel, or a fill, in words without the strategy's reason."""

    time: Nanos
    words: str
    is_fill: bool = False


@dataclass(frozen=True, slots=True)
class Deeds:
    """What an order strategy did, and what came of it, in order."""

    deeds: tuple[Deed, ...]

    def until(self, moment: Nanos) -> Deeds:
        """What had happened at a moment."""
        return Deeds(tuple(deed for deed in self.deeds if deed.time <= moment))

    def orders(self) -> Deeds:
        """What it asked for, without what the market made of it."""
        return Deeds(tuple(deed for deed in self.deeds if not deed.is_fill))

    def changes(self) -> IntArray:
        """The moments of the deeds."""
        return np.unique(np.array([deed.time for deed in self.deeds], np.int64))

    def is_constant(self) -> bool:
        """Whether it did nothing."""
        return not self.deeds

    def fingerprint(self) -> str:
        """Hash of every word."""
        return hashlib.sha256(repr(self.deeds).encode()).hexdigest()

    def difference(self, past: Deeds) -> Difference | None:
        """Where ``past``, knowing less, does something else; None if nowhere."""
        longest = max(len(self.deeds), len(past.deeds))
        pairs = list(zip(_padded(past, longest), _padded(self, longest), strict=True))
        moved = [(then, now) for then, now in pairs if then != now]
        if not moved:
            return None
        then, now = moved[0]
        time = min(deed.time for deed in (then, now) if deed is not None)
        # Two deeds of different moments: at the earlier one, the other replay did nothing.
        said = [deed.words if deed and deed.time == time else "nothing" for deed in (then, now)]
        return Difference(time, said[0], said[1], len(moved), longest)


def _padded(deeds: Deeds, length: int) -> list[Deed | None]:
    return [*deeds.deeds, *[None] * (length - len(deeds.deeds))]


Decisions: TypeAlias = Wishes | Deeds
Decide: TypeAlias = Callable[[Bars], Decisions]
"""A strategy, asked over bars; a new one each time, so that nothing is remembered in between."""


def decisions(strategy: Strategy, bars: Bars, actions: Sequence[CorporateAction] = ()) -> Decisions:
    """Everything a strategy decides over these bars, and over no others.

    Args:
        strategy: Of either kind; an order strategy must be a new one.
        bars: Signal prices for a signal strategy, prices as traded for an order strategy.
        actions: What happened to the shares; only an order strategy is shown them.
    """
    if is_signal_strategy(strategy):
        return Wishes.asked(cast("SignalStrategy", strategy), bars)
    return deeds(run(strategy, bars, actions).log)


def difference(whole: Decisions, past: Decisions, until: Nanos) -> Difference | None:
    """How two replays of one strategy differ up to a moment; ``past`` is the one that knew less."""
    match whole, past:
        case Wishes(), Wishes():
            return whole.until(until).difference(past.until(until))
        case Deeds(), Deeds():
            return whole.until(until).difference(past.until(until))
    raise TypeError("a strategy changed its kind between two replays")


@dataclass(frozen=True, eq=False, slots=True)
class BenchRun:
    """One instrument through the pipeline: the log, and the return on the capital, costs paid.

    The return is infinite where the account outgrew what can be counted; the log ends there.
    """

    log: Sequence[Entry]
    total_return: float


def run(
    strategy: Strategy,
    bars: Bars,
    actions: Sequence[CorporateAction] = (),
    *,
    answers: Answers | None = None,
    config: SimulationConfig | None = None,
) -> BenchRun:
    """Run a strategy on the bench, from a cold start.

    Args:
        strategy: Of either kind.
        bars: Prices as traded.
        actions: What happened to the shares.
        answers: How a signal strategy is asked; once for all bars unless given.
        config: Settings; the bench's own unless given.
    """
    config = config or bench_config(bars)
    instruments = {bars.symbol: bars.instrument}
    core: SignalCore
    if is_signal_strategy(strategy):
        signals = cast("SignalStrategy", strategy)
        once = answers or AskedOnce(signals, {bars.symbol: bars}, {bars.symbol: actions})
        core = signal_desk(signals, once, instruments, config)
    else:
        core = order_desk(cast("OrderStrategy", strategy), instruments, config)
    pipeline = assemble(core, instruments, config).pipeline
    journal = NoJournal()
    log: list[Entry] = []
    closes = {bars.symbol: micros(float(bars.close[-1]))} if len(bars) else {}
    try:
        for moment in moments({bars.symbol: bars}, {bars.symbol: actions}):
            log += pipeline.step(moment, journal)
        return BenchRun(log, pipeline.account.equity(closes) / config.capital - 1)
    except AmountTooLarge:  # a gross leak earns without end; that is no reason to let it off
        return BenchRun(log, inf)


def bench_config(bars: Bars) -> SimulationConfig:
    """The bench's own settings, started cold, for bars of any length."""
    return SimulationConfig(bar_frequency=str(bars.frequency), warmup="inside", benchmark="none")


def deeds(log: Sequence[Entry]) -> Deeds:
    """What a log says that an order strategy did, and what came of it."""
    found: list[Deed] = []
    for entry in log:
        match entry:
            case OrderApproved():
                found.append(Deed(entry.time, f"to {_terms(entry.approved.order)}"))
            case OrderRefused():
                found.append(Deed(entry.time, f"to {_terms(entry.refused.order)} (refused)"))
            case CancelRequest():
                found.append(Deed(entry.time, f"to cancel {entry.order_id}"))
            case ReplaceApproved():
                found.append(Deed(entry.time, f"to change to {_terms(entry.approved.order)}"))
            case OrderFilled():
                fill = entry.fill
                words = f"a fill of {fill.quantity:+d} {fill.symbol} at {fill.price / 1e6:g}"
                found.append(Deed(entry.time, words, is_fill=True))
    return Deeds(tuple(found))


def _conditions(order: Order) -> list[tuple[str, bool]]:
    return [
        ("post-only", order.post_only),
        ("reduce-only", order.reduce_only),
        (f"group {order.group}", bool(order.group)),
        (f"after {order.after}", bool(order.after)),
        (f"until {rfc3339(order.expires)}", bool(order.expires)),
    ]


def _terms(order: Order) -> str:
    """All that the market will see of an order."""
    verb = "buy" if order.quantity > 0 else "sell"
    said = [f"{verb} {abs(order.quantity)} {order.symbol} {order.kind} {order.time_in_force}"]
    for name in ("limit", "stop", "stop_distance", "trail", "limit_offset"):
        price = getattr(order, name)
        if price:
            said.append(f"{name} {price / 1e6:g}")
    if order.trail_millionths:
        said.append(f"trail {order.trail_millionths / 1e4:g} %")
    said += [
        f"{each.kind} {each.price / 1e6:g} {each.distance / 1e6:g} {each.trail_millionths}"
        for each in order.attached
    ]
    said += [words for words, holds in _conditions(order) if holds]
    if order.not_before:
        said.append(f"not before {rfc3339(order.not_before)}")
    return ", ".join(said)
