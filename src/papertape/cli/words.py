"""A run in words and figures: what it rests on, what came out, what it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from papertape.cli.store import StoredRun
from papertape.cli.surroundings import Surroundings
from papertape.cli.tables import number, painted, percent, sentence, steps, table
from papertape.engines.proofbench.explain import cost_words, fill_words
from papertape.engines.proofbench.record import Ground, RunRecord

_TITLES = {
    "MovingAverageCrossoverStrategy": "MA cross {fast}/{slow}",
    "RSIMeanReversionStrategy": "RSI reversion",
    "MomentumBreakoutStrategy": "Breakout {enter_bars}/{leave_bars}",
    "BuyAndHoldStrategy": "Buy and hold",
}
BENCHMARK = "buy & hold"
_MANY_NOTICES = 6

Metrics = Mapping[str, float | int | None]


class Column(NamedTuple):
    """One run's figures under its name; a benchmark's trades are not counted."""

    title: str
    metrics: Metrics
    is_benchmark: bool = False


def title_of(ground: Ground) -> str:
    """A strategy's name with the parameters that make it, short enough to head a column."""
    title = _TITLES.get(ground.strategy, ground.strategy).format_map(ground.parameters)
    return f"{title} COMPAT" if ground.compat else title


def ground_lines(ground: Ground, width: int) -> list[str]:
    """What was traded and when, and the hashes of data and code; one line where it fits."""
    hashes = f"data {ground.data_hash[:8]}  code {ground.code_hash[:8]}"
    whole = f"{span(ground)}   {hashes}"
    return [whole] if len(whole) <= width else [span(ground), hashes]


def span(ground: Ground) -> str:
    """Symbols, bar length and window, and the word SAMPLE where the prices are the sample's."""
    bars = "daily" if ground.frequency == "1d" else ground.frequency
    sample = " (SAMPLE)" if is_sample(ground) else ""
    return f"{' '.join(ground.symbols)} {bars}, {ground.first}..{ground.last}{sample}"


def is_sample(ground: Ground) -> bool:
    """Whether the prices are the embedded sample, also where the store keeps them."""
    marks = ("sample (bokeh-sampledata", "(sample, ")
    return any(mark in source for source in ground.source.values() for mark in marks)


def terms(ground: Ground, width: int) -> list[str]:
    """Prices, costs and settings, a few lines."""
    prices = ", ".join(dict.fromkeys(ground.source.values()))
    return [
        *sentence("Prices", prices, width),
        *sentence("Costs", ground.cost_words, width),
        *sentence("Terms", f"{settings(ground)}, {_warm_up(ground)}", width),
    ]


def settings(ground: Ground) -> str:
    """Cash, size, rates and limits in a line."""
    account = "" if ground.account == "cash" else f"{ground.account} account, "
    return (
        f"{number(ground.capital, 0)} dollars, {account}size {ground.size}, risk-free "
        f"{100 * ground.risk_free:g} % a year, limits {ground.profile}, seed {ground.seed}"
    )


def _warm_up(ground: Ground) -> str:
    if ground.warmup == "inside":
        return "begins cold inside the window"
    return f"{ground.warmup_bars} bars of history before the first day"


def figures(columns: Sequence[Column], here: Surroundings, colour: bool) -> list[str]:
    """The table of figures, one column a run."""
    yearly = all(column.metrics.get("cagr") is not None for column in columns)
    free = columns[0].metrics.get("risk_free") or 0.0
    rows = [
        _row(
            "Return per year" if yearly else "Total return",
            columns,
            _signed("cagr" if yearly else "total_return"),
        ),
        _row("Worst drawdown", columns, _signed("max_drawdown")),
        _row(f"Sharpe (rf {100 * free:g} %)", columns, lambda m: number(m["sharpe"])),
        _row("Volatility", columns, lambda m: percent(m["volatility"], signed=False)),
        _row("Trades", columns, _trades, "-"),
        _row("Exposure", columns, lambda m: percent(m["mean_gross_exposure"], signed=False)),
        _row("Costs", columns, lambda m: number(m["costs"]), "-"),
        _row("Final equity", columns, lambda m: number(m["final_equity"])),
    ]
    lines = table(["", *(column.title for column in columns)], rows, width=here.width)
    return [painted(lines[0], "bold", colour), *lines[1:]]


def _signed(name: str) -> Any:
    return lambda metrics: percent(metrics[name])


def _row(label: str, columns: Sequence[Column], show: Any, benchmark: str = "") -> list[str]:
    cells = [
        benchmark if benchmark and column.is_benchmark else show(column.metrics)
        for column in columns
    ]
    return [label, *cells]


def _trades(metrics: Metrics) -> str:
    return f"{int(metrics['trades_closed'] or 0) + int(metrics['trades_open'] or 0):,}"


def report(run: StoredRun, here: Surroundings, colour: bool) -> str:
    """A run as `backtest` prints it."""
    record, width = run.record, here.width
    ground = record.ground
    columns = [Column(title_of(ground), record.metrics)]
    if record.benchmark_metrics:
        columns.append(Column(BENCHMARK, record.benchmark_metrics, is_benchmark=True))
    lines = [
        *ground_lines(ground, width),
        *terms(ground, width),
        "",
        *figures(columns, here, colour),
        "",
    ]
    for words in record.words:
        lines += sentence("Result", words, width)
    if record.fills:
        lines += sentence("Paid", cost_words(record), width)
    for words in fill_words(record):
        lines += sentence("Fills", words, width)
    if record.against_benchmark:
        lines += sentence("Against", f"{BENCHMARK} {record.against_benchmark}", width)
    lines += notices(record, here, colour)
    lines += [*sentence("Run", run.id, width), *steps(next_steps(run), width)]
    return "\n".join(lines)


def notices(record: RunRecord, here: Surroundings, colour: bool) -> list[str]:
    """What was assumed, and the verdict of the look-ahead check."""
    lines: list[str] = []
    shown = record.notices if here.verbose else record.notices[:_MANY_NOTICES]
    for notice in shown:
        lines += sentence("Note", notice, here.width)
    if len(record.notices) > len(shown):
        more = len(record.notices) - len(shown)
        lines += sentence("Note", f"{more} notes more: --verbose", here.width)
    checked = {"passed": "passed", "failed": "FAILED", "not_run": "not run"}
    verdict = checked[record.lookahead.status]
    text = f"look-ahead {verdict}: {record.lookahead.detail}"
    style = "red" if record.lookahead.status == "failed" else "dim"
    return lines + [painted(line, style, colour) for line in sentence("Check", text, here.width)]


def next_steps(run: StoredRun) -> list[str]:
    """Commands that go on from here, all of which exist."""
    record = run.record
    if record.trades or record.orders:
        asked = record.trades[0].id if record.trades else record.orders[0].id
    else:
        asked = f"{record.ground.symbols[0]} --at {record.ground.last}"
    what = "trades" if record.trades else "decisions"
    return [
        f"papertape why {asked} --run {run.id}",
        f"papertape export {run.id} --what {what} --to csv",
    ]


def run_data(run: StoredRun) -> dict[str, Any]:
    """A run for programs: its record without the equity columns, which `export` writes."""
    import msgspec  # noqa: PLC0415

    fields = msgspec.structs.asdict(run.record)
    del fields["equity"]
    return {"run": {"id": run.id, "made_at": run.made_at}, **fields}
