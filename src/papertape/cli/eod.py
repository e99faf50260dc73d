"""`papertape eod`: the proof of a day, from the session's journal alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from papertape.cli.answer import Answer
from papertape.cli.catalogue import listed
from papertape.cli.conduct import guard_of
from papertape.cli.options import Here, pairs
from papertape.cli.session_terms import SessionTerms, terms_of
from papertape.cli.surroundings import Surroundings
from papertape.cli.tables import number, sentence, table
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import MINUTE, rfc3339, utc
from papertape.domain.day import (
    BarAmended,
    DayOpened,
    FeedLost,
    FeedRestored,
    FeedTroubled,
    Line,
    MomentSeen,
    Reconciled,
    SessionResumed,
)
from papertape.domain.day_state import DayState
from papertape.domain.errors import NotFound
from papertape.domain.event import OrderFilled, OrderRefused
from papertape.domain.money import dollars
from papertape.engines.riskguard import RiskTally
from papertape.engines.riskguard.controls import evidence
from papertape.engines.riskguard.tally import WHOLE_LIMIT
from papertape.monitoring.journal import LINES, Journal, Place
from papertape.session.folder import AccountFolder
from papertape.session.proof import Proof, explained_in, prove


def eod(*, day: str | None = None, account: str = "sim", here: Here) -> Answer:
    """Prove a session's day: what it saw and did, and that the bench would have done the same.

    Exit 0 if paper and bench are equal, 1 if they differ.

    Parameters
    ----------
    day
        The exchange's date, 2024-06-28; the last session's if left out.
    account
        The simulated account that is meant.
    """
    _, lines = lines_of(AccountFolder.under(here.home, account), day, here)
    answer = eod_answer(lines, here)
    return replace(answer, is_no=answer.data["verdict"] != "equal")


def eod_answer(lines: Sequence[Line], here: Surroundings) -> Answer:
    """The page of a day."""
    proof, facts, opened = proof_of(lines), _facts(lines), lines[0]
    assert isinstance(opened, DayOpened)
    data = {**proof_data(proof), **facts, "session": opened.session}
    return Answer(_page(opened.session, lines, proof, facts, here), data)


def lines_of(folder: AccountFolder, day: str | None, here: Surroundings) -> tuple[str, list[Line]]:
    """The newest session's name and journal, of a day if one is named.

    Raises:
        NotFound: If there is none.
    """
    for name in reversed(folder.sessions()):
        lines = Journal.read(Place(folder.path, name), LINES, here.clock.now())
        opened = lines[0] if lines else None
        if isinstance(opened, DayOpened) and day in (None, opened.day.isoformat()):
            return name, lines
    of_day = f" of {day}" if day else ""
    raise NotFound(
        f"the account {folder.name} has no session{of_day}",
        hint="papertape paper STRATEGY --symbol S --feed replay:DAY makes one",
    )


def terms_in(lines: Sequence[Line]) -> SessionTerms:
    """The terms that a journal begins with."""
    opened = lines[0]
    assert isinstance(opened, DayOpened)
    return terms_of(opened.settings)


def proof_of(lines: Sequence[Line]) -> Proof:
    """The bench's run of a session's day beside what the session did."""
    terms = terms_in(lines)
    strategy = listed(terms.strategy).make(pairs("--param", terms.parameters))
    instruments = {each.symbol: each for each in terms.instruments}
    return prove(lines, strategy, instruments, terms.config, guard_of(terms))


def proof_words(proof: Proof) -> str:
    """The verdict in a sentence."""
    if proof.is_equal:
        return (
            f"equal: the bench, from the journal, does the same {proof.orders} orders to the cent."
        )
    causes = explained_in(proof.mismatches) or "only cash"
    return (
        f"DIFFERENT: {len(proof.mismatches)} differences ({causes}), cash "
        f"{dollars(proof.cash):+,.2f} against the bench."
    )


def proof_data(proof: Proof) -> dict[str, Any]:
    """The verdict for programs."""
    return {
        "verdict": "equal" if proof.is_equal else "different",
        "orders": proof.orders,
        "differences": [
            {
                "time": rfc3339(each.time),
                "item": each.item,
                "paper": each.paper,
                "bench": each.bench,
                "cause": each.reason.value,
            }
            for each in proof.mismatches
        ],
        "cash_difference_micros": proof.cash,
    }


def _facts(lines: Sequence[Line]) -> dict[str, Any]:
    """What happened in the day, counted."""
    state, opened = DayState.of(lines), lines[0]
    assert isinstance(opened, DayOpened)
    reconciled = [line for line in lines if isinstance(line, Reconciled)]
    fills = [line.fill for line in lines if isinstance(line, OrderFilled)]
    return {
        "day": opened.day.isoformat(),
        "closed": state.closed is not None,
        "bars_seen": _bars_seen(lines),
        "bars_due": _bars_due(lines),
        "late_bars": sum(isinstance(line, BarAmended) for line in lines),
        "outages": _outages(lines),
        "restarts": sum(isinstance(line, SessionResumed) for line in lines),
        "heartbeats": len(reconciled),
        "states": dict(Counter(str(each.status) for each in state.orders.values())),
        "refused": dict(
            Counter(line.refused.rule for line in lines if isinstance(line, OrderRefused))
        ),
        "fills": len(fills),
        "costs": dollars(sum(fill.cost for fill in fills)),
        "slippage": dollars(sum(fill.slippage_cost + fill.spread_cost for fill in fills)),
        "cash": dollars(state.account.cash),
        "cash_change": dollars(state.account.cash - opened.cash),
        "positions": {symbol: each.quantity for symbol, each in state.account.positions.items()},
        "broker_equal": bool(reconciled) and not reconciled[-1].differences,
        "profile": terms_of(opened.settings).config.risk_profile,
        "limits": _limits(lines),
        "restraints": [str(each.cause) for each in state.restraints.in_force],
    }


def _limits(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Every control of the day: its setting, the most that was used of it, what it refused."""
    terms, opened = terms_in(lines), DayState.of(lines[:1])
    tally = RiskTally(guard_of(terms).limits, opened.account)
    for line in lines:
        tally = tally.after(line)
    return [
        {
            "rule": each.control.id,
            "name": each.control.name,
            "setting": each.setting,
            "used": each.used / WHOLE_LIMIT,
            "vetoes": each.vetoes,
            "restraints": list(each.restraints),
        }
        for each in evidence(tally, terms.config.risk_profile)
    ]


