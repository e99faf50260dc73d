"""The kill switch stays pressed until somebody says why it may go on."""

from __future__ import annotations

import pytest

from papertape.domain.errors import UsageError
from papertape.engines.riskguard import KillSwitch


def test_risk_r1_it_is_armed_at_first() -> None:
    switch = KillSwitch()
    assert not switch.is_pressed
    assert switch.reason == ""


def test_risk_r1_it_is_latched_and_keeps_the_first_reason() -> None:
    switch = KillSwitch()
    switch.press("daily loss")
    switch.press("by hand")
    assert switch.is_pressed
    assert switch.reason == "daily loss"


def test_risk_r1_pressing_it_without_a_word_works() -> None:
    switch = KillSwitch()
    switch.press("")
    assert switch.is_pressed


def test_risk_r1_it_is_rearmed_only_with_a_reason() -> None:
    switch = KillSwitch()
    switch.press("daily loss")
    with pytest.raises(UsageError, match="needs a reason"):
        switch.rearm("")
    assert switch.is_pressed
    switch.rearm("looked into it")
    assert not switch.is_pressed
