"""`papertape sweep` from the command line."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.unit.cli.conftest import Type

from papertape.cli.sweep import state
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.sweep import Figures, Plan, Sweep, Trial

SWEEP = (
    *("sweep", "moving_average_crossover", "--symbol", "IBM", "--from", "2010-01-04"),
    *("--param", "fast=5:15:5", "--param", "slow=12,30"),
)


def home(folder: Path) -> Path:
    return folder.parent / "home"


def test_a_page_shows_the_settings_and_what_the_best_is_worth(typed: Type, folder: Path) -> None:
    said = typed(*SWEEP)
    assert said.code == 0, said.err
    assert "5 of 6 settings tried, 1 cannot be" in said.out
    assert "5 settings were tried on these prices." in said.out
    assert "Deflated Sharpe ratio" in said.out
    assert "look-ahead passed" in said.out
    assert "papertape backtest moving_average_crossover --symbol IBM --param fast=" in said.out
    lines = (home(folder) / "sweeps" / "sma-sweep-1122a" / "trials.jsonl").read_text().splitlines()
    assert len(lines) == 5


def test_programs_get_every_trial(typed: Type) -> None:
    said = typed(*SWEEP, "--json", "--walk-forward", "2", "--objective", "total_return")
    answer = json.loads(said.out)
    assert answer["schema"] == "papertape.sweep/1"
    assert answer["data"]["complete"] is True
    assert len(answer["data"]["trials"]) == 5
    assert len(answer["data"]["folds"]) == 2
    # Five over all days, and five for each of the two choices.
    assert answer["data"]["tried_on_these_prices"] == 15
    best = answer["data"]["best"]["figures"]["total_return"]
    assert best == max(each["figures"]["total_return"] for each in answer["data"]["trials"])


def test_a_sweep_that_was_killed_goes_on_where_it_was(typed: Type, folder: Path) -> None:
    whole = json.loads(typed(*SWEEP, "--json").out)["data"]
    file = home(folder) / "sweeps" / "sma-sweep-1122a" / "trials.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:2]) + lines[2][:20])
    again = json.loads(typed(*SWEEP, "--json", "--resume", "sma-sweep-1122a").out)["data"]
    assert again["trials"] == whole["trials"]
    assert len(file.read_bytes().splitlines()) == 5
    assert again["tried_on_these_prices"] == 5 + 3


def test_only_the_same_sweep_is_resumed(typed: Type) -> None:
    typed(*SWEEP)
    said = typed(*SWEEP, "--cash", "5000", "--resume", "sma-sweep-1122a")
    assert said.code == 2
    assert "of other settings" in said.err
    assert "there is no sweep" in typed(*SWEEP, "--resume", "nothing").err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--param", "fast=9:5:2"], "spells no values"),
        (["--param", "fast=1:2:3:4"], "spells no values"),
        (["--param", "fast=a:b"], "spells no values"),
        (["--param", "fast=1:2:0"], "spells no values"),
        (["--param", "fast=quick"], "is not of type int"),
        (["--param", "quick=5"], "no parameter 'quick'"),
        ([], "needs values to try"),
        (["--param", "fast=5,10", "--method", "random"], "do not go together"),
        (["--param", "fast=5,10", "--draws", "3"], "do not go together"),
        (["--param", "fast=5,10", "--method", "tpe"], "do not go together"),
        (["--param", "fast=5,10", "--ray-address", "127.0.0.1:1"], "goes with --backend ray"),
    ],
)
def test_words_that_mean_nothing_are_told(typed: Type, words: list[str], told: str) -> None:
    said = typed("sweep", "moving_average_crossover", "--symbol", "IBM", *words)
    assert said.code == 2
    assert told in said.err


def test_steps_of_a_tenth_are_tenths(typed: Type) -> None:
    words = ("--param", "stop_ranges=0.1:0.5:0.1", "--method", "random", "--draws", "4")
    said = typed("sweep", "rsi_mean_reversion", "--symbol", "IBM", "--from", "2012-01-03", *words)
    assert said.code == 0, said.err
    assert "4 of 4 settings tried" in said.out
    assert "0000" not in said.out


OWN = """
from dataclasses import dataclass

from papertape.strategies import parameter, sma


@dataclass(frozen=True)
class Above:
    days: int = parameter(20, low=2)

    @property
    def warmup(self):
        return self.days

    def exposure(self, bars):
        return (bars.close > sma(bars.close, self.days)).astype(float)

    def reason(self, bars):
        return "above its average"