def _bars_seen(lines: Sequence[Line]) -> int:
    """Bars that closed in the day's session once it was open to them, each once."""
    opened = lines[0]
    assert isinstance(opened, DayOpened)
    keys = {
        (bar.symbol, bar.start)
        for line in lines
        if isinstance(line, MomentSeen)
        for bar in line.moment.bars
        if calendar_of("XNYS").local_day(bar.start) == opened.day and bar.end > opened.time
    }
    return len(keys)


def _bars_due(lines: Sequence[Line]) -> int:
    """Bars that the exchange's hours hold, after the start, for all symbols; one if daily."""
    opened = lines[0]
    assert isinstance(opened, DayOpened)
    terms = terms_of(opened.settings)
    minutes = terms.config.frequency.minutes
    if not minutes:
        return len(terms.instruments)
    session = calendar_of(terms.instruments[0].venue).session(opened.day)
    length = minutes * MINUTE
    due = -(-(session.close - session.open) // length)
    missed = max(0, opened.time - session.open) // length  # before anybody looked
    return max(0, due - missed) * len(terms.instruments)


def _outages(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Each time that market data, or a part of their feed, were lost, and how it ended."""
    found: list[dict[str, Any]] = []
    going: dict[str, dict[str, Any]] = {}
    for line in lines:
        match line:
            case FeedLost(time=time, reason=reason):
                part = "data"
            case FeedTroubled(time=time, part=part, reason=reason) if reason:
                pass
            case FeedRestored(time=time, missed=missed) if "data" in going:
                going.pop("data").update(to=rfc3339(time), missed=missed)
                continue
            case FeedTroubled(time=time, part=part) if part in going:
                going.pop(part).update(to=rfc3339(time), missed=0)
                continue
            case _:
                continue
        going[part] = {
            "part": part, "from": rfc3339(time), "reason": reason, "to": None, "missed": None
        }  # fmt: skip
        found.append(going[part])
    return found


def _used_words(limits: Sequence[dict[str, Any]]) -> str:
    used = [each for each in limits if each["used"] or each["vetoes"]]
    told = (
        f"{each['rule']} {each['name']} {100 * each['used']:.1f} %"
        + (f", {each['vetoes']} vetoes" if each["vetoes"] else "")
        for each in used
    )
    return "; ".join(told) or "none was used"


def _page(
    name: str, lines: Sequence[Line], proof: Proof, facts: dict[str, Any], here: Surroundings
) -> str:
    width, state = here.width, DayState.of(lines)
    ended = ", ".join(f"{count} {status}" for status, count in sorted(facts["states"].items()))
    refused = ", ".join(f"{count} {rule}" for rule, count in sorted(facts["refused"].items()))
    held = ", ".join(f"{count:,} {symbol}" for symbol, count in facts["positions"].items())
    agrees = "equal to the broker" if facts["broker_equal"] else "NOT EQUAL to the broker"
    outages = [
        f"{each['from']} {each['part']}: {each['reason']}, "
        + (f"back {each['to']}, {each['missed']} bars fetched" if each["to"] else "to the end")
        for each in facts["outages"]
    ]
    page = [
        f"PAPER day {facts['day']}  {name}  verdict {'EQUAL' if proof.is_equal else 'DIFFERENT'}",
        *sentence("Proof", proof_words(proof), width),
        *sentence(
            "Market",
            f"bars seen {facts['bars_seen']}/{facts['bars_due']}, {facts['late_bars']} late or "
            f"changed, {len(outages)} outages, {facts['restarts']} restarts, "
            f"{facts['heartbeats']} comparisons with the broker",
            width,
        ),
        *(line for outage in outages for line in sentence("Outage", outage, width)),
        *sentence(
            "Orders",
            f"{len(state.orders)} sent = {ended or 'none'}; refused {refused or 'none'}",
            width,
        ),
        *sentence(
            "Account",
            f"cash {number(facts['cash'])} ({facts['cash_change']:+,.2f} today), "
            f"{held or 'no shares'}, {agrees} to the cent",
            width,
        ),
        *sentence(
            "Costs",
            f"{number(facts['costs'])}, of them spread and slippage {number(facts['slippage'])}",
            width,
        ),
        *sentence("Limits", f"profile {facts['profile']}: {_used_words(facts['limits'])}", width),
    ]
    if facts["restraints"]:
        page += sentence("Latched", ", ".join(facts["restraints"]), width)
    if not facts["closed"]:
        page += sentence("Day", "not ended in order: papertape resume", width)
    if proof.mismatches:
        zone = calendar_of("XNYS").zone
        rows = [
            [
                utc(each.time).astimezone(zone).strftime("%H:%M:%S"),
                each.item,
                each.paper,
                each.bench,
                each.reason.value,
            ]
            for each in proof.mismatches
        ]
        page += ["", *table(("time", "item", "paper", "bench", "cause"), rows, left=5, width=width)]
    return "\n".join(page)
