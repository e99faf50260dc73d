"""I06: decides a quarter of an hour before the close, and trades in the auction of the same day."""

from __future__ import annotations

from papertape.domain.calendar import calendar_of
from papertape.strategies import Bar, Context

QUARTER = 15 * 60_000_000_000


class I06ClosingAuction:
    """Buys the close of a rising last half hour, sells the next close."""

    warmup = 30

    def on_bar(self, context: Context, bar: Bar) -> None:
        calendar = calendar_of("XNYS")
        if bar.end != calendar.session(calendar.local_day(bar.end)).close - QUARTER:
            return
        closes = context.history(bar.symbol, 30).close
        if context.position(bar.symbol):
            context.submit(bar.symbol, -100, reason="one day is over", time_in_force="cls")
        elif closes[-1] > closes[0]:
            context.submit(bar.symbol, 100, reason="the last half hour rose", time_in_force="cls")
