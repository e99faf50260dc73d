"""The kernel refuses what it does not know before it starts, and gives up where it cannot count."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import numpy as np
import pytest
from tests.generators import random_bars

from papertape.domain.instrument import Instrument
from papertape.domain.market import Bars, PriceHistory, Split
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.kernel import Kernel, Refusal, Wish, kernel_for
from papertape.engines.proofbench.window import cut

BARS = random_bars(1, 60)
NO_STOPS = np.zeros(0)


def with_columns(bars: Bars, instrument: Instrument | None = None, **columns: np.ndarray) -> Bars:
    names = ("start", "end", "open", "high", "low", "close", "volume")
    chosen = [columns.get(name, getattr(bars, name)) for name in names]
    return Bars(instrument or bars.instrument, bars.frequency, *chosen)


def kernel(*histories: PriceHistory, **settings: object) -> Kernel:
    config = SimulationConfig(**settings)
    named = {each.bars.symbol: each for each in histories or [PriceHistory(BARS)]}
    return kernel_for(cut(named, None, None, None), config)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"account": "cash-settled"}, "settled"),
        ({"risk_profile": "paper"}, "limits"),
        ({"size": "percent:95,net"}, "size"),
        ({"size": "percent:33.333333"}, "size"),
        ({"cost": "ibkr-tiered"}, "commission"),
        ({"cost": "us-retail+cat"}, "CAT"),
        ({"cost": "half-spread:2bp"}, "half spread"),
        ({"cost": "slippage:5bp"}, "slippage"),
        ({"spread": "edge"}, "spread"),
        ({"latency": 5.0}, "latency"),
        ({"compat": "size_at_fill"}, "compat"),
    ],
)
def test_unknown_settings_are_refused(settings: dict[str, object], why: str) -> None:
    with pytest.raises(Refusal, match=why):
        kernel(**settings)


def test_unknown_instruments_are_refused() -> None:
    other = random_bars(2, 60, symbol="IBM")
    odd = [
        [PriceHistory(BARS), PriceHistory(other)],
        [PriceHistory(with_columns(BARS, Instrument("SPY", lot=100)))],
        [PriceHistory(with_columns(BARS, Instrument("SPY", multiplier=50, margin=10_000_000)))],
        [
            PriceHistory(
                with_columns(
                    BARS, **{n: getattr(BARS, n) * 20_000 for n in ("open", "high", "low", "close")}
                )
            )
        ],
        [PriceHistory(with_columns(BARS, volume=BARS.volume * 1e8))],
    ]
    for histories in odd:
        with pytest.raises(Refusal):
            kernel(*histories)


def test_a_split_is_refused_unless_it_lies_outside_the_bars() -> None:
    window = cut({"SPY": PriceHistory(BARS)}, None, None, None)
    last = BARS.days()[-1].item()
    within, later = (Split("SPY", last - timedelta(days), Fraction(2)) for days in (10, -400))
    with pytest.raises(Refusal, match="splits"):
        kernel_for(replace(window, actions={"SPY": (within,)}), SimulationConfig())
    assert kernel_for(replace(window, actions={"SPY": (later,)}), SimulationConfig())


@pytest.mark.parametrize(
    ("exposure", "settings"),
    [
        (np.full(60, np.nan), {}),
        (np.full(60, 1.5), {}),
        (np.full(60, 1e-300), {}),
        (np.ones(60), {"size": "shares:999999999", "initial_capital": 9e8}),
    ],
)
def test_it_gives_up_where_it_cannot_answer(
    exposure: np.ndarray, settings: dict[str, object]
) -> None:
    ready = kernel(cost="none", **settings)
    assert ready.figures(Wish(0, exposure, NO_STOPS)) is None
    assert ready.run(Wish(0, exposure, NO_STOPS)) is None


def test_it_gives_up_where_a_cap_needs_a_volume_that_nobody_knows() -> None:
    unknown = PriceHistory(with_columns(BARS, volume=np.full(60, np.nan)))
    wish = Wish(0, np.ones(60), NO_STOPS)
    assert kernel(unknown, cost="us-retail").figures(wish) is None
    assert kernel(unknown, cost="percent:0.1").figures(wish) is not None


def test_more_exits_than_there_is_room_for_at_first() -> None:
    thin = random_bars(5, 300, volatility=0.0005)
    thin = with_columns(thin, volume=np.full(300, 100.0))
    wish = Wish(0, np.ones(300), np.full(300, 50.0))
    run = kernel(PriceHistory(thin), cost="us-retail", initial_capital=1e7).run(wish)
    assert run is not None
    assert run.tally.filled > 200  # five shares at each open, each with a stop of its own


def test_more_fills_than_there_is_room_for_at_first() -> None:
    bars = random_bars(5, 6_000, "5m")
    exposure = np.arange(6_000) % 2 * 1.0
    config = {"cost": "none", "size": "shares:1", "bar_frequency": "5m"}
    run = kernel(PriceHistory(bars), **config).run(Wish(0, exposure, NO_STOPS))
    assert run is not None
    assert len(run.fills) == run.tally.filled == 5_998


def test_a_setting_that_stands_at_its_default_is_no_reason_to_refuse() -> None:
    ready = kernel(cost="none")
    assert replace(ready, capital=1).figures(Wish(0, np.ones(60), NO_STOPS)) is not None
