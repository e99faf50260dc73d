"""Trial: a strategy that keeps its contract, ready to be replayed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from papertape.data.actions import signal_bars
from papertape.domain.clock import rfc3339
from papertape.domain.errors import StrategyError
from papertape.domain.event import OrderApproved
from papertape.domain.market import Bars, CorporateAction, FloatArray, PriceHistory
from papertape.engines.proofbench.assembly import is_signal_strategy
from papertape.engines.proofbench.evidence.decisions import (
    BenchRun,
    Decisions,
    Deeds,
    Wishes,
    decisions,
    deeds,
    run,
)
from papertape.engines.proofbench.evidence.source import StrategySource
from papertape.strategies.strategy import SignalStrategy, Strategy, build, check_parameters

_MOST_REASONS = 20
"""Changes of the wish at which a reason is asked for."""


@dataclass(frozen=True, eq=False, slots=True)
class Trial:
    """A strategy and what it decided with everything in view.

    Attributes:
        source, kind: Where it comes from.
        history: Prices as traded.
        bars: The prices it decides on: adjusted forward for a signal strategy.
        actions: What else it is shown; nothing for a signal strategy.
        warmup: Bars before its first decision.
        whole: Its decisions.
        bench: Its run on the bench.
    """

    source: StrategySource
    kind: type
    history: PriceHistory
    bars: Bars
    actions: tuple[CorporateAction, ...]
    warmup: int
    whole: Decisions
    bench: BenchRun

    @property
    def name(self) -> str:
        """The strategy and the instrument, as a sentence begins."""
        return f"{self.kind.__name__} on {self.bars.symbol}"

    def strategy(self) -> Strategy:
        """A new one, so that no object remembers what it saw in another replay."""
        return cast("Strategy", build(self.kind, self.source.parameters))

    def decide(self, bars: Bars) -> Decisions:
        """What it decides over some of the bars."""
        return decisions(self.strategy(), bars, self.actions)

    def decide_otherwise(self, bars: Bars, cut: int) -> Decisions:
        """What it decides over bars that another future follows, which has no actions yet."""
        today = self.bars[cut : cut + 1].days()[0] if self.actions else None
        past = [each for each in self.actions if today is not None and each.ex_date <= today.item()]
        return decisions(self.strategy(), bars, past)

    def bench_return(self, wishes: Wishes) -> float:
        """What the bench returns for other wishes in the strategy's place."""
        recorded = _Recorded(self.warmup, wishes.exposure, wishes.stop_distance)
        return run(recorded, self.history.bars, self.history.actions).total_return


@dataclass(frozen=True, eq=False, slots=True)
class _Recorded:
    """A strategy whose answers from the end of its warm-up on are known."""

    warmup: int
    wishes: FloatArray
    stops: FloatArray

    def exposure(self, bars: Bars) -> FloatArray:
        return np.concatenate([np.zeros(len(bars) - len(self.wishes)), self.wishes])

    def stop_distance(self, bars: Bars) -> FloatArray:
        return np.concatenate([np.zeros(len(bars) - len(self.stops)), self.stops])

    def reason(self, bars: Bars) -> str:
        return "recorded"


def put_on_trial(source: StrategySource, kind: type, history: PriceHistory) -> Trial:
    """Make the strategy, hold it to its contract, and let it decide once.

    Raises:
        StrategyError: If it does not keep the contract.
        UsageError: If it follows no protocol, or a parameter is out of bounds.
    """
    strategy = cast("Strategy", build(kind, source.parameters))
    check_parameters(strategy)
    signals = is_signal_strategy(strategy)
    warmup = _warmup(strategy)
    bench = run(strategy, history.bars, history.actions)
    if not signals:
        _every_order_has_a_reason(bench)
        whole: Decisions = deeds(bench.log)
        return Trial(source, kind, history, history.bars, history.actions, warmup, whole, bench)
    bars = signal_bars(history.bars, history.actions)
    asked = cast("SignalStrategy", build(kind, source.parameters))
    wishes = Wishes.asked(asked, bars)
    _every_change_has_a_reason(asked, bars, wishes)
    return Trial(source, kind, history, bars, (), warmup, wishes, bench)


def contract_kept(trial: Trial) -> str:
    """What the contract was held against, in words."""
    first = f"warm-up {trial.warmup}"
    if isinstance(trial.whole, Deeds):
        return f"order strategy, {first}, {len(trial.whole.orders().deeds)} orders and cancels"
    wishes = trial.whole
    if not len(wishes.exposure):
        return f"signal strategy, {first}: longer than these {len(trial.bars)} bars"
    low, high = float(wishes.exposure.min()), float(wishes.exposure.max())
    return (
        f"signal strategy, {first}, one value a bar, exposure {low:g} to {high:g}, "
        f"{len(wishes.changes())} changes"
    )


def _warmup(strategy: Strategy) -> int:
    warmup = strategy.warmup
    if isinstance(warmup, bool) or not isinstance(warmup, int) or warmup < 0:
        raise StrategyError(
            f"{type(strategy).__name__}.warmup is {warmup!r}",
            hint="a property that answers a whole number of bars, 0 or more",
        )
    return warmup


def _every_change_has_a_reason(strategy: SignalStrategy, bars: Bars, wishes: Wishes) -> None:
    ends = np.concatenate([wishes.end[:1], wishes.changes()[:_MOST_REASONS], wishes.end[-1:]])
    for row in np.searchsorted(bars.end, ends).tolist():
        said = strategy.reason(bars[: row + 1])
        if not isinstance(said, str) or not said.strip():
            raise StrategyError(
                f"{type(strategy).__name__}.reason answered {said!r} at "
                f"{rfc3339(int(bars.start[row]))}",
                hint="a sentence that says why the exposure after the last bar is what it is",
            )


def _every_order_has_a_reason(bench: BenchRun) -> None:
    for entry in bench.log:
        if isinstance(entry, OrderApproved) and not entry.approved.order.reason.strip():
            raise StrategyError(
                f"order {entry.approved.order.id} of {rfc3339(entry.time)} has no reason",
                hint='context.submit(..., reason="why")',
            )
