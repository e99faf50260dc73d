"""A sweep is many backtests: the same figures, whatever runs them and whenever they are run."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

import msgspec
import numpy as np
import pytest
from tests.generators import random_bars

from papertape import backtest
from papertape import sweep as sweep_in_one
from papertape.domain.errors import DataError, StrategyError, UsageError
from papertape.domain.market import Bars, FloatArray, PriceHistory
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.evidence.ledger import Ledger
from papertape.engines.proofbench.metrics import Reason
from papertape.engines.proofbench.sweep import Figures, Plan, Sweep, Trial, run_sweep
from papertape.engines.proofbench.tuning import Tuner
from papertape.engines.proofbench.verdict import judged, sitting_of, walk_forward
from papertape.plugins.market_data.sample import read_sample
from papertape.strategies import (
    MomentumBreakoutStrategy,
    MovingAverageCrossoverStrategy,
    RSIMeanReversionStrategy,
    sma,
)
from papertape.strategies.strategy import Strategy, parameter

needs_optuna = pytest.mark.skipif(
    find_spec("optuna") is None, reason="papertape[tune] is not installed"
)
BARS = random_bars(11, 400, volatility=0.02)
HISTORIES = {"SPY": PriceHistory(BARS)}
CROSSES = Plan({"fast": [3, 5, 10], "slow": [8, 15, 30]})
CONFIG = SimulationConfig(benchmark="none")


def swept(plan: Plan = CROSSES, config: SimulationConfig = CONFIG, **settings: object) -> Sweep:
    return run_sweep(MovingAverageCrossoverStrategy, HISTORIES, plan, config, **settings)


def assert_as_backtested(figures: Figures, strategy: Strategy, settings: dict[str, object]) -> None:
    metrics = backtest(strategy, HISTORIES, benchmark="none", **settings).metrics
    for name in set(Figures.__struct_fields__) - {"sharpe_per_period", "periods"}:
        expected = metrics[name]
        found = getattr(figures, name)
        assert found == (expected if expected is None else pytest.approx(expected, rel=1e-9)), name


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (MovingAverageCrossoverStrategy, {"fast": [3, 7], "slow": [9, 20], "entry": ["cross"]}),
        (RSIMeanReversionStrategy, {"period": [3, 5], "stop_period": [4], "enter_below": [45.0]}),
        (MomentumBreakoutStrategy, {"enter_bars": [5, 12], "leave_bars": [4]}),
    ],
)
@pytest.mark.parametrize("cost", ["none", "us-retail"])
@pytest.mark.parametrize("start", [None, BARS.days()[200].item()])
def test_a_trial_is_what_a_backtest_says(
    kind: type, values: dict[str, list[object]], cost: str, start: object
) -> None:
    settings = {"cost": cost, "start": start}
    sweep = run_sweep(kind, HISTORIES, Plan(values), SimulationConfig(**settings))
    assert sweep.served_by == "kernel"
    assert len(sweep.trials) == len(Plan(values))
    for trial in sweep.trials:
        assert_as_backtested(trial.figures, kind(**trial.parameters), settings)
        assert msgspec.json.decode(msgspec.json.encode(trial), type=Trial) == trial


def test_what_the_kernel_does_not_know_is_run_by_the_pipeline() -> None:
    histories = {"IBM": read_sample("IBM")}
    config = SimulationConfig(start=read_sample("IBM").bars.days()[2500].item())
    sweep = run_sweep(MovingAverageCrossoverStrategy, histories, CROSSES, config)
    assert "dividends" in sweep.served_by
    best = sweep.best()
    assert best is not None
    run = backtest(MovingAverageCrossoverStrategy(**best.parameters), histories, start=config.start)
    assert best.figures.final_equity == run.metrics["final_equity"]
    assert best.figures.sharpe == pytest.approx(run.metrics["sharpe"])


def test_settings_that_the_strategy_refuses_are_counted() -> None:
    sweep = swept()
    assert sweep.impossible == 1  # fast 10 over slow 8
    assert [trial.number for trial in sweep.trials] == [0, 1, 2, 3, 4, 5, 7, 8]


def test_a_sweep_of_refused_settings_alone_says_why() -> None:
    with pytest.raises(UsageError, match="must be below"):
        swept(Plan({"fast": [30], "slow": [10, 20]}))


def test_threads_change_nothing() -> None:
    plan = Plan({"fast": list(range(2, 90)), "slow": list(range(90, 182))})
    assert len(plan) * len(BARS) > 3_000_000
    many = Plan(plan.values, draws=60)
    assert swept(many, jobs=3).trials == swept(many, jobs=1).trials


def test_an_interrupt_keeps_what_was_done_and_a_resumed_sweep_is_whole() -> None:
    def told(trial: Trial | None, done: int, all_of: int) -> None:
        assert all_of == 9
        if done == 4:
            raise KeyboardInterrupt

    cut_short = swept(told=told)
    assert (len(cut_short.trials), cut_short.is_complete) == (4, False)
    again: list[int] = []
    resumed = swept(
        done=cut_short.trials,
        told=lambda trial, done, _: again.append(trial.number if trial else -1),
    )
    assert again == [4, 5, -1, 7, 8]
    assert resumed.trials == swept().trials


def test_an_order_strategy_is_refused() -> None:
    class Orders:
        warmup = 1

        def on_bar(self, context: object, bar: object) -> None:
            pass

    with pytest.raises(UsageError, match="no signal strategy"):
        run_sweep(Orders, HISTORIES, Plan({"x": [1]}), CONFIG)


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(UsageError, match="no parameter 'quick'"):
        swept(Plan({"quick": [1]}))


@dataclass(frozen=True)
class Scribbler:
    """A user's own: it writes into an indicator's column, as one may."""

    period: int = parameter(5, low=1)

    @property
    def warmup(self) -> int:
        return self.period

    def exposure(self, bars: Bars) -> FloatArray:
        average = sma(bars.close, self.period)
        average[: self.period] = np.inf
        return (bars.close > average).astype(float)

    def reason(self, bars: Bars) -> str:
        return "above its average"


def test_a_strategy_that_writes_into_its_indicators_works() -> None:
    sweep = run_sweep(Scribbler, HISTORIES, Plan({"period": [3, 9]}), SimulationConfig(cost="none"))
    for trial in sweep.trials:
        assert_as_backtested(trial.figures, Scribbler(**trial.parameters), {"cost": "none"})


@dataclass(frozen=True)
class Nonsense:
    """Answers what is no exposure."""

    size: int = parameter(2, low=1)
    warmup: int = 1

    def exposure(self, bars: Bars) -> FloatArray:
        return np.full(len(bars), float(self.size))

    def reason(self, bars: Bars) -> str:
        return "nonsense"


def test_an_answer_that_is_none_is_told() -> None:
    with pytest.raises(StrategyError, match="exposure 2"):
        run_sweep(Nonsense, HISTORIES, Plan({"size": [2]}), CONFIG)


def test_the_face_does_it_in_one_call(tmp_path) -> None:
    values = {"fast": range(3, 6), "slow": [8, 15]}
    results = sweep_in_one(
        MovingAverageCrossoverStrategy,
        {"SPY": BARS},
        values,
        folds=2,
        ledger=tmp_path / "trials.jsonl",
        cost="none",
    )
    assert list(results.trials.columns[:2]) == ["fast", "slow"]
    assert len(results.trials) == 6
    assert results.best.figures.sharpe == results.trials["sharpe"].max()
    assert len(results.verdict.folds) == 2
    assert results.verdict.tried.trials == 6 + 2 * 6


def test_an_unknown_objective_is_refused() -> None:
    with pytest.raises(UsageError, match="objective"):
        swept().best("fame")


@needs_optuna
def test_tuning_goes_where_it_is_good_and_threads_change_nothing() -> None:
    values = {"fast": list(range(2, 60)), "slow": list(range(60, 260)), "entry": ["state", "cross"]}
    plan = Plan(values, draws=60, seed=3, tuned_by="total_return")
    alone, crew = swept(plan, jobs=1), swept(plan, jobs=3)
    assert len(alone.trials) == 60
    assert crew.trials == alone.trials
    assert all(plan.at(trial.number) == trial.parameters for trial in alone.trials)
    assert swept(Plan(values, 60, 4, "total_return")).trials != alone.trials


@needs_optuna
def test_tuning_learns_from_what_it_is_told() -> None:
    # A hill over a plane of 40,000 places; by chance sixty draws come within 12 of its top about
    # every third time, and half of them as near as this hardly ever.
    tuner = Tuner({"a": list(range(200)), "b": list(range(200))}, seed=1)
    found = []
    for places in tuner.rounds(60):
        for place in places:
            a, b = divmod(place, 200)
            found.append(-abs(a - 150) - abs(b - 30))
            tuner.learn(place, found[-1])
    assert len(found) == 60
    assert np.median(found[30:]) > np.median(found[:30]) + 40


@needs_optuna
def test_tuning_ends_when_there_is_nothing_new() -> None:
    tuner = Tuner({"a": ["x", "y"]}, seed=1)
    tried: list[int] = []
    for places in tuner.rounds(5):
        tried += places
        for place in places:
            tuner.learn(place, None)
    assert set(tried) == {0, 1}


@pytest.mark.parametrize("settings", [{"tuned_by": "sharpe"}, {"draws": 5, "tuned_by": "fame"}])
def test_a_plan_that_cannot_be_tuned_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Plan({"a": [1, 2]}, **settings)


# Plans


def test_a_plan_counts_its_combinations_and_finds_each_by_its_place() -> None:
    plan = Plan({"a": [1, 2], "b": ["x", "y", "z"]})
    assert len(plan) == plan.size == 6
    assert list(plan.settings()) == [(place, plan.at(place)) for place in range(6)]
    assert plan.at(4) == {"a": 2, "b": "y"}


def test_drawn_settings_are_different_ones_and_the_same_for_a_seed() -> None:
    values = {"a": list(range(100)), "b": list(range(100))}
    drawn = list(Plan(values, draws=50, seed=4).settings())
    assert len({place for place, _ in drawn}) == 50
    assert drawn == list(Plan(values, draws=50, seed=4).settings())
    assert drawn != list(Plan(values, draws=50, seed=5).settings())
    assert all(Plan(values).at(place) == chosen for place, chosen in drawn)
    assert len(Plan({"a": [1, 2]}, draws=9)) == 2


@pytest.mark.parametrize("values", [{}, {"a": []}])
def test_a_plan_without_values_is_refused(values: dict[str, list[object]]) -> None:
    with pytest.raises(UsageError, match="values"):
        Plan(values)


def test_neighbours_lie_one_step_away() -> None:
    plan = Plan({"a": [1, 2, 3], "b": [1, 2, 3]})
    assert plan.neighbours(4) == list(range(9))
    assert plan.neighbours(0) == [0, 1, 3, 4]


def scored(scores: list[float | None]) -> Sweep:
    """A sweep over a line of settings with these Sharpe ratios."""
    empty = dict.fromkeys(Figures.__struct_fields__, 0.0)
    trials = [
        Trial(place, {"a": place}, Figures(**{**empty, "sharpe": score}))
        for place, score in enumerate(scores)
    ]
    plan = Plan({"a": list(range(len(scores)))})
    return Sweep(Scribbler, plan, CONFIG, trials, 0, True, "kernel")


def test_a_lonely_peak_is_best_but_no_plateau() -> None:
    sweep = scored([0.0, 9.0, 0.1, 0.2, 1.0, 1.2, 1.1, 0.3])
    best, plateau = sweep.best(), sweep.plateau()
    assert best is not None
    assert plateau is not None
    assert best.number == 1
    assert (plateau[0].number, plateau[1]) == (5, 1.1)


def test_what_is_not_defined_is_never_the_best() -> None:
    sweep = scored([None, None, 0.5, None])
    best = sweep.best()
    assert best is not None
    assert best.number == 2
    assert scored([None]).best() is None
    assert scored([None, None]).plateau() is None


# What it is worth


def test_the_verdict_counts_the_trials_of_the_ledger_too(tmp_path) -> None:
    sweep, ledger = swept(), Ledger(tmp_path / "trials.jsonl")
    alone = judged(sweep, HISTORIES, "sharpe")
    assert alone.tried.trials == 8
    for _ in range(3):
        ledger.add(sitting_of(sweep, HISTORIES))
    among = judged(sweep, HISTORIES, "sharpe", ledger)
    assert among.tried.trials == 24
    assert among.to_beat > alone.to_beat
    assert among.deflated < alone.deflated
    assert alone.lookahead.status == "passed"
    assert alone.best == sweep.best()
    assert alone.efficiency is Reason.TOO_FEW_RETURNS


def test_a_walk_forward_chooses_before_it_trades() -> None:
    sweep = swept()
    folds, sitting = walk_forward(
        MovingAverageCrossoverStrategy, HISTORIES, CROSSES, sweep, 3, "total_return"
    )
    assert len(folds) == 3
    assert sitting.trials == 3 * 8
    days = [day.isoformat() for day in BARS.days().tolist()]
    for fold in folds:
        cut = days.index(fold.chosen_until)
        assert days[cut + 1] == fold.traded_from
        inside = swept(config=SimulationConfig(end=BARS.days()[cut].item()))
        best = inside.best("total_return")
        assert best is not None
        assert fold.parameters == best.parameters
        after = backtest(
            MovingAverageCrossoverStrategy(**fold.parameters),
            HISTORIES,
            start=BARS.days()[cut + 1].item(),
            end=BARS.days()[days.index(fold.traded_until)].item(),
            benchmark="none",
        )
        assert fold.outside == pytest.approx(after.metrics["cagr_over_periods"], rel=1e-9)


def test_too_few_days_cannot_be_walked() -> None:
    with pytest.raises(DataError, match="too few"):
        walk_forward(MovingAverageCrossoverStrategy, HISTORIES, CROSSES, swept(), 90, "sharpe")
