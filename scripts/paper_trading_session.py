"""Replay stored bars as a paper session: each fill as it happens, then the blotter.

python scripts/paper_trading_session.py --symbol AAPL --from 2012-01-01
python scripts/paper_trading_session.py --symbol SPY --data minutes.csv --speed 600
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date

from papertape import SimulationConfig, read_prices, read_sample
from papertape.data.sessions import regular_hours
from papertape.domain.clock import rfc3339
from papertape.domain.errors import PapertapeError
from papertape.domain.event import Entry, OrderFilled
from papertape.domain.money import dollars
from papertape.monitoring.blotter import blotter
from papertape.session.paper import replay
from papertape.strategies import MomentumBreakoutStrategy


def main() -> int:
    """Read the bars, replay them, print the blotter; the exit code says what went wrong."""
    given = arguments()
    try:
        prices = read_prices(given.data, symbol=given.symbol) if given.data else None
        history = regular_hours(prices or read_sample(given.symbol))
        config = SimulationConfig(
            bar_frequency=str(history.bars.frequency), start=given.first, end=given.last
        )
        results = replay(
            MomentumBreakoutStrategy(),
            {given.symbol: history},
            config,
            speed=given.speed,
            notify=tell,
        )
    except PapertapeError as error:
        print(f"error: {error.message}\n  try: {error.hint}", file=sys.stderr)
        return error.exit_code
    for row in blotter(results.record):
        print(f"{row.time}  {row.id:<5}{row.side:<5}{row.quantity:>7} {row.symbol}  {row.state}")
        print(f"    {row.reason}")
    equity = results.record.equity
    print(f"cash {equity.cash[-1]:,.2f}, equity {equity.equity[-1]:,.2f}")
    return 0


def tell(entries: Sequence[Entry]) -> None:
    """Say what just happened."""
    for entry in entries:
        if isinstance(entry, OrderFilled):
            fill = entry.fill
            price = f"{dollars(fill.price):,.2f}"
            done = f"{fill.quantity:+d} {fill.symbol} at {price}"
            print(f"{rfc3339(entry.time)}  filled {done}", file=sys.stderr)


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--symbol", default="AAPL")
    parser.add_argument("--data", help="price file; the embedded sample if left out")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, help="first day traded")
    parser.add_argument("--to", dest="last", type=date.fromisoformat, help="last day traded")
    parser.add_argument("--speed", type=float, help="times faster than it happened; else at once")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
