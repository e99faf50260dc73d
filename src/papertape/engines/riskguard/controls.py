"""The thirty risk controls as a table: what each is called, what it says, which limits are its own.

Docs, preflight and the day's evidence are written from it, so that none of them can forget one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from papertape.domain.restraint import Cause
from papertape.engines.riskguard.limits import PROFILES, UNITS, RiskLimits
from papertape.engines.riskguard.tally import RiskTally


@dataclass(frozen=True, slots=True)
class Control:
    """One risk control.

    Attributes:
        id: As in every veto and every screen.
        name: In few words.
        definition: What it says, in a sentence.
        limits: The fields of `RiskLimits` that set it; none where it is built in.
        built_in: What stands in place of a limit then.
    """

    id: str
    name: str
    definition: str
    limits: tuple[str, ...] = ()
    built_in: str = ""

    def setting(self, limits: RiskLimits) -> str:
        """Its limits as they are written; ``-`` for one that is not set."""
        return ", ".join(_written(limits, name) for name in self.limits) or self.built_in

    def is_complete(self, limits: RiskLimits) -> bool:
        """Whether all its limits are set."""
        return not set(self.limits) & set(limits.missing)


CONTROLS: tuple[Control, ...] = (
    Control(
        "R1",
        "kill switch",
        "Blocks what is new and cancels what works in one step; latched until it is re-armed.",
        built_in="armed",
    ),
    Control(
        "R2",
        "trading state",
        "ACTIVE lets orders pass, REDUCING only those that reduce, HALTED none.",
        built_in="HALTED until reconciled",
    ),
    Control("R3", "cancels always pass", "No limit blocks a cancel.", built_in="on"),
    Control("R4", "order quantity", "Shares an order.", ("max_order_quantity",)),
    Control(
        "R5",
        "order notional",
        "Value of an order as a share of equity, without a limit price at the collar's edge.",
        ("max_order_notional",),
    ),
    Control(
        "R6",
        "price collar",
        "How far a limit price may lie from the last trade; wider below a dollar.",
        ("price_collar", "price_collar_below_dollar"),
    ),
    Control(
        "R7",
        "fresh price",
        "Vetoes on a price older than the larger of a time and some bars, after finality.",
        ("max_price_age", "max_price_age_bars", "finality_delay"),
    ),
    Control(
        "R8",
        "position",
        "Value of one holding, as a share of equity, once everything open is filled.",
        ("max_position",),
    ),
    Control(
        "R9", "gross exposure", "Longs and shorts together, everything open filled.", ("max_gross",)
    ),
    Control("R10", "net exposure", "Longs less shorts, whichever side is filled.", ("max_net",)),
    Control(
        "R11",
        "buying power",
        "Funds that no open order may yet take pay for it; value held is a multiple of equity.",
        ("max_leverage", "capital"),
    ),
    Control("R12", "short selling", "Only symbols that were located.", ("shortable",)),
    Control(
        "R13",
        "order rate",
        "A token bucket for the account and its one strategy; who floods on is halted.",
        ("order_rate", "order_burst", "max_throttled"),
    ),
    Control("R14", "orders a day", "Orders and changes that were approved.", ("max_orders",)),
    Control(
        "R15",
        "notional a day",
        "Executed and open, buys and sales apart, as a multiple of equity; told of near it.",
        ("max_daily_notional", "alert_at"),
    ),
    Control(
        "R16", "duplicate content", "The same order once within a window.", ("duplicate_window",)
    ),
    Control("R17", "unique id", "One order an id, ever.", ("unique_ids",)),
    Control(
        "R18",
        "children and parent",
        "Children are for no more shares than their parent.",
        ("balanced_children",),
    ),
    Control("R19", "repeated cycles", "Entries and exits without a new bar.", ("max_cycles",)),
    Control(
        "R20",
        "self-cross",
        "The newer of two orders that would meet is refused.",
        ("no_self_cross",),
    ),
    Control(
        "R21",
        "daily loss",
        "Equity against the day's first, open positions included: HALTED, all cancelled.",
        ("max_daily_loss",),
    ),
    Control(
        "R22", "drawdown", "Equity against its peak over all days: REDUCING.", ("max_drawdown",)
    ),
    Control(
        "R23",
        "reject burst",
        "Orders that the broker rejects within a window: HALTED.",
        ("max_rejects", "reject_window"),
    ),
    Control(
        "R24",
        "session",
        "An order must trade in regular hours, and not begin in the last minutes.",
        ("regular_hours", "quiet_before_close"),
    ),
    Control(
        "R25",
        "tradable list",
        "The run's symbols, those allowed, none that is restricted, halted or disputed.",
        ("tradable", "restricted", "max_symbols"),
    ),
    Control(
        "R26",
        "participation",
        "An order's share of the median volume of the last bars.",
        ("max_participation", "participation_bars"),
    ),
    Control("R27", "dead man", "Feed or operator silent: REDUCING, all cancelled.", ("dead_man",)),
    Control(
        "R28",
        "reconciliation",
        "Orders, fills, holdings and cash against the broker's: REDUCING on any difference.",
        ("reconcile_every",),
    ),
    Control(
        "R29",
        "release gate",
        "Code and settings are shown with a hash; the first orders of a day can be kept small.",
        ("canary_orders", "canary_quantity"),
    ),
    Control(
        "R30",
        "daily evidence",
        "Limits, breaches, overrides and who made them, in a page sealed with its journal.",
        built_in="on",
    ),
)
"""In the order of their ids; every limit belongs to exactly one."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a day's page says of one control (risk-R30).

    Attributes:
        control: Which.
        setting: Its limits.
        overridden: Those that the profile sets otherwise.
        used: The most that was used of it, in hundredths of a percent.
        vetoes: Orders that it refused.
        restraints: What it brought about, and who released it.
    """

    control: Control
    setting: str
    overridden: tuple[str, ...]
    used: int
    vetoes: int
    restraints: tuple[str, ...]


def _written(limits: RiskLimits, name: str) -> str:
    value = getattr(limits, name)
    return f"{name}={'-' if value is None else UNITS[name].write(value)}"


def evidence(tally: RiskTally, profile: str) -> tuple[Evidence, ...]:
    """What became of every control in a day that was begun with a profile."""
    limits = tally.limits
    other = {name for name in UNITS if getattr(limits, name) != getattr(PROFILES[profile], name)}
    told = _told(tally)
    return tuple(
        Evidence(
            control,
            control.setting(limits),
            tuple(name for name in control.limits if name in other),
            tally.used.get(control.id, 0),
            tally.vetoes.get(control.id, 0),
            told.get(control.id, ()),
        )
        for control in CONTROLS
    )


def _told(tally: RiskTally) -> Mapping[str, tuple[str, ...]]:
    """Control -> what it restrained, in words; what no control brought about is R1's or R2's."""
    known, told = {control.id for control in CONTROLS}, dict[str, tuple[str, ...]]()
    for each in tally.restrained:
        found = each.restraint
        rule = found.by if found.by in known else "R1" if found.cause is Cause.KILL else "R2"
        told[rule] = (
            *told.get(rule, ()),
            f"{found.state}, {found.cause}: {found.reason} ({found.by})",
        )
    for gone in tally.released:
        rule = "R1" if gone.cause is Cause.KILL else "R2"
        told[rule] = (*told.get(rule, ()), f"released {gone.cause}: {gone.reason} ({gone.by})")
    return told
