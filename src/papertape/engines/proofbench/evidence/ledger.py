"""The trial ledger: how many settings were ever tried on the same prices, abandoned ones too."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from papertape.domain.errors import DataError


class Sitting(msgspec.Struct, frozen=True):
    """The trials that one sitting made on some prices.

    Attributes:
        data: Hash of the prices.
        strategy: Whose settings were tried.
        trials: How many had a Sharpe ratio.
        total, squares: Sums of their ratios per period, and of the squares.
    """

    data: str
    strategy: str
    trials: int
    total: float
    squares: float

    @classmethod
    def of(cls, data: str, strategy: str, ratios: Iterable[float]) -> Sitting:
        """Count some ratios."""
        known = list(ratios)
        return cls(data, strategy, len(known), sum(known), sum(each * each for each in known))

    @property
    def variance(self) -> float:
        """Of the ratios."""
        if self.trials < 2:
            return 0.0
        spread = self.squares - self.total * self.total / self.trials
        return max(0.0, spread) / (self.trials - 1)

    def __add__(self, other: Sitting) -> Sitting:
        return Sitting(
            self.data,
            self.strategy,
            self.trials + other.trials,
            self.total + other.total,
            self.squares + other.squares,
        )


class Ledger:
    """A file that only grows, a line for each sitting.

    Args:
        file: Where it lies.
    """

    def __init__(self, file: Path):
        self._file = file

    def add(self, sitting: Sitting) -> None:
        """Write a sitting down."""
        if sitting.trials:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            how = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            with os.fdopen(os.open(self._file, how, 0o600), "ab") as stream:
                stream.write(msgspec.json.encode(sitting) + b"\n")

    def on(self, data: str) -> Sitting:
        """All that was ever tried on those prices, whatever the strategy.

        Raises:
            DataError: If a line cannot be read.
        """
        found = Sitting(data, "", 0, 0.0, 0.0)
        lines = self._file.read_bytes().splitlines() if self._file.exists() else []
        for number, line in enumerate(lines, start=1):
            try:
                sitting = msgspec.json.decode(line, type=Sitting)
            except msgspec.MsgspecError as error:
                raise DataError(
                    f"the trial ledger {self._file} cannot be read: line {number}: {error}",
                    hint="mend the line or move the file away; trials are then counted anew",
                ) from None
            if sitting.data == data:
                found += sitting
        return found
