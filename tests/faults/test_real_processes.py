"""Faults of level L2 that end, stop or starve a real process: F41, F47, F48, F50, F51, F55, F58."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from select import select
from typing import Any

import pytest
from tests.faults.processes import BARS, PACE, RUNS, Desk

from papertape.domain.day import (
    Commanded,
    FeedLost,
    FeedRestored,
    Line,
    MomentDecided,
    MomentSeen,
    Reconciled,
    StrategyFailed,
)
from papertape.domain.errors import LockHeld, SettingsError
from papertape.domain.event import OrderApproved
from papertape.domain.restraint import Cause
from papertape.monitoring.status import published
from papertape.monitoring.tail import read_tail
from papertape.session.control import CommandBox
from papertape.session.watchdog import HUNG


@pytest.fixture
def desks() -> Iterator[Callable[[int], list[Desk]]]:
    """As many desks as wanted, in memory where there is such a place."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as made:
        all_of_them: list[Desk] = []

        def lay(count: int) -> list[Desk]:
            all_of_them.extend(Desk(Path(made) / str(number)) for number in range(count))
            return all_of_them

        yield lay
        for desk in all_of_them:
            desk.clear()


@pytest.fixture
def desk(desks: Callable[[int], list[Desk]]) -> Desk:
    return desks(1)[0]


def soaked(*values: Any) -> list[Any]:
    """Further runs of a test, for which an ordinary test run has no time."""
    return [pytest.param(each, marks=pytest.mark.soak) for each in values]


def ended(process: subprocess.Popen[bytes], within: float = 60) -> int:
    """The exit code of a process that has to end by itself."""
    return process.wait(within)


# F41: the machine sleeps -------------------------------------------------------------------------


def sleeps(desk: Desk, bars: int) -> None:
    """After so many bars a session sleeps for twenty minutes of the day; then it goes on."""
    process = desk.start("--speed", "600x")
    desk.wait_until(bars)
    process.send_signal(signal.SIGSTOP)
    before = desk.status["health"]["outages"]
    time.sleep(2)
    process.send_signal(signal.SIGCONT)
    desk.wait_for(lambda now: now["health"]["outages"] > before and now["state"] == "ACTIVE")
    process.send_signal(signal.SIGTERM)
    assert ended(process) == 0, desk.told()


def test_a_process_that_slept_missed_bars_compares_and_goes_on_fault_f41(
    desks: Callable[[int], list[Desk]],
) -> None:
    found = desks(RUNS)
    with ThreadPoolExecutor(RUNS) as rooms:
        list(rooms.map(sleeps, found, range(3, 3 + RUNS)))
    for desk in found:
        lines = desk.lines()
        back = next(n for n, each in enumerate(lines) if is_back_after(each, 2))
        lost = max(n for n, each in enumerate(lines[:back]) if isinstance(each, FeedLost))
        asleep, awake = lines[lost:back], lines[back:]
        assert not [each for each in asleep if isinstance(each, OrderApproved | MomentDecided)]
        assert isinstance(asleep[-1], Reconciled)
        assert any(isinstance(line, MomentDecided) for line in awake)
        assert causes(desk.resumed()) <= OF_LEAVING


def is_back_after(line: Line, bars: int) -> bool:
    """Whether an outage ends here, in which so many bars or more were missed."""
    return isinstance(line, FeedRestored) and line.missed >= bars


# F47: interrupts and a terminal that goes away ---------------------------------------------------


@pytest.mark.parametrize("bars", [0, 2, 5, *soaked(*range(6, 20))])
def test_a_second_interrupt_leaves_at_once_and_the_day_can_go_on_fault_f47(
    desk: Desk, bars: int
) -> None:
    process = desk.start("--speed", PACE)
    desk.wait_until(bars)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    assert ended(process) in LEFT
    assert time.monotonic() - began < 5
    assert "Traceback" not in desk.told()
    assert causes(desk.resumed()) <= OF_LEAVING


LEFT = {0, 130, -signal.SIGINT}
"""Calmly, where two signals at once were one; at once; and at once on the way out."""
OF_LEAVING = {"restart", "risk veto", "late data"}
"""Who leaves cancels what works, and a busy machine may be late at a thousand times the speed."""


def causes(proof: Any) -> set[str]:
    return {each["cause"] for each in proof["differences"]}


