"""Wiring: words become a strategy, prices and settings, and these become a run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import TypeVar

from papertape.cli.catalogue import Listed, listed
from papertape.cli.data.shelf import store_of
from papertape.cli.failure import blamed
from papertape.cli.options import SIZES, RunOptions, amount, contract, day, pairs
from papertape.cli.surroundings import Surroundings
from papertape.data.actions import with_actions
from papertape.data.sessions import regular_hours
from papertape.data.store import Store
from papertape.domain.clock import Clock
from papertape.domain.errors import DataError, StrategyError, UsageError
from papertape.domain.instrument import canonical_symbol
from papertape.domain.market import Frequency, PriceHistory
from papertape.domain.money import dollars
from papertape.engines.proofbench.bench import SimulationEngine, simulate
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.results import SimulationResults, report
from papertape.engines.proofbench.window import Window, cut
from papertape.plugins.market_data.csv import read_prices
from papertape.plugins.market_data.sample import SYMBOLS, read_sample
from papertape.plugins.market_data.tables.actions import read_actions
from papertape.strategies.buy_and_hold import BuyAndHoldStrategy
from papertape.strategies.strategy import Strategy

SAMPLE = "sample"
"""What --data names the embedded sample by."""

Answered = TypeVar("Answered")


@dataclass(frozen=True)
class Plan:
    """A run that is ready to start.

    Attributes:
        listed: Where the strategy comes from.
        strategy: The strategy, made.
        histories: Prices by symbol.
        config: The settings.
    """

    listed: Listed
    strategy: Strategy
    histories: dict[str, PriceHistory]
    config: SimulationConfig


def plan(name: str, options: RunOptions, here: Surroundings) -> Plan:
    """Everything a run needs, built and checked; the cheap questions are asked first.

    Raises:
        PapertapeError: Whatever is wrong with the words, the strategy or the prices.
    """
    config = config_of(options, here.clock)
    symbols = symbols_of(options)
    found = listed(name)
    strategy = found.make(pairs("--param", options.param))
    histories = histories_of(symbols, options, store_of(here))
    config = replace(config, bar_frequency=_length(histories, options))
    return Plan(found, strategy, histories, config)


def _length(histories: dict[str, PriceHistory], options: RunOptions) -> str:
    """The bar length of all the prices, which must be the one asked for."""
    lengths = {symbol: str(history.bars.frequency) for symbol, history in histories.items()}
    wanted = options.bar and str(Frequency.parse(options.bar))
    if len({*lengths.values(), wanted} - {None}) > 1:
        found = ", ".join(f"{symbol} {length}" for symbol, length in lengths.items())
        raise DataError(
            f"bars of different lengths: {found}" + (f", asked for {wanted}" if wanted else ""),
            hint="give prices of one bar length, and leave --bar out or set it to theirs",
        )
    return next(iter(lengths.values()))


def sample_if_nothing_else(options: RunOptions) -> RunOptions:
    """The options, with all the sample's symbols where neither symbols nor files are named."""
    named = options.symbol or options.data
    return options if named else replace(options, symbol=SYMBOLS, data=(SAMPLE,))


def symbols_of(options: RunOptions) -> list[str]:
    """The symbols in their canonical spelling, each once.

    Raises:
        UsageError: If there are none, one is no symbol, or one comes twice.
    """
    if not options.symbol:
        raise UsageError(
            "--symbol is missing", hint="--symbol AAPL (or several: --symbol AAPL IBM)"
        )
    symbols = [canonical_symbol(text) for text in options.symbol]
    for symbol in symbols:
        if symbols.count(symbol) > 1:
            raise UsageError(f"--symbol names {symbol} twice", hint="leave one of them out")
    return symbols


def config_of(options: RunOptions, clock: Clock) -> SimulationConfig:
    """The settings that the options amount to."""
    if options.seed < 0:
        raise UsageError(f"--seed {options.seed} is negative", hint="--seed 0")
    return SimulationConfig(
        initial_capital=amount(options.cash),
        bar_frequency=options.bar or "1d",
        risk_free_rate=options.rf,
        start=day(options.from_, clock) if options.from_ else None,
        end=day(options.to, clock) if options.to else None,
        size=options.size or SIZES[options.profile],
        cost=options.cost,
        spread=options.spread,
        account=options.account,
        warmup=options.warmup,
        risk_profile=options.profile,
        benchmark=options.benchmark,
        seed=options.seed,
        latency=options.latency,
        compat=options.compat,
        allow=options.allow,
    )


def histories_of(symbols: list[str], options: RunOptions, store: Store) -> dict[str, PriceHistory]:
    """The prices of the symbols: from files, or from the store, or from the sample.

    Raises:
        DataError: If they are missing or unfit.
        UsageError: If files and symbols do not match.
    """
    if not options.data:
        return {symbol: _kept(symbol, options, store) for symbol in symbols}
    if options.data == (SAMPLE,):
        return {symbol: _sample(symbol, options) for symbol in symbols}
    files = options.data * len(symbols) if len(options.data) == 1 else options.data
    if len(files) != len(symbols):
        raise UsageError(
            f"{len(files)} files for {len(symbols)} symbols",
            hint="give one file for all symbols, or one --data for each --symbol in their order",
        )
    read = {
        symbol: _file(symbol, file, options) for symbol, file in zip(symbols, files, strict=True)
    }
    _refuse_one_for_another(read)
    read = _with_stated(_as_contracts(read, options), options)
    if options.extended:
        return read
    return {symbol: regular_hours(history) for symbol, history in read.items()}


