"""The plugins that the shared contract suite runs on, each with its emulator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.emulators.alpaca import AlpacaEmulator
from tests.emulators.faults import Fault
from tests.emulators.massive import MassiveEmulator
from tests.emulators.server import KEY, SECRET, Emulator
from tests.emulators.tiingo import TiingoEmulator

from papertape.plugins.market_data.alpaca import AlpacaDataPlugin
from papertape.plugins.market_data.iex import IEXDataPlugin
from papertape.plugins.market_data.live import Endurance
from papertape.plugins.market_data.polygon import PolygonDataPlugin
from papertape.plugins.market_data.source import MarketData
from papertape.plugins.market_data.tiingo import TiingoDataPlugin
from papertape.plugins.market_data.transport import Patience, Timing

PATIENCE = Patience(timeout=5, size_cap=1_000_000)


@dataclass(frozen=True)
class Case:
    """A plugin under contract.

    Attributes:
        name: The plugin's; behind a dash the provider that it asks, if that is another.
        emulator: Serves the market as its provider does.
        plugin: Made from settings, patience and timing.
        settings: Keys and whatever else it needs, besides addresses and home.
        page: Rows an answer of the emulator holds at most, small so that there are pages.
        without: Faults that its provider cannot show.
        all_hours: Whether its minutes include those before and after the session.
        stream_path: Where its stream is; empty if it has none.
        plenty: Settings of a plan that allows a question a second.
    """

    name: str
    emulator: Callable[..., Emulator]
    plugin: Callable[..., MarketData]
    settings: dict[str, Any]
    page: int
    without: frozenset[Fault] = frozenset()
    all_hours: bool = True
    stream_path: str = ""
    plenty: dict[str, Any] = field(default_factory=lambda: {"calls_per_minute": 10_000})

    @property
    def plugin_name(self) -> str:
        """How the plugin calls itself."""
        return self.name.partition("-")[0]

    @property
    def provider(self) -> str:
        """Who is named when a question fails."""
        return self.name.rpartition("-")[2]

    def made(
        self,
        emulator: Emulator,
        home: Path,
        timing: Timing,
        patience: Patience = PATIENCE,
        **settings: Any,
    ) -> MarketData:
        """The plugin, pointed at its emulator."""
        config = {**self.settings, "base_url": emulator.url, "home": home, **settings}
        more: dict[str, Any] = {}
        if self.stream_path:
            config = {"ws_url": emulator.ws_url, **config}
            more["endurance"] = Endurance(silence=60)
        return self.plugin(config, patience=patience, timing=timing, **more)


PAGES = frozenset({Fault.PAGE_LOOP, Fault.PAGE_OVERLAP, Fault.EMPTY_PAGE})

CASES = (
    Case(
        "alpaca",
        AlpacaEmulator,
        AlpacaDataPlugin,
        {"api_key": KEY, "api_secret": SECRET},
        page=20,
        without=frozenset({Fault.FOREIGN_NEXT}),
        stream_path="/v2/iex",
    ),
    Case(
        "massive",
        MassiveEmulator,
        PolygonDataPlugin,
        {"api_key": KEY},
        page=20,
        stream_path="/stocks",
    ),
    Case(
        "tiingo",
        TiingoEmulator,
        TiingoDataPlugin,
        {"api_key": KEY},
        page=2_000,
        without=PAGES | {Fault.FOREIGN_NEXT},
        all_hours=False,
        stream_path="/iex",
        plenty={"calls_per_hour": 3_600, "calls_per_day": 86_400},
    ),
    Case(
        "iex-alpaca",
        AlpacaEmulator,
        IEXDataPlugin,
        {"api_key": KEY, "api_secret": SECRET},
        page=20,
        without=frozenset({Fault.FOREIGN_NEXT}),
    ),
    Case(
        "iex-tiingo",
        TiingoEmulator,
        IEXDataPlugin,
        {"api_key": KEY},
        page=2_000,
        without=PAGES | {Fault.FOREIGN_NEXT},
        all_hours=False,
    ),
)
