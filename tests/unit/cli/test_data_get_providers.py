"""`papertape data get` with the real plugins, on emulators of their providers."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from tests.emulators.alpaca import AlpacaEmulator
from tests.emulators.faults import Fault
from tests.emulators.market import CALENDAR, FIRST, Market
from tests.emulators.massive import MassiveEmulator
from tests.emulators.server import KEY, SECRET, Emulator
from tests.emulators.tiingo import TiingoEmulator
from tests.fakes import SkippingTime

import papertape
from papertape.cli.providers import provider_of
from papertape.cli.settings import read_settings
from papertape.data.actions import adjusted
from papertape.data.store import Store
from papertape.domain.clock import SECOND
from papertape.domain.market import DAILY, Frequency, Split

MARKET = Market()
LAST = date(2024, 7, 5)
SPAN = ("--from", str(FIRST), "--to", str(LAST))
EVENING = CALENDAR.session(date(2024, 7, 8)).close + 6 * 3_600 * SECOND
MINUTE = Frequency.parse("1m")


PROVIDERS = {
    "alpaca": (AlpacaEmulator, "alpaca:AlpacaDataPlugin"),
    "massive": (MassiveEmulator, "polygon:MassivePlugin"),
    "tiingo": (TiingoEmulator, "tiingo:TiingoDataPlugin"),
}


@pytest.fixture(params=PROVIDERS)
def emulator(
    request, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Emulator]:
    """An emulator with its plugin installed, its settings written and its keys at hand."""
    name = request.param
    serving, kind = PROVIDERS[name]
    about = tmp_path / "site" / "providers-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: providers\nVersion: 1\n")
    (about / "entry_points.txt").write_text(
        f"[papertape.market_data]\n{name} = papertape.plugins.market_data.{kind}\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "site")
    for variable, value in (("API_KEY", KEY), ("SECRET_KEY", SECRET)):
        monkeypatch.setenv(f"{name.upper()}_{variable}", value)
    with serving(MARKET, SkippingTime(EVENING), page=1_000) as served:
        plan = "" if name == "tiingo" else "calls_per_minute = 10000\n"
        (folder / "papertape.toml").write_text(
            f'[data]\nprovider = "{name}"\n[providers.{name}]\nbase_url = "{served.url}"\n{plan}'
        )
        yield served


@pytest.fixture
def store(folder: Path) -> Store:
    return Store(folder.parent / "home" / "data")


def test_raw_bars_and_actions_are_stored_and_adjusted_when_read(typed, emulator, store) -> None:
    said = typed("data", "get", "SPLT", *SPAN)
    assert said.code == 0, said.err
    manifest = store.newest("SPLT", DAILY)
    history = store.read(manifest)
    raw = MARKET.daily("SPLT", FIRST, LAST)
    assert manifest.adjusted == "raw"
    assert manifest.origin.terms
    assert history.bars.close.tolist() == [row.close for row in raw]
    assert [each for each in history.actions if isinstance(each, Split)] == [
        each for each in MARKET.actions("SPLT") if isinstance(each, Split)
    ]
    shown = MARKET.adjusted("SPLT", raw, splits_only=True)
    seen = adjusted(history, "split").bars.close
    assert np.allclose(seen, [row.close for row in shown], atol=2e-6)
    assert "unchanged" in typed("data", "get", "SPLT", *SPAN).out


def test_two_fetches_across_a_split_are_one_series(typed, emulator, store: Store) -> None:
    (split,) = [each for each in MARKET.actions("SPLT") if isinstance(each, Split)]
    before = CALENDAR.sessions(FIRST, split.ex_date)[-2]
    assert typed("data", "get", "SPLT", "--from", str(FIRST), "--to", str(before)).code == 0
    assert typed("data", "get", "SPLT", *SPAN, "--resume").code == 0
    bars = store.read(store.newest("SPLT", DAILY)).bars
    assert bars.close.tolist() == [row.close for row in MARKET.daily("SPLT", FIRST, LAST)]


def test_what_the_provider_refuses_has_its_code_and_the_rest_stays(typed, emulator, store) -> None:
    first = ("--from", str(FIRST), "--to", "2024-06-14")
    assert typed("data", "get", "ACME", *first).code == 0
    for fault, code in ((Fault.KEY_REFUSED, 3), (Fault.EMPTY, 4), (Fault.REDIRECT, 6)):
        emulator.switches.on(fault)
        said = typed("data", "get", "ACME", *SPAN, "--resume")
        emulator.switches.on(fault, 0)
        assert said.code == code, (fault, said)
        assert said.out == ""
        assert KEY not in said.err
    assert store.newest("ACME", DAILY).revision == 1
    assert typed("data", "get", "NOBODY", *SPAN).code == 4


def test_minutes_are_those_of_the_market(typed, emulator, store: Store) -> None:
    day = date(2024, 7, 3)  # a half day
    words = ("data", "get", "ACME", "--bar", "1m", "--from", str(day), "--to", str(day))
    assert typed(*words).code == 0
    bars = store.read(store.newest("ACME", MINUTE)).bars
    session = CALENDAR.session(day)
    regular = (bars.start >= session.open) & (bars.start < session.close)
    assert bars.close[regular].tolist() == [
        row.close for row in MARKET.regular_minutes("ACME", day)
    ]
    assert "1 of 1" not in typed("data", "show", "ACME", "--bar", "1m").out
    assert "210 of 210 bars expected" in typed("data", "show", "ACME", "--bar", "1m").out


def test_no_log_and_no_repr_holds_a_key(typed, emulator, folder, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    emulator.switches.on(Fault.CUT_JSON, 1)
    assert typed("data", "get", "ACME", *SPAN, "--debug").code == 0
    settings = read_settings()
    provider = provider_of(None, settings, folder)
    seen = caplog.text + repr(provider) + repr(vars(provider.source)) + repr(settings)
    assert KEY not in seen
    assert SECRET not in seen


def test_the_doctor_prints_facts_and_no_secret(typed, emulator) -> None:
    name = type(emulator).__name__.removesuffix("Emulator").lower()
    said = typed("doctor", "--provider", name, "--debug")
    assert "(from the environment)" in said.out
    assert "limits:" in said.out
    assert KEY not in said.out + said.err
    assert SECRET not in said.out + said.err


def test_the_script_fetches_the_same_bars_by_the_same_code(
    emulator, folder: Path, tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = type(emulator).__name__.removesuffix("Emulator").lower()
    package = str(Path(papertape.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([package, str(tmp_path / "site")]))
    script = project / "scripts" / "fetch_historical_data.py"
    words = ["--source", name, "--symbol", "SPLT", *SPAN, "-o", "out.csv"]
    ran = subprocess.run(
        [sys.executable, script, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    lines = (folder / "out.csv").read_text().splitlines()
    assert lines[0] == "timestamp,open,high,low,close,volume,dividend,split"
    closes = [float(line.split(",")[4]) for line in lines[1:]]
    assert closes == [row.close for row in MARKET.daily("SPLT", FIRST, LAST)]
    assert KEY not in ran.stdout + ran.stderr + (folder / "out.csv.json").read_text()
