"""Risk limits as they are written: units, words, and what is no limit at all."""

from __future__ import annotations

from fractions import Fraction

import pytest

from papertape.domain.clock import SECOND
from papertape.domain.errors import RiskRefusal, SettingsError, UsageError
from papertape.engines.riskguard import PROFILES, RiskLimits, limits_from, require_complete
from papertape.engines.riskguard.limits import UNITS

PUBLISHED = {
    # Section 5 of the reliability page: the defaults for 100,000 dollars of paper money.
    "max_order_quantity": "10000",
    "max_order_notional": "10%",
    "price_collar": "5%",
    "price_collar_below_dollar": "20%",
    "max_price_age": "15s",
    "max_price_age_bars": "2",
    "max_position": "20%",
    "max_gross": "100%",
    "max_net": "100%",
    "max_leverage": "1x",
    "shortable": "none",
    "order_rate": "5/s",
    "order_burst": "20",
    "max_orders": "500",
    "max_daily_notional": "5x",
    "alert_at": "70%",
    "duplicate_window": "10s",
    "unique_ids": "on",
    "balanced_children": "on",
    "max_cycles": "3",
    "no_self_cross": "on",
    "max_daily_loss": "3%",
    "max_drawdown": "10%",
    "max_rejects": "10",
    "reject_window": "60s",
    "regular_hours": "on",
    "quiet_before_close": "0s",
    "tradable": "unlimited",
    "max_participation": "5%",
    "dead_man": "60s",
    "reconcile_every": "30s",
}


def test_the_paper_profile_carries_the_published_defaults() -> None:
    written = PROFILES["paper"].written()
    assert {name: written[name] for name in PUBLISHED} == PUBLISHED


def test_the_first_day_is_ten_thousand_one_symbol_and_three_orders_of_one_share() -> None:
    paper, first = (PROFILES[name].written() for name in ("paper", "first-day"))
    assert {name: text for name, text in first.items() if text != paper[name]} == {
        "capital": "10000",
        "max_symbols": "1",
        "canary_orders": "3",
        "canary_quantity": "1",
    }


@pytest.mark.parametrize("profile", PROFILES)
def test_what_is_written_is_read_as_it_was(profile: str) -> None:
    limits = PROFILES[profile]
    assert limits_from("backtest", limits.written()) == limits


def test_a_limit_is_set_by_text_with_its_unit_or_by_a_whole_number() -> None:
    limits = limits_from(
        "paper",
        {"max_orders": 200, "max_position": "12.5%", "dead_man": "90s", "tradable": "spy, BRK/B"},
    )
    assert limits.max_orders == 200
    assert limits.max_position == Fraction(1, 8)
    assert limits.dead_man == 90 * SECOND
    assert limits.tradable == {"SPY", "BRK.B"}


@pytest.mark.parametrize("profile", ["paper", "first-day"])
def test_a_complete_profile_may_start(profile: str) -> None:
    require_complete(PROFILES[profile])


@pytest.mark.parametrize("name", UNITS)
def test_a_missing_limit_refuses_start_and_is_named(name: str) -> None:
    written = PROFILES["paper"].written()
    del written[name]
    limits = RiskLimits(**{each: UNITS[each].read(text) for each, text in written.items()})  # type: ignore[arg-type]
    if limits.missing:  # those of a price's age have a value of their own
        with pytest.raises(RiskRefusal, match=f"not set: {name}$"):
            require_complete(limits)
    else:
        assert name in {"max_price_age", "max_price_age_bars", "finality_delay"}


def test_unlimited_is_a_word_that_a_start_accepts() -> None:
    require_complete(limits_from("paper", {"max_orders": "unlimited"}))


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("max_orders", "-1", "'-1' is not written like 200 or unlimited"),
        ("max_orders", -1, "'-1' is not written like 200 or unlimited"),
        ("max_orders", "", "'' is not written like 200 or unlimited"),
        ("max_orders", None, "'None' is not written like"),
        ("max_orders", "null", "'null' is not written like"),
        ("max_orders", "0", "'0' is not a positive number"),
        ("max_orders", "1e3", "'1e3' is not written like"),
        ("max_orders", "1,000", "'1,000' is not written like"),
        ("max_orders", "2.5", "'2.5' is not a whole number"),
        ("max_orders", True, "'on' is not written like"),
        ("max_orders", "10%", "'10%' is not written like 200 or unlimited"),
        ("max_orders", "٣", "is not written like"),
        ("max_position", "10", "'10' is not written like 20% or unlimited"),
        ("max_position", 0.1, "'0.1' is not written like 20%"),
        ("max_position", "0%", "'0%' is not a positive number"),
        ("max_position", "nan%", "'nan%' is not written like"),
        ("max_leverage", "150%", "'150%' is not written like 1.5x"),
        ("order_rate", "5", "'5' is not written like 5/s"),
        ("dead_man", "60", "'60' is not written like 60s"),
        ("dead_man", "0s", "'0s' is not a positive number"),
        ("regular_hours", "unlimited", "'unlimited' is neither on nor off"),
        ("regular_hours", "yes", "'yes' is neither on nor off"),
        ("shortable", "", "an empty list is written none"),
        ("shortable", "SPY ../x", "is not a symbol"),
    ],
)
def test_input_b35_what_is_no_limit_is_refused(name: str, given: object, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        limits_from("paper", {name: given})
    assert caught.value.message.startswith(f"risk limit {name}: ")
    assert words in caught.value.message


def test_input_b34_a_typing_error_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(SettingsError, match=r"'max_ordr', did you mean max_orders\?"):
        limits_from("paper", {"max_ordr": "200"})


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        limits_from("paper", {"max_orders": "-1", "max_gros": "1%", "dead_man": "x"})
    assert len(caught.value.message.splitlines()) == 3


def test_a_profile_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="'live' is none of backtest, paper, first-day"):
        limits_from("live", {})
