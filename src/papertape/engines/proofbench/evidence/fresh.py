"""The child process of the strategy check: it remembers nothing, and reads only what it is sent.

``python -m papertape.engines.proofbench.evidence.fresh`` takes a `Question` on its standard input
and writes a `Reply` to its standard output, both as MessagePack.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import astuple
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import cast

import msgspec
import numpy as np

import papertape
from papertape.domain.errors import StrategyError
from papertape.domain.instrument import Instrument
from papertape.domain.market import (
    Bars,
    CorporateAction,
    Dividend,
    FloatArray,
    Frequency,
    IntArray,
    Split,
)
from papertape.engines.proofbench.assembly import is_signal_strategy
from papertape.engines.proofbench.evidence.decisions import (
    Decisions,
    Deed,
    Deeds,
    Wishes,
    decisions,
)
from papertape.engines.proofbench.evidence.source import StrategySource
from papertape.strategies.strategy import SignalStrategy, Strategy

_COLUMNS = ("start", "end", "open", "high", "low", "close", "volume")


class Question(msgspec.Struct, frozen=True):
    """A strategy, the bars that the child may know, and what is asked of it.

    Attributes:
        where, name, parameters: Where the strategy comes from.
        symbol, tick, lot, venue, frequency: Whose bars these are, and how long they are.
        columns: The bars, each column as raw bytes.
        splits, dividends: What happened to the shares.
        cuts: Rows after which to decide everything anew, ascending: the child is never shown a
            later row before an earlier one, so nothing that it remembers can be the future. None
            to ask a signal strategy after every bar and keep the last values.
    """

    where: str
    name: str
    parameters: dict[str, str]
    symbol: str
    tick: int
    lot: int
    venue: str
    frequency: str
    columns: tuple[bytes, ...]
    splits: list[tuple[date, int, int]]
    dividends: list[tuple[date, int, date]]
    cuts: list[int] | None


class Told(msgspec.Struct, frozen=True):
    """The decisions after one cut: columns of a signal strategy, or an order strategy's deeds."""

    columns: tuple[bytes, ...] | None = None
    deeds: list[tuple[int, str, bool]] | None = None


class Reply(msgspec.Struct, frozen=True):
    """What the child answers.

    Attributes:
        told: The decisions after each cut.
        cuts: The cuts.
        touched: What the strategy reached for besides its bars, while it was watched.
        failure: Why there is no answer.
    """

    told: list[Told] = []
    cuts: list[int] = []
    touched: list[str] = []
    failure: str = ""


def question(
    source: StrategySource,
    bars: Bars,
    actions: Sequence[CorporateAction] = (),
    *,
    cuts: Sequence[int] | None,
) -> Question:
    """Ask about these bars; see `Question` for the cuts."""
    instrument = bars.instrument
    return Question(
        where=source.where,
        name=source.name,
        parameters=dict(source.parameters),
        symbol=instrument.symbol,
        tick=instrument.tick,
        lot=instrument.lot,
        venue=instrument.venue,
        frequency=str(bars.frequency),
        columns=tuple(getattr(bars, name).tobytes() for name in _COLUMNS),
        splits=[
            (each.ex_date, each.ratio.numerator, each.ratio.denominator)
            for each in actions
            if isinstance(each, Split)
        ],
        dividends=[
            (each.ex_date, each.amount, each.pay_date)
            for each in actions
            if isinstance(each, Dividend)
        ],
        cuts=None if cuts is None else sorted(cuts),
    )


