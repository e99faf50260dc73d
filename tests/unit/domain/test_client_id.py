"""Client order ids: the same for the same order, another for every other one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from hashlib import sha256

import pytest

from papertape.domain.client_id import client_id
from papertape.domain.day import DayOpened
from papertape.domain.money import micros

OPENED = DayOpened(
    1, "sma-20240628-a", date(2024, 6, 28), "sma", '{"account":"sim"}', "c0de", micros(100_000)
)


def test_it_is_32_hexadecimal_digits_of_what_tells_the_order_from_all_others() -> None:
    text = '14:sma-20240628-a10:2024-06-283:sma17:{"account":"sim"}1:12:O7'
    assert client_id(OPENED, "O7") == sha256(text.encode()).hexdigest()[:32]


def test_it_does_not_depend_on_what_the_account_holds_or_on_the_code() -> None:
    other = replace(OPENED, cash=5, code="other", peak=9)
    assert client_id(other, "O7") == client_id(OPENED, "O7")


@pytest.mark.parametrize(
    "other",
    [
        replace(OPENED, time=2),  # the same day begun anew, in another home perhaps
        replace(OPENED, session="sma-20240628-b"),
        replace(OPENED, day=date(2024, 6, 29)),
        replace(OPENED, strategy="rsi"),
        replace(OPENED, settings='{"account":"two"}'),
        replace(OPENED, session="sma-20240628-", day=date(2024, 6, 28), strategy="asma"),
    ],
)
def test_no_two_days_strategies_or_accounts_share_one(other: DayOpened) -> None:
    ours = {client_id(OPENED, f"O{number}") for number in range(1, 200)}
    theirs = {client_id(other, f"O{number}") for number in range(1, 200)}
    assert len(ours) == len(theirs) == 199
    assert not ours & theirs
