"""Begun: everything that a session is begun, or resumed, with."""

from __future__ import annotations

from dataclasses import dataclass

from papertape.cli.catalogue import Listed
from papertape.cli.session_terms import SessionTerms
from papertape.domain.money import Micros
from papertape.engines.proofbench.window import Window
from papertape.plugins.market_data.source import MarketData
from papertape.session.folder import AccountFolder
from papertape.strategies.strategy import Strategy


@dataclass(frozen=True)
class Begun:
    """What a session is begun or resumed with.

    Attributes:
        terms: Everything it was asked for with.
        listed: Where the strategy comes from.
        strategy: Made.
        window: History, and in a replay the day itself.
        folder: Of the account.
        pace: Seconds of the past a real second; None as fast as it goes. Of no use live.
        port: Where metrics are served, if anywhere.
        title: ``PAPER REPLAY``, with ``SAMPLE`` or ``SYNTHETIC`` where it is so.
        source: Who tells live prices; None in a replay.
        unreached: Why the provider could not be asked for history; empty where it was.
        peak: The highest equity of the account's days before, micro-dollars.
    """

    terms: SessionTerms
    listed: Listed
    strategy: Strategy
    window: Window
    folder: AccountFolder
    pace: float | None
    port: int | None
    title: str
    source: MarketData | None = None
    unreached: str = ""
    peak: Micros = 0