def _refuse_one_for_another(read: dict[str, PriceHistory]) -> None:
    """A file that names no symbols holds one of them; it cannot stand for two."""
    for (first, one), (second, other) in combinations(read.items(), 2):
        if one.fingerprint != other.fingerprint:
            continue
        if one.bars.close.tobytes() == other.bars.close.tobytes():
            raise UsageError(
                f"{first} and {second} would trade the same prices, those of {one.source}",
                hint="give each symbol a file of its own, or one with a column named symbol",
            )


def _as_contracts(read: dict[str, PriceHistory], options: RunOptions) -> dict[str, PriceHistory]:
    """The prices, as those of futures where the options say so."""
    if options.contract is None:
        return read
    multiplier, margin = contract(options.contract)
    words = f"a contract is {multiplier} times the price and ties up {dollars(margin):,.2f}"
    return {
        symbol: replace(
            each,
            bars=each.bars.of(multiplier=multiplier, margin=margin),
            notices=(*each.notices, f"{symbol}: {words}"),
        )
        for symbol, each in read.items()
    }


def _with_stated(read: dict[str, PriceHistory], options: RunOptions) -> dict[str, PriceHistory]:
    """The prices, with the corporate actions that a file states of them."""
    if not options.actions:
        return read
    stated = read_actions(options.actions)
    if unknown := ", ".join(sorted(stated.keys() - read.keys())):
        raise UsageError(
            f"--actions states something of {unknown}, which is not traded",
            hint=f"name it with --symbol, too: --symbol {' '.join((*read, unknown))}",
        )
    return {
        symbol: with_actions(each, stated[symbol]) if symbol in stated else each
        for symbol, each in read.items()
    }


def _kept(symbol: str, options: RunOptions, store: Store) -> PriceHistory:
    """What the store holds of the symbol in the bar length asked for, or else the sample."""
    lengths = [Frequency.parse(options.bar)] if options.bar else store.lengths(symbol)
    manifest = next(filter(None, (store.newest(symbol, each) for each in lengths)), None)
    if manifest is None:
        return _sample(symbol, options)
    _refuse_words_about_files(options)
    history = store.read(manifest)
    return history if options.extended else regular_hours(history)


def _sample(symbol: str, options: RunOptions) -> PriceHistory:
    _refuse_words_about_files(options)
    if symbol not in SYMBOLS:
        length = f" --bar {options.bar}" if options.bar else ""
        raise DataError(
            f"neither the store holds {symbol}{length.replace('--bar', 'in bars of')} nor the "
            f"embedded sample, which has {', '.join(SYMBOLS)}",
            hint=f"papertape data get {symbol}{length} --from 2020-01-01, or give a file: "
            f"--symbol {symbol} --data {symbol}.csv",
        )
    return read_sample(symbol)


def _refuse_words_about_files(options: RunOptions) -> None:
    for option, value in (
        ("--tz", options.tz),
        ("--map", options.map),
        ("--adjusted", options.adjusted),
        ("--actions", options.actions),
        ("--contract", options.contract),
    ):
        if value:
            raise UsageError(f"{option} is about a price file", hint="name the file with --data")


def _file(symbol: str, file: str, options: RunOptions) -> PriceHistory:
    words = [word for text in options.map for word in text.split(",")]
    return read_prices(
        Path(file),
        symbol=symbol,
        frequency=options.bar,
        zone=options.tz,
        adjusted=options.adjusted,
        columns=pairs("--map", words),
    )


def run(plan: Plan) -> SimulationResults:
    """Run a plan on the bench.

    Raises:
        StrategyError: If the strategy raised.
    """
    engine = SimulationEngine(plan.config)
    for symbol, history in plan.histories.items():
        engine.load_data(symbol, history)
    engine.set_strategy(plan.strategy)
    return blaming(plan, lambda: _whole(engine.run()))


def _whole(results: SimulationResults) -> SimulationResults:
    """Results whose record is drawn up, for which the strategy may be asked once more."""
    _ = results.record
    return results


def run_sample(names: Sequence[str], here: Surroundings) -> list[SimulationResults]:
    """Run shipped strategies over all of the sample, with one buy and hold beside all of them.

    There is no history ahead of the sample's first bar, so every strategy has the same window.
    """
    first = plan(names[0], RunOptions(symbol=SYMBOLS, data=(SAMPLE,)), here)
    strategies = [first.strategy, *(listed(name).make({}) for name in names[1:])]
    outcomes = [simulate(each, first.histories, first.config) for each in strategies]
    held = simulate(BuyAndHoldStrategy(), first.histories, first.config, outcomes[0].window)
    return [report(each, held, first.histories, first.config) for each in outcomes]


def window_of(plan: Plan) -> Window:
    """The bars that a plan trades, and the history before them.

    Raises:
        DataError: If the data rules refuse them, or there are none.
    """
    config = plan.config
    wanted = plan.strategy.warmup if config.warmup == "before" else None
    return cut(plan.histories, config.start, config.end, wanted, config.compatibility, config.allow)


def blaming(plan: Plan, work: Callable[[], Answered]) -> Answered:
    """Do work in which the strategy is called; what its own code raises is told as its own.

    Raises:
        StrategyError: If the strategy raised.
    """
    try:
        with redirect_stdout(sys.stderr):  # what a strategy prints is no part of the result
            return work()
    except StrategyError:
        raise
    except (Exception, SystemExit) as error:
        raise blamed(error, plan.listed.file) or error from error
