"""Killed at any moment, a writer leaves the old revision or the new one, never half of one."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path

import msgspec
import pytest
from tests.unit.data.store.conftest import NOW, ORIGIN, daily, minutes

import papertape
from papertape.data.store import Store
from papertape.data.store.publishing import publishing
from papertape.data.store.store import file_name, revision
from papertape.domain.market import DAILY, Frequency

ONE_MINUTE = Frequency.parse("1m")

WRITER = """
import sys
from pathlib import Path
import duckdb  # what is slow is done before the race begins
import numpy as np
from papertape.data.store import Origin, Store
from papertape.domain.clock import MINUTE
from papertape.domain.instrument import Instrument
from papertape.domain.market import Bars, Frequency, PriceHistory
store, count = Store(Path(sys.argv[1])), 4_000
start = 1_577_800_000_000_000_000 + np.arange(count) * MINUTE
for n in range(1, 100_000):
    close = np.full(count, 100.0) + np.arange(count) * n % 7
    columns = (start, start + MINUTE, close, close + 1, close - 1, close, close)
    bars = Bars(Instrument("WALK"), Frequency.parse("1m"), *columns)
    store.replace(PriceHistory(bars), Origin(provider="madeup"), n, reason=f"{n}")
    print(n, flush=True)
"""


def test_after_every_prefix_of_the_steps_a_reader_sees_the_old_or_the_new(store: Store) -> None:
    old = store.add(minutes(900, first=1_577_800_000_000_000_000), ORIGIN, NOW).manifest
    new_history = minutes(2_000, first=1_577_800_000_000_000_000, seed=2)  # two parts
    new, parts = revision(new_history, ORIGIN, NOW, "again", old)
    manifest = msgspec.json.encode(new)
    folder = store.root / "WALK-1m"
    spare = store.root.parent / "spare"
    shutil.copytree(folder, spare)
    names = list(publishing(spare, parts, file_name(new), manifest))
    assert names[-2:] == ["000002.json in place", "revision published"]
    for done in range(len(names) + 1):
        place = Store(store.root.parent / f"after-{done}")
        shutil.copytree(folder, place.root / "WALK-1m")
        steps = publishing(place.root / "WALK-1m", parts, file_name(new), manifest)
        assert list(islice(steps, done)) == names[:done]
        steps.close()
        for file in (place.root / "WALK-1m").glob(".new-*"):  # what a power cut makes of them
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        seen = place.newest("WALK", ONE_MINUTE)
        assert seen == (new if done >= len(names) - 1 else old)
        assert len(place.read(seen).bars) == seen.rows
        # Whoever writes next finds the place in order and leaves nothing of the torn attempt.
        assert place.add(new_history, ORIGIN, NOW).is_new == (seen == old)
        kept = {part.name for each in place.revisions("WALK", ONE_MINUTE) for part in each.parts}
        kept |= {f"{each.revision:06}.json" for each in place.revisions("WALK", ONE_MINUTE)}
        assert {file.name for file in (place.root / "WALK-1m").iterdir()} == kept


def test_a_file_cut_short_beside_its_place_is_no_part_of_anything(store: Store) -> None:
    old = store.add(daily(), ORIGIN, NOW).manifest
    folder = store.root / "TEST-1d"
    (folder / ".new-000002.json").write_bytes(b'{"schema": "paper')
    (folder / ".new-all-0123456789abcdef.parquet").write_bytes(b"PAR1")
    (folder / "all-0123456789abcdef.parquet").write_bytes(b"PAR1")
    assert store.newest("TEST", DAILY) == old
    store.add(daily(closes=(100, 101, 102)), ORIGIN, NOW, on_difference="stored")
    assert {file.name for file in folder.iterdir()} == {"000001.json", old.parts[0].name}


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is a matter of POSIX")
def test_a_writer_killed_at_any_moment_leaves_a_whole_revision(store: Store) -> None:
    chance = random.Random(20240102)
    highest = 0
    for _ in range(8):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(store.root)],
            env={"PYTHONPATH": str(Path(papertape.__file__).parents[1])},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        for _ in range(chance.randint(1, 3)):
            assert writer.stdout.readline().strip()
            seen = store.newest("WALK", ONE_MINUTE)  # while it goes on writing
            assert len(store.read(seen).bars) == 4_000
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(timeout=chance.uniform(0.0, 0.05))
        os.kill(writer.pid, signal.SIGKILL)
        writer.communicate()
        revisions = store.revisions("WALK", ONE_MINUTE)
        assert [each.revision for each in revisions] == list(range(1, len(revisions) + 1))
        for each in revisions[highest:]:
            history = store.read(each)  # compares every part with its hash
            close = history.bars.close
            step = int(each.reason)
            assert close[1] == 100 + step % 7
            assert len(history.bars) == 4_000
        highest = max(highest, len(revisions))
    assert highest >= 8
    # No dead writer's lock stays behind.
    assert store.replace(minutes(50), ORIGIN, NOW, reason="after").manifest.parent == highest
