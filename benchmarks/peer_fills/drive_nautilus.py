"""NautilusTrader: orders from ``on_bar``, matched by its venue at the default settings."""

from __future__ import annotations

from decimal import Decimal

from market import answer, cases, frame
from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy

VENUE = Venue("SIM")
SHARE = Equity(
    instrument_id=InstrumentId(Symbol("AAA"), VENUE),
    raw_symbol=Symbol("AAA"),
    currency=USD,
    price_precision=2,
    price_increment=Price.from_str("0.01"),
    lot_size=Quantity.from_int(1),
    maker_fee=Decimal(0),
    taker_fee=Decimal(0),
    ts_event=0,
    ts_init=0,
)
MINUTES = BarType.from_str("AAA.SIM-1-MINUTE-LAST-EXTERNAL")


class Script(Strategy):
    def __init__(self, does, moments):
        super().__init__()
        self.does, self.moments, self.row, self.fills = does, moments, -1, []

    def on_start(self):
        self.subscribe_bars(MINUTES)

    def on_bar(self, bar):
        self.row += 1
        for kind, shares, price in self.does.get(self.row, ()):
            self.send(kind, Quantity.from_int(shares), price)

    def send(self, kind, shares, price):
        make = self.order_factory
        if kind == "limit":
            order = make.limit(SHARE.id, OrderSide.BUY, shares, Price(price, 2))
        elif kind == "hold" and price[1]:
            bracket = make.bracket(
                SHARE.id,
                OrderSide.BUY,
                shares,
                sl_trigger_price=Price(price[0], 2),
                tp_price=Price(price[1], 2),
                tp_post_only=False,
            )
            return self.submit_order_list(bracket)
        else:
            order = make.market(SHARE.id, OrderSide.BUY, shares)
            if kind == "hold":
                stop = make.stop_market(SHARE.id, OrderSide.SELL, shares, Price(price[0], 2))
                self.submit_order(order)
                order = stop
        return self.submit_order(order)

    def on_order_filled(self, event):
        row = int(self.moments.searchsorted(event.ts_event))
        side = 1 if event.order_side == OrderSide.BUY else -1
        self.fills.append((row, side * float(event.last_qty), float(event.last_px)))


def played(case):
    table = frame(case)
    table.index = table.index.tz_localize("UTC")
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(VENUE, OmsType.NETTING, AccountType.MARGIN, [Money(10_000_000, USD)])
    engine.add_instrument(SHARE)
    engine.add_data(BarDataWrangler(MINUTES, SHARE).process(table))
    script = Script(case.does, table.index.as_unit("ns").asi8)
    engine.add_strategy(script)
    engine.run()
    engine.dispose()
    return script.fills


answer({case.name: played(case) for case in cases()})
