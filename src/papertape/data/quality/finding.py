"""Finding: what a rule says about a history, how bad it is, and what would mend it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from papertape.domain.errors import UsageError
from papertape.domain.market import FloatArray, IntArray

Severity = Literal["error", "warn", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warn", "info")

Days: TypeAlias = NDArray[np.datetime64]

RULES: Mapping[str, str] = {
    "D1": "order",
    "D2": "duplicates",
    "D3": "high, low, open, close",
    "D4": "zero or missing price",
    "D5": "zero volume with a move",
    "D6": "gap inside session",
    "D7": "outside session",
    "D8": "zone",
    "D9": "early close",
    "D10": "jump against neighbours",
    "D11": "split or dividend",
    "D12": "stale bars",
    "D13": "missing day",
    "D14": "providers disagree",
    "D15": "future time",
}
"""What each rule looks at, in the fewest words."""


def rule_id(text: str) -> str:
    """A rule as it is typed (``D3``, ``d3``, ``data-D3``) in our spelling.

    Raises:
        UsageError: If there is no such rule.
    """
    rule = text.upper().removeprefix("DATA-")
    if rule not in RULES:
        raise UsageError(f"{text!r} is no data rule", hint=f"the rules are {', '.join(RULES)}")
    return rule


@dataclass(frozen=True, eq=False)
class Repair:
    """A change that mends a sheet.

    Attributes:
        words: What it does, in a sentence for people.
        cells: Column -> the rows to change, and their new numbers.
        kept: The rows that stay, in their new order; None for all as they are.
    """

    words: str
    cells: Mapping[str, tuple[IntArray, FloatArray]] = field(default_factory=dict)
    kept: IntArray | None = None


@dataclass(frozen=True, eq=False)
class Finding:
    """One thing that a rule found in one instrument's bars.

    Attributes:
        symbol: Whose bars.
        rule: ``D1`` to ``D15``.
        severity: A backtest refuses an error, and says the others.
        count: Bars (or missing days) concerned.
        days: The exchange's dates concerned, ascending, each once.
        example: The first of them: its time, and its numbers.
        what: What is wrong with them.
        todo: The next thing to type.
        repair: What mends them, where the bars themselves hold the information.
    """

    symbol: str
    rule: str
    severity: Severity
    count: int
    days: Days
    example: str
    what: str
    todo: str
    repair: Repair | None = None

    @property
    def id(self) -> str:
        """The rule with its family, as screens and tests name it."""
        return f"data-{self.rule}"

    @property
    def rows(self) -> str:
        """How many, as people say it."""
        return f"{self.count:,} row{'' if self.count == 1 else 's'}"

    @property
    def sentence(self) -> str:
        """The finding in one sentence."""
        return f"{self.symbol}: {self.rule} {self.what} ({self.rows}, the first {self.example})"

    def concerns(self, first: np.datetime64, last: np.datetime64) -> bool:
        """Whether any of its days lies between two dates, both included."""
        return bool(np.any((self.days >= first) & (self.days <= last)))
