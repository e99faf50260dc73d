"""A sweep on a Ray cluster is the same sweep, even if a machine of it dies."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from tests.generators import random_bars

from papertape import sweep as sweep_in_one
from papertape.domain.errors import ProviderError, StrategyError
from papertape.domain.market import Bars, FloatArray, PriceHistory
from papertape.engines.proofbench.cluster import cluster
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.sweep import Plan, Trial, run_sweep
from papertape.strategies import sma
from papertape.strategies.strategy import parameter

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="papertape[ray] is not installed")

HISTORIES = {"SPY": PriceHistory(random_bars(11, 400, volatility=0.02))}
CONFIG = SimulationConfig(benchmark="none")
# `ray start` takes the network's address for its own even when it is given the loopback's.
RAY = """
import ray._private.services as services
services.get_node_ip_address = lambda address=None: "127.0.0.1"
from ray.scripts.scripts import main
main()
"""
START = (
    *(sys.executable, "-c", RAY, "start", "--block", "--node-ip-address=127.0.0.1"),
    *("--num-cpus=1", "--object-store-memory=80000000", "--disable-usage-stats"),
)


@dataclass(frozen=True)
class Witness:
    """Long above its average; leaves a note in a folder of which machine asked it what."""

    days: int = parameter(20, low=1)
    folder: str = parameter("")

    @property
    def warmup(self) -> int:
        return self.days

    def exposure(self, bars: Bars) -> FloatArray:
        if self.folder:
            context = __import__("ray").get_runtime_context()
            node = context.get_node_id() if context.worker.connected else "here"
            Path(self.folder, f"{node}-{self.days}").touch()
            for _ in range(300):  # long enough to be killed at it
                np.sort(np.random.default_rng(self.days).random(20_000))
        return (bars.close > sma(bars.close, self.days)).astype(float)

    def reason(self, bars: Bars) -> str:
        return "above its average"


@dataclass(frozen=True)
class Raises:
    """A user's own mistake."""

    days: int = parameter(20, low=1)
    warmup: int = 1

    def exposure(self, bars: Bars) -> FloatArray:
        raise StrategyError(f"{self.days} days are beyond me", hint="none")

    def reason(self, bars: Bars) -> str:
        return "none"


@pytest.fixture(autouse=True)
def _without_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray would keep one in the home folder."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def node(folder: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A machine of a cluster; its processes end with the first of them, which is killed."""
    log = (folder / f"node{len(list(folder.glob('node*')))}.log").open("wb")
    own = ("env", "RAY_AUTH_MODE=disabled", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=1")
    program = subprocess.Popen(
        [*own, *START, *words], stdout=log, stderr=log, start_new_session=True
    )
    try:
        yield program
    finally:
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()
        log.close()


def is_up(program: subprocess.Popen[bytes], folder: Path, number: int) -> None:
    log = folder / f"node{number}.log"
    while b"Ray runtime started" not in log.read_bytes():
        assert program.poll() is None, log.read_text()


@pytest.mark.slow
def test_the_share_of_a_machine_that_dies_is_done_again(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    days = list(range(2, 50))
    head = f"127.0.0.1:{free_port()}"
    with ExitStack() as stack:
        words = ("--head", f"--port={head.rpartition(':')[2]}", "--include-dashboard=false")
        short = stack.enter_context(TemporaryDirectory(prefix="ray"))  # sockets have short names
        first = stack.enter_context(node(tmp_path, *words, f"--temp-dir={short}"))
        is_up(first, tmp_path, 0)
        second = stack.enter_context(node(tmp_path, f"--address={head}"))
        is_up(second, tmp_path, 1)

        def told(trial: Trial | None, done: int, all_of: int) -> None:
            if done == 2:  # early: both machines have most of their work before them
                os.killpg(second.pid, signal.SIGKILL)

        hands = stack.enter_context(cluster(head, len(days)))
        plan = Plan({"days": days, "folder": [str(notes)]})
        swept = run_sweep(Witness, HISTORIES, plan, CONFIG, told=told, hands=hands)
    asked = [note.name.rpartition("-") for note in notes.iterdir()]
    assert len({node for node, _, _ in asked}) == 2
    assert len(asked) > len(days), "nothing was done again"
    alone = run_sweep(Witness, HISTORIES, Plan({"days": days}), CONFIG)
    assert [each.figures for each in swept.trials] == [each.figures for each in alone.trials]


@pytest.mark.slow
def test_one_call_starts_a_cluster_of_its_own_and_ends_it() -> None:
    values = {"days": [3, 8, 20]}
    there, here = (
        sweep_in_one(Witness, HISTORIES, values, benchmark="none", ray=address)
        for address in ("local", "")
    )
    assert there.sweep.trials == here.sweep.trials
    assert there.sweep.served_by == here.sweep.served_by == "kernel"
    assert not import_module("ray").is_initialized()
    with pytest.raises(StrategyError, match="beyond me"):
        sweep_in_one(Raises, HISTORIES, {"days": [7]}, ray="local")


def test_a_cluster_that_is_not_there_is_told() -> None:
    with (
        pytest.raises(ProviderError, match="no Ray cluster"),
        cluster(f"127.0.0.1:{free_port()}", 1),
    ):
        pass
