"""The check of a strategy before anybody believes it: contract, look-ahead, memory, determinism."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from math import isinf
from pathlib import Path

import numpy as np

from papertape.domain.clock import SECOND, Clock, Nanos, WallClock, rfc3339
from papertape.domain.event import OrderAccepted, OrderApproved, OrderFilled
from papertape.domain.market import PriceHistory
from papertape.domain.order import Order, OrderId
from papertape.engines.proofbench.evidence.decisions import Deeds, Wishes, difference
from papertape.engines.proofbench.evidence.findings import WORST_FIRST, CheckResult, Status, held
from papertape.engines.proofbench.evidence.fresh import Reply, ask_fresh, question, told
from papertape.engines.proofbench.evidence.lookahead import (
    cut_off,
    cuts_in_order,
    replace_future,
)
from papertape.engines.proofbench.evidence.other_prices import replaced
from papertape.engines.proofbench.evidence.price_level import price_level
from papertape.engines.proofbench.evidence.purity import impurities
from papertape.engines.proofbench.evidence.source import StrategySource, file_of
from papertape.engines.proofbench.evidence.trial import Trial, contract_kept, put_on_trial

_LOOKAHEAD = ("prefix", "future", "fresh")
_NAMES = (
    *("imports", "contract", "purity", *_LOOKAHEAD),
    *("fills", "determinism", "other prices", "price level"),
)

_PREFIX_SHARE, _FUTURE_SHARE = 0.6, 0.4
"""How much of the time the cuts may take, and how much the other futures."""

_FRESH_CUTS, _FRESH_LIVES = 24, 4
"""Growing prefixes a new process is shown: of a signal strategy, and of an order strategy."""

_LEAST = 8
_MOST_SHOWN = 5
_WORTH_SECONDS = 20.0
_FOREVER: Nanos = 2**63 - 1


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


@dataclass(frozen=True, slots=True)
class _Time:
    """How long the replays may take."""

    clock: Clock
    seconds: float

    def lasts(self, share: float) -> Callable[[], bool]:
        """A question answered with yes until this share of it has passed, but a few times at least.

        A busy machine may be late; it must not be lenient.
        """
        end, asked = self.clock.now() + int(share * self.seconds * SECOND), count(1)
        return lambda: next(asked) <= _LEAST or self.clock.now() < end


def check_strategy(
    source: StrategySource,
    history: PriceHistory,
    *,
    seed: int = 0,
    seconds: float = 5.0,
    clock: Clock | None = None,
) -> StrategyReport:
    """Try a strategy on some history, as hard as the time allows.

    Whatever the strategy raises is a finding. The seed says which cuts come first; only how many
    there is time for depends on the machine, and the report says how many there were.

    Args:
        source: Where the strategy comes from.
        history: Bars and corporate actions of one instrument.
        seed: Of the random cuts and of the other prices.
        seconds: How long the replays in this process may take. The new processes run beside them;
            on a failure, measuring what the leak was worth takes some more.
        clock: Tells how much of the time has passed.
    """
    time = _Time(clock or WallClock(), seconds)
    found = list(_findings(source, history, np.random.default_rng(seed), time))
    known = {check.name for check in found}
    why = "it does not get that far"
    found += [CheckResult(name, "not_run", why) for name in _NAMES if name not in known]
    found.sort(key=lambda check: (WORST_FIRST.index(check.status), _NAMES.index(check.name)))
    return StrategyReport(source.name or Path(source.where).stem, _ground(history), tuple(found))


def _findings(
    source: StrategySource, history: PriceHistory, generator: np.random.Generator, time: _Time
) -> Iterator[CheckResult]:
    kind = held("imports", source.kind)
    if isinstance(kind, CheckResult):
        yield kind
        return
    yield CheckResult("imports", "passed", f"{kind.__name__} from {source.where}")
    if hasattr(kind, "rank"):
        yield CheckResult(
            "contract",
            "warning",
            "a cross-section weighs many symbols, and the checks look at one: papertape backtest "
            "asks it again with the future cut off",
        )
        yield _purity(kind, ())
        return
    trial = held("contract", lambda: put_on_trial(source, kind, history))
    if isinstance(trial, CheckResult):
        yield trial
        yield _purity(kind, ())
        return
    yield CheckResult("contract", "passed", contract_kept(trial))
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield from _replays(trial, generator, time, pool)


def _replays(
    trial: Trial, generator: np.random.Generator, time: _Time, pool: ThreadPoolExecutor
) -> Iterator[CheckResult]:
    cuts = cuts_in_order(trial.bars, trial.whole, trial.warmup, generator).tolist()
    started = _start(trial, cuts, generator, pool)
    here = {
        "prefix": lambda: _prefix(trial, cuts, time),
        "future": lambda: _future(trial, cuts, generator, time),
        "fills": lambda: _fills(trial),
        "price level": lambda: price_level(trial),
    }
    found = [held(name, check) for name, check in here.items()]
    fresh = {name: held(name, future.result) for name, future in started.items()}
    touched = [
        each for reply in fresh.values() if isinstance(reply, Reply) for each in reply.touched
    ]
    found += [_purity(trial.kind, touched), *_compared(trial, fresh)]
    yield from _with_worth(trial, found)


def _start(
    trial: Trial, cuts: Sequence[int], generator: np.random.Generator, pool: ThreadPoolExecutor
) -> Mapping[str, Future[Reply]]:
    """Set the new processes to work, beside what is replayed here."""
    ask, last = partial(question, trial.source), [len(trial.bars) - 1]
    whole = ask(trial.bars, trial.actions, cuts=last)
    most = _FRESH_CUTS if isinstance(trial.whole, Wishes) else _FRESH_LIVES
    growing = ask(trial.bars, trial.actions, cuts=cuts[:most])
    return {
        "fresh": pool.submit(ask_fresh, growing),
        "whole": pool.submit(ask_fresh, whole, hash_seed=1),
        "determinism": pool.submit(ask_fresh, whole, hash_seed=2),
        "other prices": pool.submit(ask_fresh, ask(replaced(trial.bars, generator), cuts=last)),
    }


def _prefix(trial: Trial, cuts: Sequence[int], time: _Time) -> CheckResult:
    """Cut the future off: at changes, at random, and at every bar if there is time."""
    found = cut_off(trial.decide, trial.bars, trial.whole, cuts, time.lasts(_PREFIX_SHARE))
    if found.moved:
        return CheckResult("prefix", "failed", f"{trial.name}: {found.moved.words()}")
    if not found.count:
        return CheckResult("prefix", "not_run", "no bar follows its warm-up")
    tried = "every bar" if found.count == len(cuts) else f"{found.count} of {len(cuts)} bars"
    return CheckResult("prefix", "passed", f"cut at {tried}, the past never moved")


def _future(
    trial: Trial, cuts: Sequence[int], generator: np.random.Generator, time: _Time
) -> CheckResult:
    """Put other prices after a cut: mirrored, drawn anew, twice and half as high."""
    goes_on = time.lasts(_FUTURE_SHARE)
    decide, most = trial.decide_otherwise, cuts[:100]
    found = replace_future(decide, trial.bars, trial.whole, most, generator, goes_on)
    if found.moved:
        said = found.moved.words("before another future", "before the real one")
        return CheckResult("future", "failed", f"{trial.name}: {said}")
    if not found.count:
        return CheckResult("future", "not_run", "no bar follows its warm-up")
    return CheckResult("future", "passed", f"{found.count} other futures, the past never moved")


def _purity(kind: type, touched: Sequence[str]) -> CheckResult:
    """What the file reads or remembers, and what a new process saw it reach for."""
    file = file_of(kind)
    places = [] if file is None else [str(each) for each in impurities(file)]
    offences = [*places, *(f"in a new process it {each}" for each in dict.fromkeys(touched))]
    if offences:
        more = f"; and {len(offences) - _MOST_SHOWN} more" if len(offences) > _MOST_SHOWN else ""
        return CheckResult("purity", "failed", "; ".join(offences[:_MOST_SHOWN]) + more)
    if file is None:
        return CheckResult("purity", "not_run", f"{kind.__name__} has no file to read")
    return CheckResult("purity", "passed", f"{file.name} reads nothing but what it is handed")


def _fills(trial: Trial) -> CheckResult:
    """Every fill is of a bar that began after its order was decided."""
    orders: dict[OrderId, Order] = {}
    filled = 0
    for entry in trial.bench.log:
        match entry:
            case OrderApproved():
                orders[entry.approved.order.id] = entry.approved.order
            case OrderAccepted(order=order) if order.parent:
                orders[order.id] = orders[order.parent]  # a stop is decided with its entry
            case OrderFilled(fill=fill):
                filled += 1
                decided = orders[fill.order_id].time
                if fill.bar_start < decided:
                    detail = f"{fill.id} was filled in a bar that began before {rfc3339(decided)}"
                    return CheckResult("fills", "failed", f"{trial.name}: {detail}")
    if not filled:
        return CheckResult("fills", "not_run", "nothing was filled on these bars")
    detail = f"{filled} fills, each in a bar that began after its order was decided"
    return CheckResult("fills", "passed", detail)


def _compared(trial: Trial, fresh: Mapping[str, Reply | CheckResult]) -> Iterator[CheckResult]:
    """What the new processes said, held against the one that saw everything at once."""
    whole = fresh["whole"]
    for name, check in (
        ("fresh", _fresh),
        ("determinism", _determinism),
        ("other prices", _other_prices),
    ):
        reply = fresh[name]
        if isinstance(reply, CheckResult):
            yield reply
        elif isinstance(whole, CheckResult):
            yield replace(whole, name=name)
        elif reply.failure or whole.failure:
            status: Status = "failed" if name == "fresh" else "not_run"
            detail = f"in a new process: {reply.failure or whole.failure}"
            yield CheckResult(name, status, f"{trial.name}: {detail}")
        else:
            yield check(trial, whole, reply)


def _fresh(trial: Trial, whole: Reply, growing: Reply) -> CheckResult:
    """A process that never saw a later bar decides like one that saw them all."""
    (everything,) = told(whole)
    pasts = told(growing)
    for cut, past in zip(growing.cuts, pasts, strict=True):
        moved = difference(everything, past, int(trial.bars.end[cut]))
        if moved:
            detail = f"{trial.name}, in a new process shown no later bar: {moved.words()}"
            return CheckResult("fresh", "failed", detail)
    if not pasts:
        return CheckResult("fresh", "not_run", "no bar follows its warm-up")
    detail = f"{len(pasts)} growing prefixes in a new process, the past never moved"
    return CheckResult("fresh", "passed", detail)


def _determinism(trial: Trial, whole: Reply, again: Reply) -> CheckResult:
    (one,), (two,) = told(whole), told(again)
    if one.fingerprint() == two.fingerprint():
        detail = f"two processes, two hash seeds, the same decisions ({one.fingerprint()[:12]})"
        return CheckResult("determinism", "passed", detail)
    moved = difference(one, two, _FOREVER)
    where = f", first at {rfc3339(moved.time)}" if moved else " in the last digits"
    detail = f"{trial.name}: two runs on the same bars decide differently{where}"
    return CheckResult("determinism", "failed", detail)


def _other_prices(trial: Trial, whole: Reply, other: Reply) -> CheckResult:
    """Decisions that stay the same on other prices did not come from prices."""
    (real,), (made,) = told(whole), told(other)
    if real.is_constant():
        said = "it did nothing"
        if isinstance(real, Wishes):
            said = f"it wants {real.exposure[0]:g}" if len(real.exposure) else "it says nothing"
        return CheckResult("other prices", "passed", f"{said} after every bar, whatever the prices")
    if isinstance(real, Deeds) and isinstance(made, Deeds):
        real, made = real.orders(), made.orders()
    if difference(real, made, _FOREVER) is None:
        detail = (
            "it decides the same on other prices: its decisions come from the calendar, from "
            "counting bars, or from something it was told beforehand"
        )
        return CheckResult("other prices", "warning", detail)
    return CheckResult("other prices", "passed", "on other prices it decides otherwise")


def _with_worth(trial: Trial, found: Sequence[CheckResult]) -> Iterator[CheckResult]:
    """The findings; the first failed look-ahead says how much of the result came from it."""
    failed = [each for each in found if each.name in _LOOKAHEAD and each.status == "failed"]
    first = min(failed, key=lambda each: _LOOKAHEAD.index(each.name), default=None)
    for each in found:
        yield replace(each, detail=_worth(trial, each.detail)) if each is first else each


def _worth(trial: Trial, detail: str) -> str:
    """The first bar of all that is decided otherwise in time, and what the leak returned.

    A new process is asked bar by bar, so that no memory of later bars can help it.
    """
    if not isinstance(trial.whole, Wishes):
        return f"{detail}. What that is worth is not measured: an order strategy has but one life"
    asked = question(trial.source, trial.bars, cuts=None)
    reply = held("worth", lambda: ask_fresh(asked, seconds=_WORTH_SECONDS))
    if isinstance(reply, CheckResult) or reply.failure:
        return f"{detail}. What that is worth could not be measured within {_WORTH_SECONDS:g} s"
    (honest,) = told(reply)
    first = difference(trial.whole, honest, _FOREVER)
    if first is None or not isinstance(honest, Wishes):
        return f"{detail}. Asked bar by bar it decides the same, so no result shows it"
    leaky, fair = trial.bench.total_return, trial.bench_return(honest)
    said = f"{trial.name}, asked bar by bar in a new process: {first.words()}. On the bench it"
    if isinf(leaky):
        return f"{said} outgrows all counting knowing the future, and returns {fair:+.1%} without"
    return (
        f"{said} returns {leaky:+.1%} knowing the future and {fair:+.1%} without: "
        f"{leaky - fair:+.1%} of the result came from the future"
    )


def _ground(history: PriceHistory) -> str:
    bars = history.bars
    if not len(bars):
        return f"{bars.symbol}: no bars"
    days = bars[:: max(len(bars) - 1, 1)].days()
    return f"{len(bars)} {bars.frequency} bars of {bars.symbol}, {days[0]} to {days[-1]}"