def test_a_second_interrupt_ends_even_a_strategy_that_does_not_come_back_fault_f47(
    desk: Desk,
) -> None:
    hung = desk.folder / "hung"
    process = desk.start(by=strategy(desk, f"open({str(hung)!r}, 'w')\ntime.sleep(3600)"))
    while not hung.exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)  # two signals at once may be one
    process.send_signal(signal.SIGINT)
    assert ended(process, 5) == 130
    assert "Traceback" not in desk.told()
    assert "papertape resume" in desk.told()


@pytest.mark.parametrize("bars", [2, 3, *soaked(*range(4, 20))])
def test_a_terminal_that_is_closed_ends_the_process_in_order_fault_f47(
    desk: Desk, bars: int
) -> None:
    ours, theirs = pty.openpty()
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    process = desk.start("--speed", PACE, start_new_session=True, first=OWN_TERMINAL, **streams)
    with read(ours):
        desk.wait_until(bars)
        if bars % 2 == 0:
            process.send_signal(signal.SIGHUP)
            assert ended(process) == 0
    os.close(ours)  # and the kernel says HUP
    assert ended(process) == (SettingsError.exit_code if bars % 2 else 0)  # no answer, nowhere
    assert causes(desk.resumed()) <= OF_LEAVING


OWN_TERMINAL = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"


@contextmanager
def read(terminal: int) -> Iterator[None]:
    """Somebody looks at the terminal for a while."""
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            if select([terminal], [], [], 0.02)[0]:
                with suppress(OSError):
                    os.read(terminal, 4096)

    reader = threading.Thread(target=look)
    reader.start()
    try:
        yield
    finally:
        is_over.set()
        reader.join()


# F48: a strategy that does not come back ---------------------------------------------------------

STRATEGY = '''"""A strategy that does something odd at its sixth bar."""

import os, re, resource, signal, threading, time


class Odd:
    """Buys at its third bar, and does what it does where somebody wants it to be odd."""

    warmup = 2

    def __init__(self):
        self.count = 0

    def on_bar(self, context, bar):
        self.count += 1
        if self.count == 3:
            context.submit(bar.symbol, 10, reason="as written")
        if self.count {when} and "ODD" in os.environ:
            {what}
'''
HANGS = [
    "while True: pass",
    "time.sleep(3600)",
    "threading.Event().wait()",
    "sum(range(10**13))",  # holds the interpreter's lock all the while
    "re.match('(a+)+$', 'a' * 64 + 'b')",
]


def strategy(desk: Desk, what: str, when: str = "== 6") -> tuple[str, ...]:
    """A strategy file of the desk's, as words of a command line."""
    file = desk.folder / "odd.py"
    indented = what.replace("\n", "\n            ")
    file.write_text(STRATEGY.format(what=indented, when=when))
    return (str(file),)


IMPATIENT = "import papertape.session.watchdog as dog; dog.PATIENCE = 1.5"


