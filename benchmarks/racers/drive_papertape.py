"""papertape by its public face: `backtest`, `sweep` and, where there is one, `portfolio`."""

from __future__ import annotations

from math import isnan

import numpy as np
from track import (
    CASH,
    FAST,
    INVESTED,
    LOOK,
    PORTFOLIO_CASH,
    PORTFOLIO_RATE,
    RATE,
    SHARES,
    SLOW,
    STOP,
    TARGET,
    Fill,
    Run,
    main,
    pairs,
)

from papertape import Bars, PortfolioEngine, backtest, sweep
from papertape.domain.instrument import Instrument
from papertape.domain.market import Frequency
from papertape.strategies import MovingAverageCrossoverStrategy, RunningAverage, TopMomentumStrategy
from papertape.strategies.strategy import Exits

SETTINGS = {
    "bar_frequency": "1m",
    "cost": f"percent:{RATE * 100:g}",
    "size": f"shares:{SHARES}",
    "initial_capital": CASH,
    "benchmark": "none",
}


class Averages:
    """What the two order strategies share."""

    warmup = 1

    def __init__(self):
        self.fast, self.slow = RunningAverage(FAST), RunningAverage(SLOW)
        self.was_above = False


class Crossover(Averages):
    """Holds shares while the fast average is above the slow one."""

    def on_bar(self, context, bar):
        fast, slow = self.fast.add(bar.close), self.slow.add(bar.close)
        if isnan(slow):
            return
        held = context.position("AAA")
        if fast > slow:
            if not held:
                context.submit("AAA", SHARES, reason="above")
        elif held:
            context.submit("AAA", -SHARES, reason="not above")


class Guarded(Averages):
    """Buys where the fast average goes above; a stop and a target get it out."""

    def on_bar(self, context, bar):
        fast, slow = self.fast.add(bar.close), self.slow.add(bar.close)
        if isnan(slow):
            return
        above = fast > slow
        if above and not self.was_above and not context.position("AAA"):
            exits = Exits(stop=bar.close - STOP, target=bar.close + TARGET)
            context.submit("AAA", SHARES, reason="crossed", exits=exits)
        self.was_above = above


def bars(tape):
    return Bars(Instrument("AAA"), Frequency.parse("1m"), *tape)


def ordering(kind):
    def prepared(tape, _):
        prices = {"AAA": bars(tape)}
        return Run(lambda: backtest(kind(), prices, **SETTINGS), told(tape))

    return prepared


def told(tape):
    def told(results):
        moments = [fill.bar.rstrip("Z") for fill in results.record.fills]
        rows = tape.start.searchsorted(np.array(moments, "datetime64[ns]").astype(np.int64))
        fills = [
            Fill(int(row), fill.quantity, fill.price)
            for row, fill in zip(rows, results.record.fills)
        ]
        return results.metrics["final_equity"], fills

    return told


def signal(tape, variant):
    strategy = MovingAverageCrossoverStrategy(FAST, SLOW)
    prices = {"AAA": bars(tape)}

    def work():
        results = backtest(strategy, prices, **SETTINGS)
        # What vectorbt is asked for, too: equity, return, ratio, fall and trades are among these.
        assert results.figures.sharpe is not None
        if variant == "table":
            assert results.metrics["sharpe"] is not None
        return results

    return Run(work, told(tape))


def sweeping(tape, variant):
    jobs, count = map(int, variant.split(","))
    prices, settings = {"AAA": bars(tape)}, pairs(count)
    values = {"fast": sorted({f for f, _ in settings}), "slow": sorted({s for _, s in settings})}

    def work():
        return sweep(MovingAverageCrossoverStrategy, prices, values, jobs=jobs, **SETTINGS)

    def told(results):
        found = {
            (each.parameters["fast"], each.parameters["slow"]): each.figures.final_equity
            for each in results.sweep.trials
        }
        return [found[pair] for pair in settings], []

    return Run(work, told)


def share(tape, number):
    """One symbol of a portfolio's days."""
    columns = (np.ascontiguousarray(column[:, number]) for column in tape[2:])
    instrument = Instrument(f"S{number:03}")
    return Bars(instrument, Frequency.parse("1d"), tape.start, tape.end, *columns)


def spread(ask):
    def prepared(tape, _):
        count = tape.close.shape[1]
        prices = {f"S{number:03}": share(tape, number) for number in range(count)}
        strategy = TopMomentumStrategy(LOOK, count // 10)
        settings = {
            "initial_capital": PORTFOLIO_CASH,
            "size": f"percent:{INVESTED * 100:g}",
            "cost": f"percent:{PORTFOLIO_RATE * 100:g}",
            "account": "margin",  # what is sold at an open pays for what is bought at it
        }

        engine = PortfolioEngine(prices, **settings)

        def work():
            results = engine.run(strategy, ask=ask)
            assert results.final_equity > 0
            if ask == "each":
                assert results.chronicle.orders
            return results

        return Run(work, lambda results: (results.final_equity, shares(results, tape)))

    return prepared


def shares(results, tape):
    filled = [each.fill for each in results.chronicle.entries if hasattr(each, "fill")]
    fills = [
        Fill(int(tape.start.searchsorted(each.time)), each.quantity, each.price / 1e6)
        for each in filled
    ]
    return sorted(fills)


main(
    {
        "order": ordering(Crossover),
        "guarded": ordering(Guarded),
        "signal": signal,
        "sweep": sweeping,
        "portfolio": spread("once"),
        "rebalance": spread("each"),
    }
)
