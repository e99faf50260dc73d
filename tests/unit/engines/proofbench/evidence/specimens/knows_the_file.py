"""An order strategy that looks tomorrow up in a file, and one that remembers an earlier run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from papertape.strategies import Bar, Context

_SEEN: list[float] = []


@dataclass
class LooksItUp:
    """Buys before a rise that it reads in a file of closes beside this one."""

    row: int = 0

    @property
    def warmup(self) -> int:
        return 1

    def on_bar(self, context: Context, bar: Bar) -> None:
        closes = [
            float(line) for line in Path(__file__).with_name("closes.txt").read_text().splitlines()
        ]
        self.row += 1
        held = context.position(bar.symbol)
        rises = self.row < len(closes) and closes[self.row] > bar.close
        if rises and not held:
            context.submit(bar.symbol, 100, reason="it will rise")
        elif held and not rises:
            context.submit(bar.symbol, -held, reason="it will fall")


@dataclass
class RemembersTheLastRun:
    """Buys before a rise that it saw when it ran before."""

    row: int = 0

    @property
    def warmup(self) -> int:
        return 1

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.row += 1
        if self.row > len(_SEEN):
            _SEEN.append(bar.close)
        held = context.position(bar.symbol)
        rises = self.row < len(_SEEN) and _SEEN[self.row] > bar.close
        if (rises or (len(_SEEN) == self.row and self.row % 9 == 0)) and not held:
            context.submit(bar.symbol, 100, reason="it rose")
        elif held and not rises:
            context.submit(bar.symbol, -held, reason="it fell")