def test_a_strategy_that_hangs_is_ended_and_not_asked_again_fault_f48(
    desks: Callable[[int], list[Desk]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODD", "here, too")
    found = desks(len(HANGS))
    for desk, what in zip(found, HANGS, strict=True):
        desk.start(by=strategy(desk, what), first=IMPATIENT)
    for desk in found:
        assert ended(desk.processes[-1]) in {HUNG, -signal.SIGPROF}, desk.told()
        proof = desk.resumed()
        lines = desk.lines()
        (failed,) = [line for line in lines if isinstance(line, StrategyFailed)]
        assert "did not answer" in failed.reason
        assert len([line for line in lines if isinstance(line, OrderApproved)]) == 1
        assert proof["verdict"] == "equal"
        status = desk.say("status")[1]
        assert status["held"][0]["quantity"] == 10
        assert {each["cause"] for each in status["restraints"]} == {Cause.STRATEGY.value}


def test_a_strategy_that_hangs_when_it_is_first_asked_is_ended_as_well_fault_f48(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODD", "here, too")
    process = desk.start(by=strategy(desk, "time.sleep(3600)", "== 1"), first=IMPATIENT)
    assert ended(process) == HUNG, desk.told()
    proof = desk.resumed()
    assert (proof["orders"], proof["verdict"]) == (0, "equal")
    assert desk.say("resume")[0] == 2


@pytest.mark.soak
@pytest.mark.parametrize("what", HANGS)
def test_a_strategy_that_hangs_is_ended_within_half_a_minute_fault_f48(
    desk: Desk, what: str
) -> None:
    assert ended(desk.start(by=strategy(desk, what)), 60) in {HUNG, -signal.SIGPROF}
    assert desk.resumed()["verdict"] == "equal"


# F50: no memory ----------------------------------------------------------------------------------

LEAST = """size = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + {more}, resource.RLIM_INFINITY))
"""
STARVED = [
    LEAST.format(more=0),
    *soaked(*(LEAST.format(more=2**power) for power in range(12, 23))),
    LEAST.format(more=2**20) + "self.eaten = [bytes(2**12) for _ in range(10**9)]",
    LEAST.format(more=2**22) + "self.eaten = [[] for _ in range(10**9)]",
    "os.kill(os.getpid(), signal.SIGKILL)  # so does the system, when there is none left",
]


@pytest.mark.parametrize("what", STARVED)
def test_a_process_without_memory_loses_nothing_fault_f50(desk: Desk, what: str) -> None:
    code = ended(desk.start(by=strategy(desk, what)))
    assert "Traceback" not in desk.told()
    assert (desk.proved() if code == 0 else desk.resumed())["verdict"] == "equal"


def test_a_day_needs_no_more_memory_from_bar_to_bar_fault_f50(desk: Desk) -> None:
    what = LEAST.format(more=2**26)
    assert ended(desk.start(by=strategy(desk, what, "== 4"))) == 0, desk.told()
    assert desk.proved()["verdict"] == "equal"


# F51: no descriptors -----------------------------------------------------------------------------

NO_FILES = """used = len(os.listdir('/proc/self/fd'))
self.leaked = []
while True:
    try:
        self.leaked.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        break
"""


@pytest.mark.parametrize("bar", [3, 6, BARS, *soaked(4, 5, *range(7, BARS))])
def test_a_process_without_descriptors_trades_its_day_to_the_end_fault_f51(
    desk: Desk, bar: int
) -> None:
    resource_first = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))"
    process = desk.start(by=strategy(desk, NO_FILES, f"== {bar}"), first=resource_first)
    code = ended(process)
    assert "Traceback" not in desk.told()
    assert code in {0, 3}, desk.told()
    assert desk.proved()["verdict"] == "equal"


def test_without_a_descriptor_a_kill_by_file_still_works_fault_f51(desk: Desk) -> None:
    what = NO_FILES + f"os.mknod({str(desk.account.kill_file)!r})"
    few = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))"
    assert ended(desk.start(by=strategy(desk, what), first=few)) == 0, desk.told()
    assert desk.proved()["restraints"] == ["kill"]


@pytest.mark.parametrize("most", [12, 32, *soaked(*range(13, 32))])
def test_too_few_descriptors_are_a_clean_refusal_fault_f51(desk: Desk, most: int) -> None:
    process = desk.start(first=f"import resource; resource.setrlimit(7, ({most}, {most}))")
    assert ended(process) == 3, desk.told()
    assert f"{most} files" in desk.told()
    assert "Traceback" not in desk.told()
    assert not desk.account.sessions()


# F55: whoever looks on ---------------------------------------------------------------------------


SILENT = 300
"""Lines that are opened and kept without a word: more than there are descriptors."""


def flood(port: int, is_over: threading.Event) -> int:
    """Ask as often as can be, hang up before the answer, keep lines open; how often it asked."""
    asked, silent = 0, []
    while not is_over.is_set():
        asked += 1
        with suppress(OSError):
            line = socket.create_connection(("127.0.0.1", port), 1)
            if len(silent) < SILENT:
                silent.append(line)
                continue
            with line:
                line.sendall(b"GET /metrics HTTP/1.0\r\nHost: 127.0.0.1:1\r\n\r\n")
                if asked % 2:
                    line.recv(1 << 16)
    for line in silent:
        line.close()
    return asked


def look(desk: Desk, is_over: threading.Event) -> int:
    """Read what is published a thousand times a second."""
    asked = 0
    while not is_over.wait(0.001):
        asked += 1
        published(desk.account.status)
        if asked % 50 == 0:
            list(read_tail(desk.account.tail))
    return asked


KILLS: list[Callable[[Desk], object]] = [
    lambda desk: desk.account.kill_file.write_text("too much"),
    lambda desk: CommandBox(desk.account.commands, desk.account.kill_file).put(
        "kill", at=1, by="ann"
    ),
    lambda desk: desk.processes[-1].send_signal(signal.SIGUSR1),
]