"""


def test_a_strategy_of_ones_own_can_be_swept(typed: Type, folder: Path) -> None:
    (folder / "strategies").mkdir()
    (folder / "strategies" / "above.py").write_text(OWN)
    said = typed("sweep", "above", "--symbol", "IBM", "--param", "days=20:60:20")
    assert said.code == 0, said.err
    assert "3 of 3 settings tried" in said.out


def test_what_its_own_code_raises_is_told_as_its_own(typed: Type, folder: Path) -> None:
    (folder / "strategies").mkdir()
    (folder / "strategies" / "above.py").write_text(OWN.replace("self.days)).", "self.nights))."))
    said = typed("sweep", "above", "--symbol", "IBM", "--param", "days=20:60:20")
    assert said.code == 5
    assert "above.py" in said.err


TUNED = (*SWEEP[:-4], "--param", "fast=5:40:5", "--param", "slow=12:120:12")
TPE = ("--method", "tpe", "--trials", "24", "--seed", "5")


@pytest.mark.skipif(find_spec("optuna") is None, reason="papertape[tune] is not installed")
def test_a_tuned_sweep_that_was_killed_goes_on_as_it_would_have(typed: Type, folder: Path) -> None:
    whole = typed(*TUNED, *TPE, "--json")
    assert whole.code == 0, whole.err
    file = home(folder) / "sweeps" / "sma-sweep-1122a" / "trials.jsonl"
    written = file.read_bytes()
    file.write_bytes(b"".join(written.splitlines(keepends=True)[:9]))
    again = typed(*TUNED, *TPE, "--json", "--resume", "sma-sweep-1122a")
    assert again.code == 0, again.err
    assert file.read_bytes() == written
    assert json.loads(again.out)["data"]["trials"] == json.loads(whole.out)["data"]["trials"]
    other = typed(*TUNED, *TPE[:-1], "6", "--json")
    assert json.loads(other.out)["data"]["trials"] != json.loads(whole.out)["data"]["trials"]


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="papertape[ray] is not installed")
def test_a_cluster_writes_the_same_bytes(
    typed: Type, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    (folder / "strategies").mkdir()
    (folder / "strategies" / "above.py").write_text(OWN)
    words = ("sweep", "above", "--symbol", "IBM", "--param", "days=20:90:10")
    for backend in ("local", "ray"):
        said = typed(*words, "--backend", backend)
        assert said.code == 0, said.err
    files = sorted((home(folder) / "sweeps").glob("*/trials.jsonl"))
    local, cluster = (file.read_bytes() for file in files)
    assert len(local.splitlines()) == 8
    assert cluster == local


def test_a_missing_package_is_told_by_its_extra(
    typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package, words in (("optuna", TPE), ("ray", ("--backend", "ray"))):
        monkeypatch.setitem(sys.modules, package, None)  # as Python marks what cannot be imported
        said = typed(*TUNED, *words)
        assert said.code == 3
        assert f"needs the package {package}" in said.err
        assert "pip install 'papertape[" in said.err


SVG = "{http://www.w3.org/2000/svg}"


def test_the_heat_map_shows_every_setting_and_frames_the_plateau(typed: Type, folder: Path) -> None:
    said = typed(*SWEEP, "--json")
    data = json.loads(said.out)["data"]
    picture = ElementTree.parse(data["heat_map"]).getroot()
    told = [title.text or "" for title in picture.iter(f"{SVG}title")]
    assert len(told) == 6 + 1  # one setting cannot be, but has its cell; and the frame
    for trial in data["trials"]:
        chosen, sharpe = trial["parameters"], trial["figures"]["sharpe"]
        cell = f"slow={chosen['slow']} fast={chosen['fast']} {sharpe:.4g}"
        assert cell in told
    assert "slow=12 fast=15 not tried" in told
    assert "the plateau" in told
    assert "heat-map.svg" in typed(*SWEEP).out


def test_one_setting_has_no_heat_map(typed: Type) -> None:
    words = ("--param", "fast=5", "--param", "slow=20")
    said = typed(*SWEEP[:-4], *words, "--json")
    assert json.loads(said.out)["data"]["heat_map"] is None


def test_it_says_how_far_it_is() -> None:
    plan = Plan({"a": list(range(10))})
    figures = dict.fromkeys(Figures.__struct_fields__, 0.0)
    trials = [Trial(n, {"a": n}, Figures(**{**figures, "sharpe": n / 10})) for n in range(5)]
    so_far = Sweep(object, plan, SimulationConfig(), trials, 0, False, "")
    # Six are done, one of them in vain; four of the six now, in 20 seconds, and four are left.
    words = state(so_far, "sharpe", 6, 2, 20.0)
    assert words == "6/10 done, 1 failed, 0:20 left, best plateau 0.30"
    drawn = replace(so_far, plan=Plan(plan.values, draws=8))
    assert state(drawn, "sharpe", 6, 2, 200.0) == "6/8 done, 1 failed, 1:40 left, best 0.40"
