"""Telling: every line of a journal as a sentence and a level, for people and for alerts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Raw

from papertape.domain.clock import Nanos, rfc3339
from papertape.domain.day import (
    BarAmended,
    Commanded,
    DayClosed,
    DayOpened,
    FeedLost,
    FeedRestored,
    FeedTroubled,
    Heard,
    JournalRestored,
    Line,
    MomentDecided,
    MomentIgnored,
    MomentSeen,
    OutcomeUnknown,
    Reconciled,
    Released,
    Restrained,
    SessionResumed,
    StrategyFailed,
)
from papertape.domain.event import (
    CancelPending,
    CancelRejected,
    CancelRequest,
    CashSettled,
    Decided,
    DividendAccrued,
    DividendPaid,
    FillBusted,
    FillCorrected,
    FinancingCharged,
    GoodFaithViolated,
    GroupOverfilled,
    HoldingDelisted,
    LimitTouched,
    MarginCalled,
    OrderAccepted,
    OrderApproved,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderPending,
    OrderRefused,
    OrderRejected,
    OrderReplaced,
    OrderRestated,
    PathUncertain,
    ReplaceApproved,
    ReplacePending,
    ReplaceRejected,
    ReplaceRequest,
    SplitApplied,
    SymbolChanged,
    VariationPaid,
)
from papertape.domain.fill import Fill
from papertape.domain.money import Micros, dollars
from papertape.domain.order import Order
from papertape.domain.restraint import Cause, Restraint, TradingState
from papertape.monitoring.journal import LINES
from papertape.monitoring.tail import Level, TailLine


class Told(NamedTuple):
    """A line in words."""

    time: Nanos
    level: Level
    kind: str
    text: str


def tell(line: Line) -> Told:
    """What happened, in a sentence without its time."""
    level, text = _day(line) or _order(line) or _money(line) or (Level.INFO, str(line))
    return Told(line.time, level, type(line).__name__, text)


def worth_a_note(line: Line) -> str:
    """A line as a note beside a result, if it is a fill or worse than expected; else empty."""
    told = tell(line)
    is_noted = isinstance(line, OrderFilled) or told.level >= Level.WARNING
    return f"{rfc3339(told.time)}  {told.text}" if is_noted else ""


def tail_lines(lines: Iterable[Line], session: str) -> list[TailLine]:
    """Lines of a journal as its tail tells them."""
    return [_tail_line(line, session) for line in lines]


def _tail_line(line: Line, session: str) -> TailLine:
    told, (tag, body) = tell(line), LINES.write(line)
    level = told.level.name.lower()
    return TailLine(
        told.time, rfc3339(told.time), level, told.kind, told.text, session, tag, Raw(body)
    )


def lines_told(tail: Iterable[TailLine]) -> list[Line]:
    """The journal's lines that a tail tells; of one that was written before it did, none."""
    return [LINES.read(each.tag, bytes(each.record), LINES.version) for each in tail if each.tag]


_Said = tuple[Level, str] | None


