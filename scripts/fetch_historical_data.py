"""Fetch prices into one canonical CSV, and a small JSON beside it that explains it.

The source is a provider whose key is in the environment or in .env, a price file in any known
layout, or the embedded sample. It is the code behind `papertape data get`, which keeps what it
fetches in a store; this leaves two plain files:

    python scripts/fetch_historical_data.py --source tiingo --symbol SPY --from 2015-01-01
    python scripts/fetch_historical_data.py --source sample --symbol AAPL -o AAPL.csv
    python scripts/fetch_historical_data.py --source export.csv.gz --symbol SPY -o SPY.csv
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date
from pathlib import Path

from papertape import PriceHistory, read_prices, read_sample
from papertape.cli.providers import made
from papertape.cli.settings import read_settings
from papertape.cli.surroundings import Surroundings
from papertape.data.canonical import MAP, canonical, explanation
from papertape.domain.clock import WallClock
from papertape.domain.errors import PapertapeError
from papertape.plugins.market_data.source import load


def main() -> int:
    """Fetch, convert, write both files; the exit code says what went wrong."""
    given = arguments()
    target = Path(given.output or f"{given.symbol}.csv")
    beside = target.with_name(target.name + ".json")
    if not given.force and (target.exists() or beside.exists()):
        print(f"error: {target} is there already\n  try: --force", file=sys.stderr)
        return 2
    try:
        history = fetched(given)
    except PapertapeError as error:
        print(f"error: {error.message}\n  try: {error.hint}", file=sys.stderr)
        return error.exit_code
    content = canonical(history).encode()
    target.write_bytes(content)
    told = explanation(history, content, WallClock().now())
    beside.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    for notice in history.notices:
        print(f"note: {notice}", file=sys.stderr)
    if history.actions:
        print(f"note: splits and dividends are in the file; read them with {MAP}", file=sys.stderr)
    print(f"{target}: {len(history.bars):,} bars of {history.bars.symbol}; {beside} explains them")
    return 0


def fetched(given: argparse.Namespace) -> PriceHistory:
    """The prices as the source has them."""
    if given.source == "sample":
        return read_sample(given.symbol)
    if Path(given.source).exists() or "." in given.source:
        return read_prices(
            given.source, symbol=given.symbol, zone=given.tz, adjusted=given.adjusted
        )
    return load(
        made(given.source, read_settings(), Surroundings().home).source,
        symbol=given.symbol,
        start_date=given.first,
        end_date=given.last,
        frequency=given.bar,
    )


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--source", default="sample", help="a provider, a price file, or sample")
    parser.add_argument("--symbol", required=True)
    parser.add_argument("-o", "--output", help="the CSV to write; SYMBOL.csv if left out")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, help="asked of a provider")
    parser.add_argument("--to", dest="last", type=date.fromisoformat, help="asked of a provider")
    parser.add_argument("--bar", default="1d", help="bar length asked of a provider")
    parser.add_argument("--tz", help="zone of times that name none, like America/New_York")
    parser.add_argument("--adjusted", choices=("raw", "split", "all"))
    parser.add_argument("--force", action="store_true", help="write over files that are there")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
