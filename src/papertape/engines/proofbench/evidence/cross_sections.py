"""The look-ahead check of cross-sections: without the future, each day's weights are the same."""

from __future__ import annotations

import numpy as np

from papertape.domain.clock import rfc3339
from papertape.domain.market import FloatArray
from papertape.domain.panel import Panel
from papertape.engines.proofbench.record import LookaheadVerdict
from papertape.engines.signalcore.allocation import weigh
from papertape.strategies.strategy import CrossSection


def check_cross_section(
    strategy: CrossSection, panel: Panel, weights: FloatArray, *, seed: int, most: int = 20
) -> LookaheadVerdict:
    """Ask again about days drawn at random, with nothing after them; the weights must be the same.

    Args:
        strategy: The strategy.
        panel: The prices it was asked about.
        weights: What it answered with all of them in view; NaN where it was not asked.
        seed: Of the draw.
        most: Days that are asked about.
    """
    asked = np.flatnonzero(~np.isnan(weights).all(axis=1))
    asked = asked[asked < len(panel) - 1]  # after the last row there is no future to cut off
    rows = np.random.default_rng(seed).permutation(asked)[:most]
    for row in rows.tolist():
        past = _cut_off(panel, int(panel.time[row]))
        # A symbol without a bar until then is in the panel all the same, and has no score.
        again = weigh(strategy, past, np.array([row]))[0]
        moved = np.flatnonzero(again != weights[row])
        if len(moved):
            symbol = int(moved[0])
            return LookaheadVerdict(
                "failed",
                len(rows),
                f"{type(strategy).__name__} gives {panel.symbols[symbol]} a weight of "
                f"{weights[row, symbol]:.6g} at {rfc3339(int(panel.time[row]))}, and "
                f"{again[symbol]:.6g} with the days after it cut off",
            )
    return LookaheadVerdict("passed", len(rows), f"{len(rows)} days, the past never moved")


def _cut_off(panel: Panel, time: int) -> Panel:
    """The panel until a moment, in arrays that lead to no longer ones."""
    pairs = zip(panel.symbols, panel.bars, strict=True)
    return Panel(
        {
            name: each[: int(np.searchsorted(each.end, time, "right"))].detached()
            for name, each in pairs
        }
    )
