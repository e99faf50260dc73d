"""The table of controls: thirty of them, and every limit belongs to one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.engines.riskguard.test_limits import NOW, order

from papertape.domain.event import OrderRefused, Released, Restrained
from papertape.domain.restraint import Cause, Restraint, TradingState
from papertape.domain.verdict import Refused
from papertape.engines.riskguard import PROFILES, RiskTally, limits_from
from papertape.engines.riskguard.controls import CONTROLS, evidence
from papertape.engines.riskguard.limits import UNITS


def test_there_are_thirty_controls_and_each_limit_is_one_s() -> None:
    assert [control.id for control in CONTROLS] == [f"R{n}" for n in range(1, 31)]
    assert Counter(name for control in CONTROLS for name in control.limits) == Counter(list(UNITS))
    assert all(bool(control.limits) != bool(control.built_in) for control in CONTROLS)


@pytest.mark.parametrize(
    ("profile", "complete"), [("paper", 30), ("first-day", 30), ("backtest", 5)]
)
def test_a_start_counts_the_controls_that_are_complete(profile: str, complete: int) -> None:
    # In a backtest only R7 has its limits; R1, R2, R3 and R30 have none to set.
    assert sum(control.is_complete(PROFILES[profile]) for control in CONTROLS) == complete


def test_a_control_says_how_it_is_set() -> None:
    by_id = {control.id: control for control in CONTROLS}
    assert (
        by_id["R6"].setting(PROFILES["paper"]) == "price_collar=5%, price_collar_below_dollar=20%"
    )
    assert by_id["R4"].setting(PROFILES["backtest"]) == "max_order_quantity=-"
    assert by_id["R1"].setting(PROFILES["backtest"]) == "armed"


def test_the_docs_tell_each_control_as_it_is(project: Path) -> None:
    lines = (project / "docs" / "risk-controls.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| R")]
    assert rows == [
        f"| {each.id} | {each.name} | {each.definition} | {each.setting(PROFILES['paper'])} |"
        for each in CONTROLS
    ]


def test_risk_r30_the_evidence_of_a_day() -> None:
    tally = RiskTally(limits_from("paper", {"max_orders": "9"}))
    loss = Restraint(Cause.DAILY_LOSS, TradingState.HALTED, "lost it", NOW, "R21")
    for line in (
        OrderRefused(NOW, Refused(order(1), "R14", "why")),
        Restrained(NOW, loss),
        Restrained(NOW, replace(loss, cause=Cause.KILL, by="anna")),
        Released(NOW, Cause.KILL, "looked", "anna"),
    ):
        tally = tally.after(line)
    rows = {row.control.id: row for row in evidence(tally, "paper")}
    assert len(rows) == 30
    assert (rows["R14"].setting, rows["R14"].overridden, rows["R14"].vetoes) == (
        "max_orders=9",
        ("max_orders",),
        1,
    )
    assert rows["R21"].restraints == ("HALTED, daily loss: lost it (R21)",)
    assert rows["R1"].restraints == ("HALTED, kill: lost it (anna)", "released kill: looked (anna)")
