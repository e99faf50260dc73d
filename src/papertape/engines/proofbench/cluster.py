"""Cluster: the trials of a sweep made on the machines of a Ray cluster, with the same result.

Every machine needs papertape; a strategy of one's own travels with the settings.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from math import ceil
from socket import create_connection
from typing import Any

from papertape.domain.errors import ProviderError, SettingsError
from papertape.engines.proofbench.sweep import Hands, Item, Laboratory, Trial

LOCAL = "local"
"""The address of a cluster that is started for the sweep, and ended with it."""

LOOPBACK = ("127.", "localhost:")
SECONDS_TO_ANSWER = 5.0

SHARES_A_CORE = 8
"""Into how many shares a core's work is cut, so that no core waits long for the last."""
LARGEST_SHARE = 1_000
AGAIN = 8
"""Times that a share is done again because its worker or machine was lost."""

Share = tuple[list[Trial | None], str]
"""What came of some settings, and why the pipeline had to do it, if it had."""


@contextmanager
def cluster(address: str, settings: int) -> Iterator[Hands]:
    """Hands on a Ray cluster.

    Args:
        address: Of a cluster that runs, ``host:port``, or `LOCAL`.
        settings: How many there are to be tried.

    Raises:
        SettingsError: If Ray is not installed.
        ProviderError: If no cluster answers there, or too many of its machines are lost.
    """
    ray = _ray(address)
    was_there = ray.is_initialized()
    if not was_there:
        _connect(ray, address)

    def hands(laboratory: Laboratory, items: Iterable[Item]) -> Iterator[Trial | None]:
        cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
        size = min(LARGEST_SHARE, ceil(settings / (cores * SHARES_A_CORE)))
        with _travelling(ray, laboratory.kind):
            ground = ray.put((laboratory.kind, laboratory.histories, laboratory.config))
            task = ray.remote(_share).options(max_retries=AGAIN)
            yield from _in_order(ray, laboratory, task, ground, iter(items), size, 2 * cores)

    try:
        yield hands
    finally:
        if not was_there:
            ray.shutdown()


def _share(ground: tuple[Any, ...], items: list[Item]) -> Share:
    """Some trials, on whichever machine this is."""
    laboratory = Laboratory(*ground)
    return [laboratory.attempt(item) for item in items], laboratory.refusal


def _in_order(
    ray: Any,
    laboratory: Laboratory,
    task: Any,
    ground: Any,
    items: Iterator[Item],
    size: int,
    ahead: int,
) -> Iterator[Trial | None]:
    """Hand out shares, a few ahead of the one that is waited for."""
    waiting: deque[Any] = deque()
    try:
        while True:
            while len(waiting) < ahead and (some := list(islice(items, size))):
                waiting.append(task.remote(ground, some))
            if not waiting:
                return
            trials, refusal = _answer(ray, waiting.popleft())
            laboratory.refusal = laboratory.refusal or refusal
            yield from trials
    finally:
        for each in waiting:
            ray.cancel(each, force=False)


def _answer(ray: Any, share: Any) -> Share:
    try:
        answer: Share = ray.get(share)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error  # as if it had been raised here
    except (ray.exceptions.RaySystemError, ray.exceptions.RayError) as error:
        raise ProviderError(
            f"the Ray cluster lost a share of the sweep {AGAIN + 1} times: {_first_line(error)}",
            hint="look after its machines and go on with --resume",
        ) from error
    return answer


def _connect(ray: Any, address: str) -> None:
    try:
        if address != LOCAL:  # Ray itself would try for minutes
            host, _, port = address.rpartition(":")
            create_connection((host, int(port)), SECONDS_TO_ANSWER).close()
        ray.init(
            address=address,
            include_dashboard=False if address == LOCAL else None,
            log_to_driver=False,
            logging_level="error",
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise ProviderError(
            f"no Ray cluster answers at {address}: {_first_line(error)}",
            hint="start one: ray start --head --node-ip-address=127.0.0.1 --port=6379",
        ) from error


@contextmanager
def _travelling(ray: Any, kind: type) -> Iterator[None]:
    """Send the code of a strategy that is not papertape's own, which no other machine has."""
    module = sys.modules.get(kind.__module__)
    if module is None or kind.__module__.partition(".")[0] == __name__.partition(".")[0]:
        yield
        return
    ray.cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        ray.cloudpickle.unregister_pickle_by_value(module)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _ray(address: str) -> Any:
    # Ray reads these two nowhere else. It would tell its makers of its use, and even for this
    # machine alone it would listen to the network.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # noqa: TID251
    if address == LOCAL or address.startswith(LOOPBACK):
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # noqa: TID251
    try:
        return import_module("ray")
    except ImportError:
        raise SettingsError(
            "a sweep on a cluster needs the package ray, which is not installed",
            hint="pip install 'papertape[ray]', or sweep on this machine with --backend local",
        ) from None