def _day(line: Line) -> _Said:  # noqa: C901, PLR0911, PLR0912 - one case a record
    """What is about the session itself."""
    match line:
        case DayOpened(session=session, day=day, strategy=strategy, cash=cash):
            return Level.INFO, f"{session} opened its day {day}: {strategy}, cash {_cash(cash)}"
        case SessionResumed(replayed=replayed):
            return Level.WARNING, f"resumed after an unclean end, {replayed:,} lines read again"
        case MomentSeen(moment=moment, is_history=is_history):
            closes = ", ".join(f"{bar.symbol} {bar.close:,.2f}" for bar in moment.bars)
            history = ", as history only" if is_history else ""
            return Level.DEBUG, f"market at {rfc3339(moment.time)}: {closes or 'no bar'}{history}"
        case MomentDecided(heard=heard):
            return Level.DEBUG, f"decided on, with all that the broker said up to its {heard}."
        case MomentIgnored(moment=moment, reason=reason):
            return Level.WARNING, f"the moment {rfc3339(moment)} is ignored: {reason}"
        case Heard(number=number):
            return Level.DEBUG, f"heard the broker up to its {number}."
        case JournalRestored(lines=lines, known=known, by=by):
            return Level.ERROR, f"{by} accepted an older journal: {lines:,} of {known:,} lines"
        case BarAmended(bar=bar, revision=revision):
            what = "changed" if revision else "came late"
            return Level.WARNING, (
                f"{bar.symbol} bar of {rfc3339(bar.start)} {what}; what was decided stands"
            )
        case FeedLost(reason=reason):
            return Level.ERROR, f"market data lost: {reason}"
        case FeedRestored(missed=missed):
            return Level.WARNING, f"market data are back, {missed} bars fetched as history"
        case FeedTroubled(part=part, reason=""):
            return Level.WARNING, f"the feed's {part}: well again"
        case FeedTroubled(part=part, reason=reason):
            return Level.WARNING, f"the feed's {part}: {reason}"
        case Restrained(restraint=each):
            level = _weight(each)
            flat = ", closing what is held" if each.flatten else ""
            return level, f"{each.state} ({each.cause}) by {each.by}: {each.reason}{flat}"
        case Released(cause=cause, reason=reason, by=by):
            return Level.WARNING, f"released from {cause} by {by}: {reason}"
        case Commanded(verb=verb, by=by, reason=reason):
            return Level.WARNING, f"{by} asked for {verb}" + (f": {reason}" if reason else "")
        case OutcomeUnknown(order_id=order_id, reason=reason):
            return Level.ERROR, f"{order_id}: no answer ({reason}); the broker is asked by id"
        case Reconciled(differences=differences):
            if not differences:
                return Level.DEBUG, "equal with the broker"
            items = ", ".join(each.item for each in differences)
            return Level.ERROR, f"not equal with the broker: {items}"
        case StrategyFailed(reason=reason):
            return Level.CRITICAL, f"the strategy failed and is asked nothing more: {reason}"
        case DayClosed(reason=reason):
            return Level.INFO, f"the day is closed: {reason}"
    return None


def _weight(each: Restraint) -> Level:
    """To be HALTED until the books are compared is how every start begins; a difference is not."""
    if each.state is not TradingState.HALTED:
        return Level.ERROR
    return Level.WARNING if each.cause is Cause.UNRECONCILED else Level.CRITICAL


def _order(line: Line) -> _Said:  # noqa: C901, PLR0911, PLR0912 - one case an event
    """What is about an order."""
    match line:
        case Decided(signal=signal, quantity=quantity, note=note):
            wants = f"{quantity:+,} shares" if quantity else "nothing to trade"
            words = f"{signal.symbol}: exposure {signal.exposure:g}, {wants} ({signal.reason})"
            return Level.INFO, words + (f"; {note}" if note else "")
        case OrderApproved(approved=approved):
            return Level.INFO, f"approved {_named(approved.order)}"
        case OrderRefused(refused=refused):
            what = f"refused {_named(refused.order)}"
            return Level.WARNING, f"{what}: {refused.rule} {refused.reason}"
        case OrderPending(order=order):
            return Level.DEBUG, f"{order.id} is on its way"
        case OrderAccepted(order=order):
            return Level.INFO, f"{order.id} is worked"
        case OrderRejected(order=order, reason=reason):
            return Level.ERROR, f"the broker rejected {_named(order)}: {reason}"
        case OrderFilled(fill=fill):
            return Level.INFO, f"filled {fill.order_id} {_traded(fill)}"
        case OrderCanceled(order_id=order_id, reason=reason):
            return Level.INFO, f"{order_id} canceled: {reason}"
        case OrderExpired(order_id=order_id):
            return Level.INFO, f"{order_id} expired"
        case OrderRestated(order=order, reason=reason) | OrderReplaced(order=order, reason=reason):
            return Level.INFO, f"{order.id} has new terms ({_terms(order)}): {reason}"
        case CancelRequest(order_id=order_id, reason=reason):
            return Level.INFO, f"cancel of {order_id} is sent: {reason}"
        case ReplaceRequest(order_id=order_id):
            return Level.INFO, f"a change of {order_id} reached the account"
        case ReplaceApproved(request=asked, approved=approved):
            return Level.INFO, f"change of {asked.order_id} is sent: {_terms(approved.order)}"
        case CancelPending(order_id=order_id) | ReplacePending(order_id=order_id):
            return Level.DEBUG, f"a change of {order_id} is on its way"
        case CancelRejected(order_id=order_id, reason=reason):
            return Level.WARNING, f"{order_id} was not canceled: {reason}"
        case ReplaceRejected(order_id=order_id, reason=reason):
            return Level.WARNING, f"{order_id} was not changed: {reason}"
        case LimitTouched(symbol=symbol, order_id=order_id, limit=limit):
            return Level.DEBUG, f"{symbol} touched the limit {_price(limit)} of {order_id}, no more"
        case PathUncertain(symbol=symbol, band_canonical=band):
            return Level.DEBUG, f"{symbol}'s bar could have gone otherwise, by {_cash(band)}"
        case GroupOverfilled(symbol=symbol, order_id=order_id, quantity=quantity):
            return Level.WARNING, f"{symbol}: {order_id} traded {quantity:+,} more than was meant"
        case FillBusted(fill=fill, reason=reason):
            return Level.ERROR, f"the exchange took back {fill.id}, {_traded(fill)}: {reason}"
        case FillCorrected(fill=fill, instead=instead, reason=reason):
            what = f"the exchange corrected {fill.id} to {_traded(instead)}"
            return Level.ERROR, f"{what}: {reason}"
    return None


