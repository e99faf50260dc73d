"""`papertape strategy`: what can be run, what it takes, a beginning of one's own, a check."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Iterable
from dataclasses import MISSING, Field
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from papertape.cli.answer import Answer
from papertape.cli.catalogue import (
    OWN,
    PROTOCOLS,
    SHIPPED,
    Listed,
    check_name,
    listed,
    own_file,
    own_files,
)
from papertape.cli.options import Here, pairs
from papertape.cli.progress import progress
from papertape.cli.tables import listing, painted, sentence, steps
from papertape.domain.errors import PapertapeError, SettingsError, UsageError
from papertape.engines.proofbench.evidence.findings import CheckResult
from papertape.engines.proofbench.evidence.source import StrategySource
from papertape.engines.proofbench.evidence.strategy_check import check_strategy
from papertape.plugins.market_data.sample import read_sample
from papertape.strategies.strategy import declared_parameters

Parameters = Annotated[tuple[str, ...], Parameter(name="--param", negative=(), show_default=False)]


def list_(*, here: Here) -> Answer:
    """List the shipped strategies, and your own in ./strategies."""
    found = [_summary(name) for name in [*SHIPPED, *(file.stem for file in own_files())]]
    rows = [[each["name"], each["kind"], each["what"]] for each in found]
    lines = listing(["name", "kind", "what it does"], rows, left=2, width=here.width)
    after = [f"papertape strategy show {found[0]['name']}", "papertape strategy new mine"]
    return Answer("\n".join([*lines, "", *steps(after, here.width)]), {"strategies": found})


def _summary(name: str) -> dict[str, str]:
    """A strategy in a line; one that cannot be loaded says why."""
    try:
        each = listed(name)
    except PapertapeError as error:
        return {"name": name, "kind": "own", "what": f"cannot be loaded: {error.message}"}
    return {"name": name, "kind": _kind(each), "what": _first_line(each.kind)}


def _kind(each: Listed) -> str:
    whose = "shipped" if each.is_shipped else "own"
    return f"{whose}, {next(kind for name, kind in PROTOCOLS.items() if hasattr(each.kind, name))}"


def _first_line(kind: type) -> str:
    lines = (kind.__doc__ or "").strip().splitlines()
    return lines[0] if lines else "(its class has no docstring)"


def show_(name: str, /, *, param: Parameters = (), here: Here) -> Answer:
    """Show a strategy's parameters, their bounds, its warm-up and where its code is.

    Parameters
    ----------
    name
        The strategy's name, or the path of its file.
    param
        A parameter, name=value; the warm-up may depend on it.
    """
    each = listed(name)
    warmup = each.make(pairs("--param", param)).warmup
    declared = [_declared(item) for item in declared_parameters(each.kind)]
    lines = [
        *textwrap.wrap(f"{each.name}: {_first_line(each.kind)}", here.width),
        f"({_kind(each)}, class {each.kind.__name__})",
    ]
    if declared:
        rows = [
            [item["name"], item["type"], item["default"], item["bounds"], item["words"]]
            for item in declared
        ]
        heads = ["parameter", "type", "default", "bounds", "meaning"]
        lines += ["", *listing(heads, rows, left=4, width=here.width)]
    lines += ["", f"Warm-up  {warmup} bars", f"Code     {each.file}"]
    lines += steps([f"papertape backtest {name} --symbol AAPL"], here.width)
    data = {
        "name": each.name,
        "kind": _kind(each),
        "class": each.kind.__name__,
        "parameters": declared,
        "warmup": warmup,
        "file": str(each.file),
    }
    return Answer("\n".join(lines), data)


def _declared(item: Field[Any]) -> dict[str, str]:
    known = item.metadata
    low, high, choices = known.get("low"), known.get("high"), known.get("choices") or ()
    bounds = ", ".join(choices) if choices else f"{low} to {high}"
    return {
        "name": item.name,
        "type": type(item.default).__name__ if item.default is not MISSING else "",
        "default": str(item.default) if item.default is not MISSING else "",
        "bounds": "" if not choices and low is None and high is None else bounds,
        "words": str(known.get("words", "")),
    }


def new_(name: str, /, *, here: Here) -> Answer:
    """Write strategies/NAME.py: a strategy that runs, to be changed into yours.

    Parameters
    ----------
    name
        Small letters, digits and _; the class is named after it.
    """
    check_name(name)
    file = OWN / f"{name}.py"
    kind = "".join(part.capitalize() for part in name.split("_"))
    _write_new(file, _TEMPLATE.format(name=name, kind=kind or "Mine"))
    after = [f"papertape strategy check {name}", f"papertape backtest {name} --symbol AAPL"]
    lines = [f"{file} is written, and it runs.", *steps(after, here.width)]
    return Answer("\n".join(lines), {"file": str(file), "class": kind})


def _write_new(file: Path, text: str) -> None:
    """Write a file that is not there yet, into a folder that is no link elsewhere."""
    if OWN.is_symlink() or (OWN.exists() and not OWN.is_dir()):
        raise UsageError(f"{OWN} is no plain folder", hint="move it away, or stand elsewhere")
    try:
        OWN.mkdir(exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        raise UsageError(f"{file} is there already", hint="choose another name") from None
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be written: {error.strerror}", hint="stand in a folder you may write"
        ) from None
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)


def check_(name: str, /, *, param: Parameters = (), symbol: str = "AAPL", here: Here) -> Answer:
    """Look for look-ahead, chance and faults in a strategy; exit 1 if any is found.

    Parameters
    ----------
    name
        The strategy's name, or the path of its file.
    param
        A parameter, name=value.
    symbol
        The share of the sample it is tried on.
    """
    each = _source(name, pairs("--param", param))
    history = read_sample(symbol)
    with progress(f"checking {name}", here):
        report = check_strategy(each, history)
    colour = here.colour_on(sys.stdout)
    lines = [f"{report.strategy} on {report.ground}", ""]
    for check in report.checks:
        lines += _finding(check, here.width, colour)
    lines += ["", "It passed." if report.ok else "It FAILED: do not believe a result of it yet."]
    after = f"backtest {name} --symbol {symbol}" if report.ok else f"strategy show {name}"
    lines += steps([f"papertape {after}"], here.width)
    data = {
        "strategy": report.strategy,
        "ground": report.ground,
        "ok": report.ok,
        "checks": list(report.checks),
    }
    return Answer("\n".join(lines), data, is_no=not report.ok)


def _source(name: str, parameters: dict[str, str]) -> StrategySource:
    """Where the check finds the strategy: a module for a shipped one, else its file."""
    if name in SHIPPED:
        return StrategySource(f"papertape.strategies.{name}", SHIPPED[name][0], parameters)
    return StrategySource(str(own_file(name)), parameters=parameters)


def _finding(check: CheckResult, width: int, colour: bool) -> Iterable[str]:
    words = {"passed": "ok", "failed": "FAIL", "warning": "warn", "not_run": "-"}[check.status]
    style = {"passed": "green", "failed": "red"}.get(check.status, "dim")
    lines = sentence(words, f"{check.name}: {check.detail}", width)
    return [re.sub(rf"^{re.escape(words)}", painted(words, style, colour), lines[0]), *lines[1:]]


_TEMPLATE = '''"""{name}: buy strength above an average, sell when it is gone."""

from dataclasses import dataclass

from papertape.strategies import Bar, Context, check_parameters, parameter


@dataclass
class {kind}:
    """Hold a share while it closes above its own average."""

    bars: int = parameter(20, low=2, high=500, words="bars in the average")
    percent: float = parameter(20.0, low=1.0, high=100.0, words="of the cash, for each share")

    def __post_init__(self) -> None:
        check_parameters(self)

    @property
    def warmup(self) -> int:
        return self.bars

    def on_start(self, context: Context) -> None:
        self.budget = context.account.cash / 1e6 * self.percent / 100  # cash is in micro-dollars

    def on_bar(self, context: Context, bar: Bar) -> None:
        average = context.history(bar.symbol, self.bars).close.mean()
        held = context.position(bar.symbol)
        words = f"close {{bar.close:.2f}}, average {{average:.2f}}"
        if bar.close > average and not held and self.budget >= bar.close:
            context.submit(bar.symbol, int(self.budget / bar.close), reason=f"above: {{words}}")
        elif bar.close < average and held:
            context.submit(bar.symbol, -held, reason=f"below: {{words}}")
'''
