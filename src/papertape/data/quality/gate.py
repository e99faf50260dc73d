"""The gate before a run: bars with an error in them are not traded, unless somebody says so."""

from __future__ import annotations

from collections.abc import Collection

from papertape.data.quality.checking import prices, ranked
from papertape.data.quality.finding import Finding
from papertape.data.quality.sheet import Sheet
from papertape.domain.errors import DataError
from papertape.domain.kept import kept
from papertape.domain.market import Adjustment, Bars, CorporateAction, PriceHistory


def refuse_errors(history: PriceHistory, allow: Collection[str] = ()) -> tuple[Finding, ...]:
    """What the rules find in bars that are to be traded; order and rows were checked by `Bars`.

    Args:
        history: The bars, and what happened to the shares among them.
        allow: Rules whose errors are accepted for this run.

    Raises:
        DataError: At the first error that is not allowed, saying how many more there are.
    """
    found = _found(history.bars, history.actions, history.adjusted)
    errors = [each for each in found if each.severity == "error" and each.rule not in allow]
    if errors:
        first = errors[0]
        also = f"; and {len(errors) - 1} more such findings" if len(errors) > 1 else ""
        of_file = " (of a file, add --data FILE)" if first.repair else ""
        raise DataError(
            f"{first.sentence}{also}",
            hint=f"{first.todo}{of_file}; --allow {first.rule} trades it as it is",
            untouched="no bar was traded",
        )
    return found


@kept
def _found(
    bars: Bars, actions: tuple[CorporateAction, ...], adjusted: Adjustment
) -> tuple[Finding, ...]:
    """What there is to say about bars, which is the same for every run over them."""
    return ranked(prices(Sheet.of(PriceHistory(bars, actions, adjusted))))