def _money(line: Line) -> _Said:  # noqa: C901, PLR0911 - one case an event
    """What moves cash or shares without an order."""
    match line:
        case DividendAccrued(symbol=symbol, amount=amount, pay_date=day):
            return Level.INFO, f"{symbol} pays {_cash(amount)} a share on {day}"
        case DividendPaid(symbol=symbol, total=total):
            return Level.INFO, f"{symbol} paid {_cash(total)}"
        case SplitApplied(symbol=symbol, ratio=ratio, before=before, after=after):
            return Level.INFO, f"{symbol} split {ratio}: {before:,} shares are {after:,}"
        case SymbolChanged(symbol=symbol, new_symbol=new_symbol):
            return Level.INFO, f"{symbol} is called {new_symbol} now"
        case HoldingDelisted(symbol=symbol, quantity=quantity, price=price):
            return Level.WARNING, f"{symbol} ceased to trade: {quantity:,} at {_price(price)}"
        case CashSettled(symbol=symbol, total=total):
            return Level.DEBUG, f"{_cash(total)} of {symbol} settled"
        case VariationPaid(symbol=symbol, total=total):
            return Level.DEBUG, f"{symbol} was marked: {_cash(total)}"
        case FinancingCharged(symbol=symbol, what=what, total=total):
            return Level.INFO, f"{what} for {symbol or 'cash'}: {_cash(total)}"
        case MarginCalled(equity=equity, required=required):
            return Level.ERROR, f"margin call: equity {_cash(equity)}, needs {_cash(required)}"
        case GoodFaithViolated(symbol=symbol):
            return Level.WARNING, f"{symbol} was sold before its money had settled"
    return None


def _named(order: Order) -> str:
    reason = f' ("{order.reason}")' if order.reason else ""
    return f"{order.id} {_terms(order)}{reason}"


def _terms(order: Order) -> str:
    side = "buy" if order.quantity > 0 else "sell"
    prices = [
        f"{name} {_price(value)}"
        for name, value in (("limit", order.limit), ("stop", order.stop))
        if value is not None
    ]
    terms = " ".join([order.kind.value, *prices])
    return f"{side} {abs(order.quantity):,} {order.symbol} {terms}"


def _traded(fill: Fill) -> str:
    return f"{fill.quantity:+,} {fill.symbol} at {_price(fill.price)}"


def _price(price: Micros) -> str:
    return f"{dollars(price):,.4f}".removesuffix("00")


def _cash(amount: Micros) -> str:
    return f"{dollars(amount):,.2f}"