def ask_fresh(asked: Question, *, hash_seed: int = 0, seconds: float = 30.0) -> Reply:
    """Start a new process, put the question, and wait for its reply.

    Raises:
        StrategyError: If there is no reply in time, or the process died.
    """
    # The environment is handed on, not read. The child finds the modules that this process finds,
    # wherever it stands now.
    found_here = os.pathsep.join(filter(None, sys.path))
    ours = {"PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": found_here}
    environment = {**os.environ, **ours}  # noqa: TID251
    command = [sys.executable, "-P", "-m", __spec__.name]
    sent = msgspec.msgpack.encode(asked)
    try:
        done = subprocess.run(
            command, input=sent, capture_output=True, env=environment, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise StrategyError(f"a new process gave no answer within {seconds:g} s") from None
    if done.returncode:
        words = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise StrategyError(f"a new process died: {words[-1] if words else done.returncode}")
    return msgspec.msgpack.decode(done.stdout, type=Reply)


def told(reply: Reply) -> list[Decisions]:
    """The decisions in a reply, one for each cut."""
    return [_decisions(each) for each in reply.told]


def _decisions(each: Told) -> Decisions:
    if each.columns is None:
        return Deeds(tuple(Deed(*deed) for deed in each.deeds or ()))
    start, end, exposure, stops = each.columns
    return Wishes(_moments(start), _moments(end), _numbers(exposure), _numbers(stops))


def _told(made: Decisions) -> Told:
    if isinstance(made, Deeds):
        return Told(deeds=[astuple(deed) for deed in made.deeds])
    columns = (made.start, made.end, made.exposure, made.stop_distance)
    return Told(columns=tuple(np.ascontiguousarray(column).tobytes() for column in columns))


def answer(asked: Question) -> Reply:
    """What this process, if it is a new one, has to say."""
    watch = _Watch()
    sys.addaudithook(watch)
    bars, actions = _bars(asked), _actions(asked)
    source = StrategySource(asked.where, asked.name, asked.parameters)
    try:
        watch.is_on = watch.allows_packages = True
        strategy = source.strategy()
        watch.allows_packages = False
        made = list(_made(strategy, source, bars, actions, asked.cuts))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a stranger's code raises is the answer
        return Reply(touched=watch.touched, failure=f"{type(error).__name__}: {error}")
    finally:
        watch.is_on = False
    return Reply([_told(each) for each in made], asked.cuts or [], watch.touched)


def _made(
    strategy: Strategy,
    source: StrategySource,
    bars: Bars,
    actions: Sequence[CorporateAction],
    cuts: Sequence[int] | None,
) -> Iterator[Decisions]:
    if cuts is None:
        yield Wishes.bar_by_bar(cast("SignalStrategy", strategy), bars)
        return
    is_signal = is_signal_strategy(strategy)
    for cut in cuts:
        # A signal strategy is one object that is asked again and again, as in a session; an order
        # strategy has a life, and each replay is another one.
        yield decisions(
            strategy if is_signal else source.strategy(), bars[: cut + 1].detached(), actions
        )


def _bars(asked: Question) -> Bars:
    instrument = Instrument(asked.symbol, asked.tick, asked.lot, venue=asked.venue)
    start, end, *rest = asked.columns
    open_, high, low, close, volume = map(_numbers, rest)
    times = _moments(start), _moments(end)
    return Bars(
        instrument, Frequency.parse(asked.frequency), *times, open_, high, low, close, volume
    )


def _moments(column: bytes) -> IntArray:
    return np.frombuffer(column, np.int64)


def _numbers(column: bytes) -> FloatArray:
    return np.frombuffer(column, np.float64)


def _actions(asked: Question) -> tuple[CorporateAction, ...]:
    splits = (Split(asked.symbol, day, Fraction(n, d)) for day, n, d in asked.splits)
    dividends = (Dividend(asked.symbol, day, cash, pay) for day, cash, pay in asked.dividends)
    return (*splits, *dividends)


class _Watch:
    """Notes and refuses what a strategy reaches for; it cannot be taken off, so it has a switch.

    While a strategy is loaded, its packages may read their own files; while it is asked, nothing
    but code may still be loaded.
    """

    def __init__(self) -> None:
        self.is_on = False
        self.allows_packages = False
        self.touched: list[str] = []
        folders = {*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix}
        system = ("/usr", "/etc", "/proc", "/sys", "/dev", "/lib")
        self._packages = tuple({str(Path(each).resolve()) for each in folders} | set(system))
        self._own = str(Path(papertape.__file__).resolve().parent)

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.is_on:
            return
        what = self._offence(event, arguments)
        if what and what not in self.touched:
            self.touched.append(what)
        if what:
            raise PermissionError(f"a strategy sees its bars only; it {what}")

    def _offence(self, event: str, arguments: tuple[object, ...]) -> str:
        if event == "open":
            return self._file(arguments[0])
        if event in {"socket.connect", "socket.getaddrinfo", "socket.bind", "socket.sendto"}:
            return "reached for the network"
        if event in {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"}:
            return "started another program"
        return ""

    def _file(self, opened: object) -> str:
        if not isinstance(opened, (str, bytes)):  # a file that is open already
            return ""
        name = os.fsdecode(opened)
        is_code = name.endswith((".py", ".pyc", ".so", ".pyd", ".dll")) or "__pycache__" in name
        path = os.path.realpath(name)
        if is_code or path.startswith(self._own) or "zoneinfo" in path or "tzdata" in path:
            return ""
        if self.allows_packages and path.startswith(self._packages):
            return ""
        return f"opened {name}"


def main() -> None:
    """Answer one question."""
    asked = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Question)
    with redirect_stdout(io.StringIO()):  # a strategy that prints must not garble the reply
        reply = answer(asked)
    sys.stdout.buffer.write(msgspec.msgpack.encode(reply))


if __name__ == "__main__":
    main()
