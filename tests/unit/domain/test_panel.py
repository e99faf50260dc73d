"""A panel puts many symbols on one axis of time."""

from __future__ import annotations

import numpy as np
from tests.generators import random_bars

from papertape.domain.panel import Panel

LONG = random_bars(1, 6, symbol="B")
LATE = random_bars(2, 6, symbol="A")[2:5]


def test_a_symbol_has_nan_where_it_has_no_bar() -> None:
    panel = Panel({"B": LONG, "A": LATE})
    assert panel.symbols == ("A", "B")
    assert panel.time.tolist() == LONG.end.tolist()
    assert np.isnan(panel.close[:, 0]).tolist() == [True, True, False, False, False, True]
    assert panel.close[2:5, 0].tolist() == LATE.close.tolist()
    assert panel.open[:, 1].tolist() == LONG.open.tolist()
    assert panel.volume[:, 1].tolist() == LONG.volume.tolist()


def test_the_past_of_a_panel_is_its_first_rows() -> None:
    panel = Panel({"B": LONG, "A": LATE})
    past = panel.until(4)
    assert len(past) == 4
    assert np.array_equal(past.high, panel.high[:4], equal_nan=True)
    assert [len(each) for each in past.bars] == [2, 4]


def test_nobody_writes_into_a_panel() -> None:
    panel = Panel({"B": LONG})
    assert not panel.low.flags.writeable
    assert not panel.until(2).low.flags.writeable
    assert not panel.time.flags.writeable
