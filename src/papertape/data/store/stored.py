"""Stored prices as a mapping that holds none of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from papertape.data.sessions import regular_hours
from papertape.data.store.store import Store
from papertape.domain.market import Frequency, PriceHistory


class StoredPrices(Mapping[str, PriceHistory]):
    """Series of a store by symbol, each read when it is asked for and then let go of.

    Whoever goes through it one symbol after the other needs memory for one, not for all.

    Args:
        store: Where they lie.
        bar: The bars' length, like ``1m``.
        symbols: Which ones; all of that length if there are none.
        first, last: Exchange dates of the first and last bar, both included; None for all.
        extended: Whether bars outside the regular session belong to them.
    """

    def __init__(
        self,
        store: Store,
        bar: str,
        symbols: Sequence[str] = (),
        *,
        first: date | None = None,
        last: date | None = None,
        extended: bool = False,
    ):
        self._store, self._length = store, Frequency.parse(bar)
        self._first, self._last, self._extended = first, last, extended
        self._symbols = tuple(symbols) or tuple(
            each.symbol for each in store.series() if each.frequency == self._length
        )

    def __getitem__(self, symbol: str) -> PriceHistory:
        manifest = self._store.newest(symbol, self._length) if symbol in self._symbols else None
        if manifest is None:
            raise KeyError(symbol)
        history = self._store.read(manifest, self._first, self._last)
        return history if self._extended else regular_hours(history)

    def __iter__(self) -> Iterator[str]:
        return iter(self._symbols)

    def __len__(self) -> int:
        return len(self._symbols)
