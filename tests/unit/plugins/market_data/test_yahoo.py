"""Yahoo without Yahoo: a stand-in for the package, with the failures that it knows."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from papertape.domain.clock import ReplayClock
from papertape.domain.errors import (
    DataError,
    PapertapeError,
    ProviderError,
    SettingsError,
    UsageError,
)
from papertape.domain.market import Dividend, PriceHistory
from papertape.plugins.market_data.source import MarketData, load
from papertape.plugins.market_data.yahoo import YahooDataPlugin

Fetch = Callable[..., pd.DataFrame]


class YFException(Exception):
    pass


class YFTickerMissingError(YFException):
    pass


def table(rows: list[tuple[float, ...]], first: str = "2026-11-20") -> pd.DataFrame:
    index = pd.bdate_range(first, periods=len(rows), tz="America/New_York")
    columns = ["Open", "High", "Low", "Close", "Volume", "Dividends"]
    return pd.DataFrame(rows, index=index, columns=columns, dtype=np.float64)


def fetched(monkeypatch: pytest.MonkeyPatch, history: Fetch, **told: Any) -> PriceHistory:
    asked: dict[str, Any] = {}

    def ticker(symbol: str) -> SimpleNamespace:
        asked["symbol"] = symbol
        return SimpleNamespace(history=lambda **how: asked.update(how) or history())

    library = SimpleNamespace(
        Ticker=ticker,
        config=SimpleNamespace(debug=SimpleNamespace(hide_exceptions=True)),
        exceptions=SimpleNamespace(
            YFException=YFException, YFTickerMissingError=YFTickerMissingError
        ),
    )
    monkeypatch.setitem(sys.modules, "yfinance", library)  # type: ignore[arg-type]
    clock = ReplayClock(1_795_525_200_000_000_000)  # 2026-11-24T13:00Z, before the opening
    found = load(YahooDataPlugin(clock), **({"symbol": "BRK.B"} | told))
    assert asked["symbol"] == "BRK-B"
    assert asked["auto_adjust"] is False
    assert library.config.debug.hide_exceptions is False
    return found


def test_prices_are_split_adjusted_and_dividends_lie_beside_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [(10.0, 12.0, 9.0, 11.0, 500.0, 0.0), (11.0, 11.5, 10.0, 10.5, 600.0, 0.25)]
    history = fetched(monkeypatch, lambda: table(rows))
    assert history.adjusted == "split"
    assert history.bars.close.tolist() == [11.0, 10.5]
    assert history.bars.days().astype(str).tolist() == ["2026-11-20", "2026-11-23"]
    monday = date(2026, 11, 23)
    assert history.actions == (Dividend("BRK.B", monday, 250_000, monday),)
    assert "unofficial" in history.notices[0]


def test_rows_without_a_price_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    nan = float("nan")
    rows = [(10.0, 12.0, 9.0, 11.0, 500.0, 0.0), (nan, nan, nan, nan, 0.0, 0.0)]
    history = fetched(monkeypatch, lambda: table(rows))
    assert len(history.bars) == 1
    assert "1 rows without any price" in history.notices[1]


def test_the_session_that_still_runs_has_no_bar_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    history = fetched(monkeypatch, lambda: table([(10.0, 12.0, 9.0, 11.0, 500.0, 0.0)] * 3))
    assert history.bars.days().astype(str).tolist() == ["2026-11-20", "2026-11-23"]


def raising(error: Exception) -> Fetch:
    def fetch() -> pd.DataFrame:
        raise error

    return fetch


FAILURES: dict[str, tuple[Fetch, type[PapertapeError], str]] = {
    "unknown": (raising(YFTickerMissingError("delisted")), DataError, "delisted"),
    "blocked": (raising(YFException("429")), ProviderError, "YFException"),
    "unreachable": (raising(ConnectionError("no route")), ProviderError, "no route"),
    "empty": (lambda: table([]), DataError, "no prices of BRK.B"),
    "today only": (
        lambda: table([(10.0, 12.0, 9.0, 11.0, 5.0, 0.0)], "2026-11-24"),
        DataError,
        "finished bars",
    ),
    "half a bar": (
        lambda: table([(10.0, float("nan"), 9.0, 11.0, 5.0, 0.0)]),
        DataError,
        "some of their prices",
    ),
}


@pytest.mark.parametrize(("history", "kind", "why"), FAILURES.values(), ids=FAILURES)
def test_a_failure_is_an_error_and_no_empty_table(
    history: Fetch, kind: type[PapertapeError], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(kind, match=why):
        fetched(monkeypatch, history)


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yfinance", None)
    with pytest.raises(SettingsError, match="not installed") as caught:
        load(YahooDataPlugin(), symbol="SPY")
    assert caught.value.hint == "pip install 'papertape[yahoo]'"


def test_a_bar_length_that_yahoo_lacks_is_refused() -> None:
    with pytest.raises(UsageError, match="no bars of 7m"):
        load(YahooDataPlugin(), symbol="SPY", frequency="7m")


def test_yahoo_is_a_source_like_any_other() -> None:
    assert isinstance(YahooDataPlugin(), MarketData)