@pytest.mark.parametrize("run", [*range(RUNS), *soaked(*range(RUNS, 50))])
def test_a_flood_of_readers_changes_nothing_and_kill_still_works_fault_f55(
    desk: Desk, run: int
) -> None:
    few = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))"
    process = desk.start("--speed", PACE, "--metrics", "0", first=few)
    desk.wait_until(1)
    port = int(desk.told().partition("http://127.0.0.1:")[2].partition("/")[0])
    is_over = threading.Event()
    with ThreadPoolExecutor() as rooms:
        callers = [rooms.submit(flood, port, is_over), rooms.submit(look, desk, is_over)]
        try:
            desk.wait_until(6)
            KILLS[run % len(KILLS)](desk)
            began = time.monotonic()
            desk.wait_for(lambda status: status["state"] == "HALTED")
            assert time.monotonic() - began < 1
        finally:
            is_over.set()
        assert all(each.result() > 100 for each in callers)
    assert "Traceback" not in desk.told()
    process.kill()
    ended(process)
    desk.account.kill_file.unlink(missing_ok=True)
    assert causes(desk.resumed()) <= OF_LEAVING
    before = next(n for n, line in enumerate(desk.lines()) if isinstance(line, Commanded))
    traded = {line.moment.time for line in desk.lines()[:before] if isinstance(line, MomentSeen)}
    assert len(traded) >= 6


# F58: nobody reads what it says ------------------------------------------------------------------


def closed_pipe() -> int:
    """The end for writing of a pipe that nobody will ever read."""
    ear, mouth = os.pipe()
    os.close(ear)
    return mouth


def full_pipe() -> tuple[int, int]:
    """A pipe that takes nothing more, for its reader does not read."""
    ear, mouth = os.pipe()
    flags = fcntl.fcntl(mouth, fcntl.F_GETFL)
    fcntl.fcntl(mouth, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while True:
            os.write(mouth, b"x" * 4096)
    with suppress(BlockingIOError):
        while True:
            os.write(mouth, b"x")
    fcntl.fcntl(mouth, fcntl.F_SETFL, flags)
    return ear, mouth


@pytest.mark.parametrize("streams", [("stdout", "stderr"), *soaked(("stderr",), ("stdout",))])
def test_nobody_has_to_listen_fault_f58(desk: Desk, streams: tuple[str, ...]) -> None:
    loud = strategy(desk, "print('x' * 5000)", "> 0")
    process = desk.start(by=loud, **{each: closed_pipe() for each in streams})
    assert ended(process) == 0
    assert "Traceback" not in (desk.told() if "stderr" not in streams else "")
    assert desk.proved()["verdict"] == "equal"


@pytest.mark.parametrize("descriptors", ["0, 1, 2", *soaked("0", "1", "2")])
def test_a_process_may_begin_without_any_stream_fault_f58(desk: Desk, descriptors: str) -> None:
    closing = f"for each in ({descriptors},): os.close(each)"
    wrapped = (
        f"import os, sys\n{closing}\nos.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    process = desk.start(by=strategy(desk, "print('x')", "> 0"), around=wrapped)
    assert ended(process) == 0
    assert desk.proved()["verdict"] == "equal"


@pytest.mark.parametrize("how", ["errors", "everything"])
def test_a_reader_who_does_not_read_stops_nobody_fault_f58(desk: Desk, how: str) -> None:
    ear, mouth = full_pipe()
    loud = strategy(desk, "print('x' * 5000)", "> 0")
    streams = {"stderr": mouth} if how == "errors" else {"stderr": mouth, "stdout": os.dup(mouth)}
    process = desk.start(by=loud, **streams)
    if how == "errors":
        assert ended(process) == 0
    else:  # the answer itself waits for its reader; the day does not
        desk.wait_for(lambda status: status["state"] == "CLOSED")
        while desk.say("eod")[0] == LockHeld.exit_code:
            time.sleep(0.05)
    assert desk.proved()["verdict"] == "equal"
    process.kill()
    os.close(ear)


ROTATED = [
    "os.rename(tail, tail + '.1')",
    "os.remove(tail); os.mkfifo(tail)",
    *soaked(
        "os.remove(tail)",
        "os.remove(tail); os.mkdir(tail)",
        "os.remove(tail); os.symlink('/dev/full', tail)",
    ),
]


@pytest.mark.parametrize("deed", ROTATED)
def test_a_log_that_is_rotated_or_unwritable_stops_nobody_fault_f58(desk: Desk, deed: str) -> None:
    what = f"tail = {str(desk.account.tail)!r}\n{deed}"
    assert ended(desk.start(by=strategy(desk, what)), 30) == 0, desk.told()
    assert desk.proved()["verdict"] == "equal"
    again = desk.start(by=strategy(desk, "pass"))  # what lies there does not keep the next out
    assert ended(again) == 0, desk.told()
