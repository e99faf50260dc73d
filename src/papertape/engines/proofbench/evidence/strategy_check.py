"""The check of a strategy before anybody believes it: contract, look-ahead, memory, determinism."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import numpy as np

from papertape.data.actions import signal_factors
from papertape.domain.clock import SECOND, Clock, Nanos, WallClock, rfc3339
from papertape.domain.errors import PapertapeError, StrategyError, UsageError
from papertape.domain.event import OrderAccepted, OrderApproved, OrderFilled
from papertape.domain.market import Bars, CorporateAction, IntArray, PriceHistory
from papertape.domain.order import Order, OrderId, OrderKind
from papertape.engines.proofbench.assembly import is_signal_strategy
from papertape.engines.proofbench.evidence.decisions import (
    TOLERANCE,
    BenchRun,
    Decisions,
    Deeds,
    Wishes,
    bench_config,
    decisions,
    difference,
    run,
)
from papertape.engines.proofbench.evidence.fresh import Reply, ask_fresh, question, told
from papertape.engines.proofbench.evidence.lookahead import (
    Replayed,
    cut_off,
    cuts_in_order,
    replace_future,
)
from papertape.engines.proofbench.evidence.other_prices import (
    LEVELS,
    at_level,
    on_coarse_grid,
    replaced,
)
from papertape.engines.proofbench.evidence.purity import impurities
from papertape.engines.proofbench.evidence.source import StrategySource, file_of
from papertape.strategies.strategy import SignalStrategy, Strategy, build, check_parameters

Status = Literal["failed", "warning", "not_run", "passed"]

_WORST_FIRST: tuple[Status, ...] = ("failed", "warning", "not_run", "passed")
_LOOKAHEAD = ("prefix", "future", "fresh")
_NAMES = (
    *("imports", "contract", "purity", *_LOOKAHEAD),
    *("fills", "determinism", "other prices", "price level"),
)

_PREFIX_SHARE, _FUTURE_SHARE = 0.5, 0.8
"""How much of the time may have passed when the cuts, and then the other futures, end."""

_FRESH_CUTS = 24
_MOST_SHOWN = 5
_MOST_REASONS = 20
_FOREVER: Nanos = 2**63 - 1


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One finding: which check, how it ended, and why in words."""

    name: str
    status: Status
    detail: str


@dataclass(frozen=True, slots=True)
class StrategyReport:
    """What was found about one strategy.

    Attributes:
        strategy: Its name.
        ground: The bars it was tried on, in words.
        checks: The findings, worst first.
    """

    strategy: str
    ground: str
    checks: tuple[CheckResult, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed; a warning is no failure."""
        return all(check.status != "failed" for check in self.checks)

    def __getitem__(self, name: str) -> CheckResult:
        return next(check for check in self.checks if check.name == name)


def check_strategy(
    source: StrategySource,
    history: PriceHistory,
    *,
    seed: int = 0,
    seconds: float = 6.0,
    clock: Clock | None = None,
) -> StrategyReport:
    """Try a strategy on some history, as hard as the time allows.

    Whatever the strategy raises is a finding. The seed says which cuts come first; only how many
    there is time for depends on the machine, and the report says how many there were.

    Args:
        source: Where the strategy comes from.
        history: Bars and corporate actions of one instrument.
        seed: Of the random cuts and of the other prices.
        seconds: How long the replays may take. Starting new processes takes about two more, and
            on a failure measuring what the leak was worth some more again.
        clock: Tells how much of the time has passed.
    """
    clock = clock or WallClock()
    goes_on = _Deadlines(clock, clock.now(), seconds)
    found = list(_findings(source, history, np.random.default_rng(seed), goes_on))
    known = {check.name for check in found}
    found += [
        CheckResult(name, "not_run", "it does not get that far")
        for name in _NAMES
        if name not in known
    ]
    found.sort(key=lambda check: (_WORST_FIRST.index(check.status), _NAMES.index(check.name)))
    return StrategyReport(_named(source), _in_words(history), tuple(found))


@dataclass(frozen=True, slots=True)
class _Deadlines:
    clock: Clock
    start: Nanos
    seconds: float

    def until(self, share: float) -> Callable[[], bool]:
        """A question that is answered with yes until this share of the time has passed."""
        end = self.start + int(share * self.seconds * SECOND)
        return lambda: self.clock.now() < end


@dataclass(frozen=True, eq=False, slots=True)
class _Trial:
    """A strategy that keeps its contract, and what it decided with everything in view.

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

    def strategy(self) -> Strategy:
        """A new one, so that an object cannot remember what it saw in another replay."""
        return cast(Strategy, build(self.kind, self.source.parameters))

    def decide(self, bars: Bars) -> Decisions:
        """What it decides over some of the bars."""
        return decisions(self.strategy(), bars, self.actions)

    def decide_otherwise(self, bars: Bars, cut: int) -> Decisions:
        """What it decides over bars that another future follows, without that future's actions."""
        days = self.bars[: cut + 1].days() if self.actions else None
        past = [each for each in self.actions if days is not None and each.ex_date <= days[-1]]
        return decisions(self.strategy(), bars, past)


def _findings(
    source: StrategySource,
    history: PriceHistory,
    generator: np.random.Generator,
    goes_on: _Deadlines,
) -> Iterator[CheckResult]:
    kind = _held("imports", source.kind)
    if isinstance(kind, CheckResult):
        yield kind
        return
    yield CheckResult("imports", "passed", f"{kind.__name__} from {source.where}")
    trial = _held("contract", lambda: _trial(source, kind, history))
    if isinstance(trial, CheckResult):
        yield from (trial, _purity(kind, ()))
        return
    yield CheckResult("contract", "passed", _kept(trial))
    yield from _replays(trial, generator, goes_on)


T = Any


def _held(name: str, call: Callable[[], Any]) -> Any:
    """The answer of a stranger's code, or the finding that it raised."""
    try:
        return call()
    except PapertapeError as error:
        hint = f" ({error.hint})" if error.hint else ""
        return CheckResult(name, "failed", f"{error}{hint}")
    except Exception as error:  # noqa: BLE001 - whatever the strategy raises is what we look for
        return CheckResult(name, "failed", f"it raised {type(error).__name__}: {error}{_at(error)}")
