"""`papertape data list`: what the store holds."""

from __future__ import annotations

from papertape.cli.answer import Answer
from papertape.cli.data.shelf import span, store_of, told
from papertape.cli.options import Here
from papertape.cli.tables import listing, steps
from papertape.domain.instrument import canonical_symbol


def list_(*, symbol: str | None = None, here: Here) -> Answer:
    """List the series in the store: bars, span, source, adjustment, revision and hash.

    Parameters
    ----------
    symbol
        Only this symbol's.
    """
    wanted = canonical_symbol(symbol) if symbol else None
    found = [each for each in store_of(here).series() if wanted in (None, each.symbol)]
    data = {"series": [told(each) for each in found]}
    if not found:
        what = f"no {wanted}" if wanted else "nothing yet"
        after = [f"papertape data get {wanted or 'SPY'} --from 2020-01-01"]
        after += [f"papertape data import FILE.csv --symbol {wanted or 'SPY'}"]
        return Answer("\n".join([f"the store holds {what}", *steps(after, here.width)]), data)
    heads = ["symbol", "bar", "bars", "adjusted", "rev", "data", "span and source"]
    rows = [
        [
            each.symbol,
            each.bar,
            f"{each.rows:,}",
            each.adjusted,
            str(each.revision),
            each.content[:8],
            f"{span(each)} {each.origin.words}, fetched {each.fetched_at[:10]}",
        ]
        for each in found
    ]
    lines = listing(heads, rows, left=2, width=here.width)
    after = [f"papertape data show {found[0].symbol} --bar {found[0].bar}"]
    return Answer("\n".join([*lines, "", *steps(after, here.width)]), data)
