"""L09 and L10: wishes for fills that no market can give."""

from __future__ import annotations

from papertape.strategies import Bar, Context


class L09MarketOrder:
    """Buys with an ordinary market order after each up day, sells after each down day."""

    warmup = 1

    def on_bar(self, context: Context, bar: Bar) -> None:
        held = context.position(bar.symbol)
        if bar.close > bar.open and not held:
            context.submit(bar.symbol, 100, reason="up")
        elif bar.close < bar.open and held:
            context.submit(bar.symbol, -held, reason="down")


class L09ThisVeryClose:
    """Wants the close that it has just seen."""

    warmup = 1

    def on_bar(self, context: Context, bar: Bar) -> None:
        context.submit(bar.symbol, 1, reason="that was cheap", time_in_force="cls")


class L10LimitAtTheLow:
    """Bids a tick above the low of the bar that is over."""

    warmup = 1

    def on_bar(self, context: Context, bar: Bar) -> None:
        limit = round(bar.low + 0.01, 2)
        context.submit(bar.symbol, 1, reason="the low", kind="limit", limit=limit)
