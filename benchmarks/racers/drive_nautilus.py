"""NautilusTrader: a Python strategy with compiled averages, risk checks and analysis left out."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import LoggingConfig, RiskEngineConfig
from nautilus_trader.indicators import SimpleMovingAverage
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy
from track import CASH, FAST, RATE, SHARES, SLOW, STOP, TARGET, Fill, Run, main

VENUE = Venue("SIM")
SHARE = Equity(
    instrument_id=InstrumentId(Symbol("AAA"), VENUE),
    raw_symbol=Symbol("AAA"),
    currency=USD,
    price_precision=2,
    price_increment=Price.from_str("0.01"),
    lot_size=Quantity.from_int(1),
    maker_fee=Decimal(str(RATE)),
    taker_fee=Decimal(str(RATE)),
    ts_event=0,
    ts_init=0,
)
BARS = {
    each: BarType.from_str(f"AAA.SIM-1-{each.upper()}-LAST-EXTERNAL") for each in ("minute", "day")
}


class Averages(Strategy):
    def __init__(self, bars):
        super().__init__()
        self.bars = bars
        self.fast, self.slow = SimpleMovingAverage(FAST), SimpleMovingAverage(SLOW)
        self.shares, self.fills, self.was_above = Quantity.from_int(SHARES), [], False

    def on_start(self):
        self.register_indicator_for_bars(self.bars, self.fast)
        self.register_indicator_for_bars(self.bars, self.slow)
        self.subscribe_bars(self.bars)

    def on_order_filled(self, event):
        side = 1 if event.order_side == OrderSide.BUY else -1
        self.fills.append((event.ts_event, side * float(event.last_qty), float(event.last_px)))


class Crossover(Averages):
    def on_bar(self, bar):
        if not self.slow.initialized:
            return
        if self.fast.value > self.slow.value:
            if self.portfolio.is_flat(SHARE.id):
                self.market(OrderSide.BUY)
        elif self.portfolio.is_net_long(SHARE.id):
            self.market(OrderSide.SELL)

    def market(self, side):
        self.submit_order(self.order_factory.market(SHARE.id, side, self.shares))


class Guarded(Averages):
    def on_bar(self, bar):
        if not self.slow.initialized:
            return
        above = self.fast.value > self.slow.value
        if above and not self.was_above and self.portfolio.is_flat(SHARE.id):
            close = float(bar.close)
            bracket = self.order_factory.bracket(
                SHARE.id,
                OrderSide.BUY,
                self.shares,
                sl_trigger_price=Price(close - STOP, 2),
                tp_price=Price(close + TARGET, 2),
                tp_post_only=False,
            )
            self.submit_order_list(bracket)
        self.was_above = above


def prepared(tape, bars, kind):
    names = ("open", "high", "low", "close", "volume")
    frame = pd.DataFrame(
        {name: getattr(tape, name) for name in names}, pd.to_datetime(tape.end, utc=True)
    )
    engine = BacktestEngine(
        BacktestEngineConfig(
            logging=LoggingConfig(bypass_logging=True),
            risk_engine=RiskEngineConfig(bypass=True),
            run_analysis=False,
        )
    )
    account = AccountType.CASH if kind is Crossover else AccountType.MARGIN
    engine.add_venue(VENUE, OmsType.NETTING, account, [Money(CASH, USD)], base_currency=USD)
    engine.add_instrument(SHARE)
    engine.add_data(BarDataWrangler(bars, SHARE).process(frame))
    strategy = kind(bars)
    engine.add_strategy(strategy)

    def told(_):
        cash = engine.portfolio.account(VENUE).balance_total(USD).as_double()
        held = float(engine.portfolio.net_position(SHARE.id))
        rows = tape.end.searchsorted([moment for moment, *_ in strategy.fills])
        fills = [Fill(int(row), *fill[1:]) for row, fill in zip(rows, strategy.fills)]
        if kind is Guarded and held:  # on margin what is held has not been paid for yet
            cash -= held * fills[-1].price
        return cash + held * float(tape.close[-1]), fills

    return Run(engine.run, told)


main(
    {
        "order": lambda tape, length: prepared(tape, BARS[length], Crossover),
        "guarded": lambda tape, length: prepared(tape, BARS[length], Guarded),
    }
)
