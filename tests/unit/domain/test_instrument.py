"""Symbols have one spelling; look-alikes, invisible marks and paths are refused."""

import pytest

from papertape.domain.errors import UsageError
from papertape.domain.instrument import Instrument, canonical_symbol


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("../../x", "start and end with a letter or digit", id="input-B1"),
        pytest.param("aux.", "start and end with a letter or digit", id="input-B2"),
        pytest.param("AAPL\n", r"U\+000A", id="input-B5-newline"),
        pytest.param("AAPL\0", r"U\+0000", id="input-B5-nul"),
        pytest.param("AA\u202ePL", r"U\+202E \(RIGHT-TO-LEFT OVERRIDE\)", id="input-B5-rtl-mark"),
        pytest.param("AAPL\u200b", r"U\+200B \(ZERO WIDTH SPACE\)", id="input-B5-zero-width"),
        pytest.param("A" * 300, "1 to 20 letters", id="input-B5-300-characters"),
        pytest.param("\u0410APL", r"U\+0410 \(CYRILLIC CAPITAL LETTER A\)", id="input-B6"),
        pytest.param("", "empty", id="empty"),
        pytest.param("A B", r"U\+0020 \(SPACE\)", id="space"),
        pytest.param("BRK..B", "1 to 20 letters", id="two dots"),
    ],
)
def test_text_that_is_no_symbol_is_refused_with_the_reason(text: str, shown: str) -> None:
    with pytest.raises(UsageError, match=shown) as refused:
        canonical_symbol(text)
    assert len(refused.value.message) < 200


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        pytest.param("BRK.B", "BRK.B", id="input-B3-dot"),
        pytest.param("BRK/B", "BRK.B", id="input-B3-slash"),
        pytest.param("BRK-B", "BRK.B", id="input-B3-dash"),
        pytest.param("spy", "SPY", id="input-B4-lower"),
        pytest.param("Spy", "SPY", id="input-B4-mixed"),
        pytest.param("0700", "0700", id="digits"),
        pytest.param("A" * 20, "A" * 20, id="longest"),
    ],
)
def test_every_spelling_of_a_symbol_becomes_the_one_canonical(text: str, symbol: str) -> None:
    assert canonical_symbol(text) == symbol
    assert canonical_symbol(symbol) == symbol


def test_an_instrument_takes_only_the_canonical_spelling() -> None:
    assert Instrument("BRK.B").symbol == "BRK.B"
    with pytest.raises(UsageError, match="canonical"):
        Instrument("brk/b")


@pytest.mark.parametrize("grid", [{"tick": 0}, {"tick": -1}, {"lot": 0}, {"lot": -100}])
def test_an_instrument_refuses_a_grid_that_is_none(grid: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="positive"):
        Instrument("SPY", **grid)
