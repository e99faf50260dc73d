"""Several threads at the same work: everything is done once, and an error ends it."""

from __future__ import annotations

from itertools import count, islice

import pytest

from papertape.engines.proofbench.crew import by_crew


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_item_is_done_once(threads: int) -> None:
    assert sorted(by_crew(lambda n: n * n, range(100), threads)) == [n * n for n in range(100)]


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_of_the_work_is_raised_where_the_results_are_read(threads: int) -> None:
    with pytest.raises(ZeroDivisionError):
        list(by_crew(lambda n: 1 // (n - 40), range(100), threads))


@pytest.mark.parametrize("threads", [1, 3])
def test_who_stops_reading_stops_the_work(threads: int) -> None:
    results = by_crew(lambda n: n, count(), threads)
    assert len(list(islice(results, 50))) == 50
    results.close()  # would never come back if a thread went on
