"""The kernel's whole numbers, which must not overflow, against Python's, which cannot."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from papertape.engines.proofbench.kernel.exchange import is_before_as_text, product_over

NUMBERS = st.integers(0, 2**60)


@given(one=NUMBERS, other=NUMBERS, unit=st.integers(1, 2**60))
def test_a_product_over_a_unit_is_exact_whatever_its_size(one: int, other: int, unit: int) -> None:
    if one * other // unit < 2**61:
        assert product_over(one, other, unit) == one * other // unit


@given(one=st.integers(1, 20_000), other=st.integers(1, 20_000))
def test_numbers_compare_as_their_digits_do(one: int, other: int) -> None:
    assert bool(is_before_as_text(one, other)) == (str(one) < str(other))
