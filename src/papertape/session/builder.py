"""MomentBuilder: moments of the market from bars as they arrive, each once and in order.

Beneath every feed, whatever it is: the same bars make the same moments, whether they came in
order, twice, late or all at once (fault-F32, fault-F34).
"""

from __future__ import annotations

from collections.abc import Collection

from papertape.domain.clock import DAY, SECOND, Nanos
from papertape.domain.event import Moment
from papertape.domain.market import Bar
from papertape.plugins.market_data.source import AmendedBar

GRACE: Nanos = SECOND // 4
"""How long after a moment's first bar those of the other symbols are waited for.

A feed hands bars on when they are final, so what did not come with the first had no trade.
"""


class MomentBuilder:
    """Groups the bars that close at one instant, and tells late and changed ones apart.

    Args:
        symbols: Whose bars belong to a moment; it is whole once all of them are there.
        grace: Nanoseconds for which an incomplete moment waits.
    """

    def __init__(self, symbols: Collection[str], grace: Nanos = GRACE):
        self._symbols = frozenset(symbols)
        self._grace = grace
        self._pending: dict[Nanos, dict[str, Bar]] = {}
        self._begun: dict[Nanos, Nanos] = {}
        self._known: dict[tuple[str, Nanos], AmendedBar] = {}
        self._told: Nanos = 0

    def hear(self, said: Bar | AmendedBar, now: Nanos) -> list[AmendedBar]:
        """Take a bar; one that came or changed after its moment was told comes back."""
        bar = said.bar if isinstance(said, AmendedBar) else said
        if bar.symbol not in self._symbols:
            return []
        key = bar.symbol, bar.start
        known = self._known.get(key)
        if known is not None and known.bar == bar:
            return []
        # A source's own count is kept where it has one; it may have changed a bar unseen by us.
        revision = known.revision + 1 if known is not None else 0
        if isinstance(said, AmendedBar):
            revision = max(revision, said.revision)
        amended = self._known[key] = AmendedBar(bar, revision)
        if bar.end <= self._told:
            return [amended]
        self._pending.setdefault(bar.end, {})[bar.symbol] = bar
        self._begun.setdefault(bar.end, now)
        return []

    def due(self, now: Nanos) -> list[Moment]:
        """The moments that are whole, or were waited for long enough, oldest first."""
        found: list[Moment] = []
        for end in sorted(self._pending):
            bars = self._pending[end]
            if len(bars) < len(self._symbols) and now < self._begun[end] + self._grace:
                break  # what comes later waits for it: time never goes back
            found.append(Moment(end, tuple(bars[symbol] for symbol in sorted(bars))))
        for moment in found:
            del self._pending[moment.time], self._begun[moment.time]
            self._told = moment.time
        if found:
            self._forget()
        return found

    def next_due(self) -> Nanos | None:
        """When the oldest incomplete moment has been waited for; None if there is none."""
        if not self._pending:
            return None
        return self._begun[min(self._pending)] + self._grace

    def since(self, moment: Nanos) -> None:
        """What closed up to this moment was told already: by the session that is resumed."""
        self._told = max(self._told, moment)

    def _forget(self) -> None:
        """Bars older than a day are corrected in the store, not here; memory stays bounded."""
        old = [key for key in self._known if key[1] < self._told - DAY]
        for key in old:
            del self._known[key]
