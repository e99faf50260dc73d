"""Moments are the same, however their bars arrive."""

from hypothesis import given
from hypothesis import strategies as st

from papertape.domain.clock import MINUTE, SECOND
from papertape.domain.event import Moment
from papertape.domain.market import Bar
from papertape.plugins.market_data.source import AmendedBar
from papertape.session.builder import GRACE, MomentBuilder


def bar(symbol: str, minute: int, close: float = 100.0) -> Bar:
    start = minute * MINUTE
    return Bar(symbol, start, start + MINUTE, 100.0, max(100.0, close), 99.0, close, 10.0)


def test_a_moment_is_whole_once_every_symbol_is_there() -> None:
    builder = MomentBuilder(["A", "B"])
    builder.hear(bar("B", 1), now=0)
    assert builder.due(0) == []
    builder.hear(bar("A", 1), now=0)
    assert builder.due(0) == [Moment(2 * MINUTE, (bar("A", 1), bar("B", 1)))]


def test_a_symbol_without_a_trade_is_waited_for_no_longer_than_the_grace() -> None:
    builder = MomentBuilder(["A", "B"])
    builder.hear(bar("B", 1), now=7)
    assert builder.due(7 + GRACE - 1) == []
    assert builder.next_due() == 7 + GRACE
    assert builder.due(7 + GRACE) == [Moment(2 * MINUTE, (bar("B", 1),))]
    assert builder.next_due() is None


def test_a_later_moment_waits_for_an_earlier_one() -> None:
    builder = MomentBuilder(["A", "B"])
    builder.hear(bar("A", 1), now=0)
    builder.hear(bar("A", 2), now=0)
    builder.hear(bar("B", 2), now=0)
    assert builder.due(0) == []
    assert [each.time // MINUTE for each in builder.due(GRACE)] == [2, 3]


def test_a_bar_after_its_moment_is_late_and_a_changed_one_has_a_revision() -> None:
    builder = MomentBuilder(["A", "B"])
    builder.hear(bar("A", 1), now=0)
    builder.due(GRACE)
    assert builder.hear(bar("B", 1), now=SECOND) == [AmendedBar(bar("B", 1), 0)]
    assert builder.hear(bar("A", 1, 99.5), now=SECOND) == [AmendedBar(bar("A", 1, 99.5), 1)]
    assert builder.hear(bar("A", 1, 99.5), now=SECOND) == []
    assert builder.due(10 * SECOND) == []


def test_a_correction_before_the_moment_is_told_simply_holds() -> None:
    builder = MomentBuilder(["A", "B"])
    builder.hear(bar("A", 1), now=0)
    builder.hear(bar("A", 1, 99.5), now=1)
    (moment,) = builder.due(GRACE)
    assert moment.bars == (bar("A", 1, 99.5),)


def test_a_resumed_session_is_told_nothing_twice() -> None:
    builder = MomentBuilder(["A"])
    builder.since(2 * MINUTE)
    assert builder.hear(bar("A", 1), now=0) == [AmendedBar(bar("A", 1), 0)]
    builder.hear(bar("A", 2), now=0)
    assert [each.time for each in builder.due(0)] == [3 * MINUTE]


@given(st.permutations([(symbol, minute) for symbol in "AB" for minute in range(6)]), st.data())
def test_order_and_repetition_change_nothing(
    keys: list[tuple[str, int]], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(keys), max_size=8))
    builder = MomentBuilder(["A", "B"])
    amended = [each for key in [*keys, *again] for each in builder.hear(bar(*key), now=0)]
    assert amended == []
    assert builder.due(0) == [
        Moment((minute + 1) * MINUTE, (bar("A", minute), bar("B", minute))) for minute in range(6)
    ]
