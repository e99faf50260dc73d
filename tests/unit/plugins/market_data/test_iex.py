"""The facade: which backend follows from which settings, what it says, and what it refuses."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Iterator
from contextlib import aclosing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.captures import VECTOR, frame, pcap
from tests.emulators.alpaca import AlpacaEmulator
from tests.emulators.cases import PATIENCE
from tests.emulators.faults import Fault
from tests.emulators.market import CALENDAR, Market
from tests.emulators.server import KEY, SECRET
from tests.emulators.tiingo import TiingoEmulator
from tests.fakes import SkippingTime

from papertape.domain.clock import MINUTE, SECOND
from papertape.domain.errors import PapertapeError, SettingsError, UsageError
from papertape.domain.market import Bar
from papertape.plugins.market_data.iex import IEXDataPlugin, IEXHistory
from papertape.plugins.market_data.source import MarketData, ReferencePrice, finished, load
from papertape.plugins.market_data.transport import Timing

DAY = date(2024, 7, 2)
EVENING = CALENDAR.session(DAY).close + 8 * 3_600 * SECOND


@pytest.fixture
def time() -> SkippingTime:
    return SkippingTime(EVENING)


@pytest.fixture
def alpaca(time: SkippingTime) -> Iterator[AlpacaEmulator]:
    with AlpacaEmulator(Market(), time) as running:
        yield running


@pytest.fixture
def tiingo(time: SkippingTime) -> Iterator[TiingoEmulator]:
    with TiingoEmulator(Market(), time) as running:
        yield running


@pytest.fixture
def captures(tmp_path: Path) -> Path:
    folder = tmp_path / "hist"
    folder.mkdir()
    (folder / "day.pcap").write_bytes(pcap([frame(VECTOR)]))
    return folder


def iex(time: SkippingTime, home: Path, **config: Any) -> IEXDataPlugin:
    timing = Timing(time, time.sleep, lambda: 0.5, time.within)
    return IEXDataPlugin({"home": home, **config}, patience=PATIENCE, timing=timing)


def fetched(plugin: IEXDataPlugin, frequency: str = "1d") -> IEXHistory:
    history = load(plugin, symbol="ACME", start_date=DAY, end_date=DAY, frequency=frequency)
    assert isinstance(history, IEXHistory)
    return history


BOTH = {"api_key": KEY, "api_secret": SECRET}
CHOSEN = {
    "both keys": (BOTH, "alpaca"),
    "both keys and a folder": (BOTH | {"hist_dir": "x"}, "alpaca"),
    "one key": ({"api_key": KEY}, "tiingo"),
    "one key and a folder": ({"api_key": KEY, "hist_dir": "x"}, "tiingo"),
    "a folder": ({"hist_dir": "x"}, "hist"),
    "told tiingo": ({"api_key": KEY, "backend": "tiingo"}, "tiingo"),
    "told hist": (BOTH | {"hist_dir": "x", "backend": "hist"}, "hist"),
}


@pytest.mark.parametrize(("config", "backend"), CHOSEN.values(), ids=CHOSEN)
def test_the_settings_alone_say_the_backend(
    config: dict[str, Any], backend: str, time: SkippingTime, tmp_path: Path
) -> None:
    here = {} if backend == "hist" else {"base_url": "http://127.0.0.1:9"}
    plugin = iex(time, tmp_path, **config, **here)
    assert plugin.backend == backend
    assert isinstance(plugin, MarketData)
    assert (plugin.capabilities.name, plugin.capabilities.feed) == ("iex", backend)


REFUSED = {
    "nothing": ({}, "retired on 2024-08-31"),
    "a secret alone": ({"api_secret": SECRET}, "retired on 2024-08-31"),
    "a secret and a folder": ({"api_secret": SECRET, "hist_dir": "x"}, "retired"),
    "alpaca without a secret": ({"api_key": KEY, "backend": "alpaca"}, "needs api_secret"),
    "tiingo without a token": ({"backend": "tiingo"}, "needs api_key"),
    "tiingo with an alpaca key": (BOTH | {"backend": "tiingo"}, "belongs to the backend alpaca"),
    "a stream of nobody": (
        {"api_key": KEY, "ws_url": "ws://127.0.0.1:9"},
        "a backend that is named",
    ),
    "hist without a folder": ({"backend": "hist"}, "needs hist_dir"),
    "no such backend": ({"api_key": KEY, "backend": "cloud"}, "no backend 'cloud'"),
    "a slip": ({"api_kee": KEY}, "no setting 'api_kee'"),
    "no such rule": ({"hist_dir": "x", "on_loss": "ignore"}, "on_loss is 'ignore'"),
}


@pytest.mark.parametrize(("config", "why"), REFUSED.values(), ids=REFUSED)
def test_settings_that_name_no_source_are_refused(
    config: dict[str, Any], why: str, time: SkippingTime, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=why) as caught:
        iex(time, tmp_path, base_url="http://127.0.0.1:9", **config)
    assert caught.value.exit_code == 3
    assert caught.value.hint


@pytest.mark.parametrize("config", [{}, {"api_secret": SECRET}])
def test_no_source_at_all_is_answered_with_the_three_that_are_left(
    config: dict[str, Any], time: SkippingTime, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="IEX Cloud was retired") as caught:
        iex(time, tmp_path, **config)
    for choice in ("Tiingo token", "Alpaca key", "hist_dir"):
        assert choice in caught.value.hint


@pytest.mark.parametrize("shape", ["pk_", "sk_", "Tpk_", "Tsk_"])
@pytest.mark.parametrize("setting", ["api_key", "api_secret"])
def test_a_token_of_iex_cloud_is_explained(
    shape: str, setting: str, time: SkippingTime, tmp_path: Path
) -> None:
    token = shape + "0123456789abcdef0123456789abcdef"
    with pytest.raises(SettingsError, match="token of IEX Cloud, retired") as caught:
        iex(time, tmp_path, **{"api_key": "other", setting: token})
    assert token not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("key", ["pk_", "pk_live_xyz", "xpk_0a", "PKABC0123", "sky"])
def test_a_key_of_another_shape_is_none_of_iex_cloud(
    key: str, time: SkippingTime, tmp_path: Path
) -> None:
    assert iex(time, tmp_path, api_key=key).backend == "tiingo"


DEAD = [
    "https://cloud.iexapis.com/stable",
    "https://SANDBOX.iexapis.com",
    "wss://cloud-sse.iexapis.com",
    "https://api.iex.cloud/v1",
    "https://iexcloud.io.",
    "https://api.iextrading.com/1.0",
]


@pytest.mark.parametrize("address", DEAD)
@pytest.mark.parametrize("setting", ["base_url", "ws_url"])
def test_a_dead_host_is_refused_before_a_socket_is_opened(
    address: str,
    setting: str,
    time: SkippingTime,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def opened(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "getaddrinfo", opened)
    with pytest.raises(SettingsError, match="retired IEX Cloud"):
        iex(time, tmp_path, api_key="a", api_secret="b", **{setting: address})


def test_each_history_says_whose_prices_it_has(
    alpaca: AlpacaEmulator,
    tiingo: TiingoEmulator,
    captures: Path,
    time: SkippingTime,
    tmp_path: Path,
) -> None:
    by_alpaca = iex(time, tmp_path, **BOTH, base_url=alpaca.url)
    by_tiingo = iex(time, tmp_path, api_key=KEY, base_url=tiingo.url)
    told = {
        (history.provider, str(history.bars.frequency)): history.venue
        for plugin in (by_alpaca, by_tiingo)
        for history in (fetched(plugin), fetched(plugin, "5m"))
    }
    hist = load(iex(time, tmp_path, hist_dir=captures), symbol="AAPL", frequency="1m")
    assert isinstance(hist, IEXHistory)
    told[hist.provider, "1m"] = hist.venue
    assert told == {
        ("alpaca", "1d"): "IEX",
        ("alpaca", "5m"): "IEX",
        ("tiingo", "1d"): "consolidated",
        ("tiingo", "5m"): "IEX",
        ("hist", "1m"): "IEX",
    }
    assert hist.bars.close.tolist() == [271.35]
    assert hist.adjustment == hist.adjusted == "raw"
    assert hist.entitlement
    assert fetched(by_tiingo).as_of == time.now()


def test_alpaca_is_asked_for_the_exchange_s_own_feed(
    alpaca: AlpacaEmulator, time: SkippingTime, tmp_path: Path
) -> None:
    fetched(iex(time, tmp_path, **BOTH, base_url=alpaca.url))
    assert {seen.query["feed"] for seen in alpaca.seen if "bars" in seen.path} == {"iex"}


def test_no_backend_stands_in_for_another(
    alpaca: AlpacaEmulator, tiingo: TiingoEmulator, time: SkippingTime, tmp_path: Path
) -> None:
    alpaca.switches.on(Fault.GATEWAY)
    with pytest.raises(PapertapeError, match="alpaca: status 504"):
        fetched(iex(time, tmp_path, **BOTH, base_url=alpaca.url, hist_dir=tmp_path))
    assert tiingo.seen == []


def test_a_quote_without_bid_and_ask_stays_without(
    tiingo: TiingoEmulator, time: SkippingTime, tmp_path: Path
) -> None:
    told = finished(iex(time, tmp_path, api_key=KEY, base_url=tiingo.url).fetch_quote("ACME"))
    assert isinstance(told, ReferencePrice)
    assert told.bid is None
    assert told.ask is None


def test_alpaca_s_live_minutes_come_through(
    alpaca: AlpacaEmulator, time: SkippingTime, tmp_path: Path
) -> None:
    time._now = CALENDAR.session(DAY).open
    plugin = iex(time, tmp_path, **BOTH, base_url=alpaca.url, ws_url=alpaca.ws_url)

    async def first() -> object:
        async with aclosing(plugin.stream(["ACME"])) as events:  # type: ignore[type-var]
            return await anext(events)

    bar = asyncio.run(first())
    row = Market().regular_minutes("ACME", DAY)[0]
    assert isinstance(bar, Bar)
    assert (bar.start, bar.end - bar.start, bar.close) == (row.start, MINUTE, row.close)


def test_tiingo_s_live_prices_and_minutes_come_through(
    tiingo: TiingoEmulator, time: SkippingTime, tmp_path: Path
) -> None:
    time._now = CALENDAR.session(DAY).open
    addresses = {"base_url": tiingo.url, "ws_url": tiingo.ws_url}
    plugin = iex(time, tmp_path, api_key=KEY, backend="tiingo", **addresses)

    async def first_two() -> list[object]:
        async with aclosing(plugin.stream(["ACME"])) as events:  # type: ignore[type-var]
            found = [await anext(events)]
            while not isinstance(found[-1], Bar):
                found.append(await anext(events))
        return [found[0], found[-1]]

    price, bar = asyncio.run(first_two())
    told, row = (rows("ACME", DAY) for rows in (Market().minutes_told, Market().regular_minutes))
    (first,) = (each for each in told if each.start == row[0].start)
    assert price == ReferencePrice("ACME", first.end, first.close)
    assert isinstance(bar, Bar)
    assert (bar.start, bar.close) == (row[0].start, row[0].close)
    assert plugin.capabilities.streams


def test_what_has_no_stream_says_so(captures: Path, time: SkippingTime, tmp_path: Path) -> None:
    plugin = iex(time, tmp_path, hist_dir=captures)
    with pytest.raises(UsageError, match="has no streams"):
        plugin.stream(["ACME"])


def test_a_capture_is_closed_once_it_was_read(
    captures: Path, time: SkippingTime, tmp_path: Path
) -> None:
    load(iex(time, tmp_path, hist_dir=captures), symbol="AAPL")
    gc.collect()  # an open file would warn here, and a warning is an error
