"""Lets five peers and papertape trade the same tapes, and writes what each of them filled.

Run it by ``make bench`` or alone: ``python benchmarks/fills.py``. The drivers are in
``peer_fills/``; the table goes to ``docs/peer-fills.md``. A difference without a line that
explains it, or a line without its difference, is an error.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from peer_fills.market import Case, cases
from peers import PEERS, PROJECT, NotInstalled, environment

DRIVERS = Path(__file__).parent / "peer_fills"
PAGE = PROJECT / "docs" / "peer-fills.md"
OURS = "papertape"


Fills = list[tuple[int, float, float]] | None

NO_LIMITS = "signals make market orders only; there is no limit order"
TOUCH = "a touch fills, as if ours were the first order in the queue"
WHOLE = "no cap by default: the order is five times what traded in the bar"
FREE = "no spread, slippage or impact unless the user adds it"
SAME_CLOSE = "the price that made the decision is also the price it trades at"
MIDDLE = "the middle of the bar's high and low, known only when the bar is over"
BETTER = "the open, though the order rested in a moving market and would have been hit on the way"

WHY = {
    ("market", "vectorbt"): SAME_CLOSE,
    ("market", "nautilus"): SAME_CLOSE,
    ("market", "pybroker"): MIDDLE,
    ("stop_full_gap", "pybroker"): "the bar's high: better than any price of a sale at the open",
    ("stop_full_gap", "nautilus"): "the stop's level, above every price of the bar",
    ("stop_partial_gap", "pybroker"): "the stop's level, though the bar opened below it",
    ("stop_partial_gap", "nautilus"): "the stop's level, though the bar opened below it",
    ("limit_touched", "backtrader"): TOUCH,
    ("limit_touched", "backtesting"): TOUCH,
    ("limit_touched", "nautilus"): TOUCH,
    ("limit_touched", "vectorbt"): NO_LIMITS,
    ("limit_crossed", "vectorbt"): NO_LIMITS,
    ("limit_crossed", "pybroker"): "the limit is held against the middle of the bar, not its low",
    ("limit_gap", "backtrader"): BETTER,
    ("limit_gap", "backtesting"): BETTER,
    ("limit_gap", "vectorbt"): NO_LIMITS,
    ("limit_gap", "pybroker"): MIDDLE,
    ("stop_and_target", "nautilus"): "one fixed path, up first, so the target always wins",
    ("size", "backtrader"): WHOLE,
    ("size", "backtesting"): WHOLE,
    ("size", "vectorbt"): WHOLE,
    ("size", "pybroker"): WHOLE,
    ("size", "nautilus"): "a quarter of the bar fills at its price, all the rest a cent worse",
    ("default_costs", "backtrader"): FREE,
    ("default_costs", "backtesting"): FREE,
    ("default_costs", "vectorbt"): f"{FREE}; {SAME_CLOSE}",
    ("default_costs", "pybroker"): f"{FREE}; {MIDDLE}",
    ("default_costs", "nautilus"): f"{FREE}; {SAME_CLOSE}",
}
"""Why a peer differs from us, case by case."""


def main() -> None:
    """Run all, write the page; fail where a difference is not explained."""
    found = {OURS: driven(OURS, Path(sys.executable))}
    for name in PEERS:
        try:
            found[name] = driven(name, environment(name))
        except NotInstalled as error:
            sys.exit(f"fills: {name} is not here, so {PAGE.name} stays as it is\n{error}")
    told = {(case.name, name) for case in cases() for name in PEERS if differs(case, name, found)}
    if told != WHY.keys():
        wrong = ", ".join(f"{case} of {name}" for case, name in sorted(told ^ WHY.keys()))
        sys.exit(f"fills: differences and their lines do not match: {wrong}")
    PAGE.write_text(page(found), encoding="utf-8")
    sys.stdout.write(f"{len(told)} differences to {len(PEERS)} peers: {PAGE.name}\n")


def driven(name: str, python: Path) -> dict[str, Fills]:
    """What an engine filled of every case."""
    ran = subprocess.run(
        [str(python), str(DRIVERS / f"drive_{name}.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        sys.exit(f"fills: {name}\n{ran.stderr}")
    return json.loads(ran.stdout.splitlines()[-1])


def asked(case: Case, fills: Fills) -> Fills:
    """The fills in question: of a guarded holding the exit, else all."""
    guarded = any(kind == "hold" for orders in case.does.values() for kind, *_ in orders)
    return fills if fills is None or not guarded else [fill for fill in fills if fill[1] < 0]


def differs(case: Case, name: str, found: dict[str, dict[str, Fills]]) -> bool:
    """Whether a peer filled otherwise than we did."""
    theirs, ours = asked(case, found[name][case.name]), asked(case, found[OURS][case.name])
    return theirs is None or [tuple(map(float, fill)) for fill in theirs] != [
        tuple(map(float, fill)) for fill in ours or []
    ]


def cell(case: Case, fills: Fills) -> str:
    """Fills in a few characters: the price, and what is unusual about bar and size."""
    fills = asked(case, fills)
    if fills is None:
        return "-"
    if not fills:
        return "none"
    if len(fills) > 2:
        return f"{abs(fills[0][1]):,.0f} a bar at {fills[0][2]:g}"
    sized = len(fills) > 1 or abs(fills[0][1]) != 10
    parts = [
        f"{abs(size):,.0f} at {price:g}" if sized else f"{price:g}" for _, size, price in fills
    ]
    rows = {row for row, *_ in fills}
    return ", ".join(parts) + ("" if rows == {2} else f" (bar {min(rows)})")


def page(found: dict[str, dict[str, Fills]]) -> str:
    """The page as it stands in the documentation."""
    titles = [OURS, *(peer.title for peer in PEERS.values())]
    lines = [
        "# Our fills and those of others",
        "",
        "Six engines, the same bars, the same orders, each at its default settings. Written by",
        "`benchmarks/fills.py`, which runs them side by side: do not edit it here.",
        "",
        "The tapes are one-minute bars in the midst of a session. Bars 0 and 1 stand still (100,",
        "101, 99, 100); bar 2 is the one in question. A price without a bar was filled in bar 2,",
        "`none` means no fill, `-` that the engine has no such order. Costs are nil but where they",
        "are named.",
        "",
        f"| case | bar 2 | {' | '.join(titles)} |",
        f"|---|---|{'---|' * len(titles)}",
    ]
    for case in cases():
        bar = " ".join(f"{price:g}" for price in case.bars[2])
        cells = [cell(case, found[name][case.name]) for name in (OURS, *PEERS)]
        lines.append(f"| {case.words} | {bar} | {' | '.join(cells)} |")
    lines += ["", "## Why they differ", ""]
    for case in cases():
        reasons = [
            (PEERS[name].title, WHY[case.name, name]) for name in PEERS if (case.name, name) in WHY
        ]
        if reasons:
            lines += [f"{case.words[0].upper()}{case.words[1:]}:", ""]
            lines += [f"- {title}: {reason}." for title, reason in reasons] + [""]
    lines += [
        "What we do instead, and why, is in [The worse of two paths]"
        "(decisions/0009-the-worse-of-two-paths.md) and in the docstrings of",
        "[matching](reference/matching.md).",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
