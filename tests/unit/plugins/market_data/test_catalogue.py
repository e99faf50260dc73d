"""Sources by name: a third party's package is found by its entry point alone."""

from __future__ import annotations

import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from papertape.domain.errors import SettingsError, UsageError
from papertape.plugins.market_data.catalogue import GROUP, source_named, source_names
from papertape.plugins.market_data.source import MarketData, load

MODULE = """
from papertape.plugins.market_data.sample import SampleDataPlugin as Theirs
nothing = 7
"""


def install(folder: Path, name: str, value: str, package: str = "theirs") -> None:
    """A package with one entry point, as pip leaves it."""
    (folder / f"{package}.py").write_text(MODULE, encoding="utf-8")
    beside = folder / f"{package}-1.0.dist-info"
    beside.mkdir()
    (beside / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (beside / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {value}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "theirs", raising=False)
    return tmp_path


def test_a_third_partys_source_is_found_by_its_name(site: Path) -> None:
    install(site, "theirs", "theirs:Theirs")
    assert "theirs" in source_names()
    source = source_named("theirs")()
    assert isinstance(source, MarketData)
    assert len(load(source, symbol="IBM").bars) == 3270


def test_a_name_that_nobody_has_is_answered_with_those_there_are(site: Path) -> None:
    install(site, "theirs", "theirs:Theirs")
    with pytest.raises(UsageError, match="no source 'thiers'") as caught:
        source_named("thiers")
    assert "theirs" in caught.value.hint


@pytest.mark.parametrize("value", ["theirs:Missing", "nowhere:Theirs", "theirs:nothing"])
def test_a_plugin_that_cannot_be_made_is_named(site: Path, value: str) -> None:
    install(site, "theirs", value)
    with pytest.raises(SettingsError, match="the source 'theirs'"):
        source_named("theirs")


def test_two_packages_that_claim_one_name_are_both_named(site: Path) -> None:
    install(site, "theirs", "theirs:Theirs")
    install(site, "theirs", "others:Theirs", package="others")
    with pytest.raises(SettingsError, match="others:Theirs and theirs:Theirs"):
        source_named("theirs")


def test_every_entry_point_of_ours_leads_to_a_plugin(project: Path) -> None:
    settings = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    points = settings["project"]["entry-points"][GROUP]
    assert {"alpaca", "csv", "sample", "tiingo"} <= set(points)
    for value in points.values():
        module, _, name = value.partition(":")
        assert callable(getattr(import_module(module), name))
