"""Explaining a run in words, from its record alone: its summary, and why anything happened."""

from __future__ import annotations

from collections import Counter

from papertape.domain.errors import UsageError
from papertape.engines.proofbench.record import (
    DecisionRow,
    FillRow,
    OrderRow,
    RunRecord,
    TradeRow,
)

FEW_TRADES = 30
"""Below this a result is an anecdote: the sentence under it says so."""

MANY_AMBIGUOUS = 0.05
"""A larger share of exits that could have gone either way asks for finer data."""


def summary(record: RunRecord) -> list[str]:
    """What the run amounts to, in a few sentences; no trades are never silence."""
    closed = [trade for trade in record.trades if trade.exit_time is not None]
    words = [_no_trades(record)] if not record.trades else [_trades(record, closed)]
    band = record.path_band
    if band.bars or band.trail_worse:
        words.append(
            f"{band.bars} bar{'' if band.bars == 1 else 's'} could have gone either way and the "
            f"worse was booked: the better would have brought {band.better:,.2f}, trailing stops "
            f"could have lost {band.trail_worse:,.2f} more."
        )
    if record.lookahead.status == "failed":
        words.append(f"LOOK-AHEAD: {record.lookahead.detail}. This result is worth nothing.")
    if len(record.trades) == 1:
        words.append("One position proves nothing, whichever way it went.")
    elif record.trades and len(closed) < FEW_TRADES:
        words.append(f"{len(closed)} closed trades prove nothing about the next one.")
    return words


def cost_words(record: RunRecord) -> str:
    """What trading cost, and where it went; rounded so that the parts still add up."""
    split = record.costs
    total, fees, spread = (
        round(100 * float(f"{each:.2f}")) for each in (split.total, split.fees, split.spread)
    )
    parts = {"fees": fees, "spread": spread, "slippage": total - fees - spread}
    told = " + ".join(f"{name} {cents / 100:,.2f}" for name, cents in parts.items())
    return f"{total / 100:,.2f} = {told}"


def fill_words(record: RunRecord) -> list[str]:
    """How the fills came about, a sentence for everything that happened at all."""
    found, share = record.fill_report, record.fill_report.entry_bar_share
    gap = f"{found.gap_stops:,}, on average {found.gap_cost or 0:,.2f} worse than their level"
    sentences = [
        (found.capped, f"Fills cut short by a limit of quantity: {found.capped:,}."),
        (
            found.touched,
            f"Limits that were touched, not crossed, so not filled: {found.touched:,}.",
        ),
        (found.outside, f"Fills that costs carried outside their bar: {found.outside:,}."),
        (found.deferred, f"Orders that arrived within a bar, and waited: {found.deferred:,}."),
        (found.gap_stops, f"Stops filled at a gap: {gap}."),
    ]
    words = [text for number, text in sentences if number]
    if share:
        words.append(f"{share:.0%} of all profit and loss was made within the bar of the entry.")
    if found.ambiguous_exits > MANY_AMBIGUOUS * found.exits:
        words.append(
            f"{found.ambiguous_exits} of {found.exits} exits could have come out otherwise within "
            "their bar: finer data would tell."
        )
    return words


def _no_trades(record: RunRecord) -> str:
    """Why nothing was traded, and what to try."""
    signals, refused = len(record.decisions), Counter(row.rule for row in record.refusals)
    if refused:
        rule, times = refused.most_common(1)[0]
        example = next(row.reason for row in record.refusals if row.rule == rule)
        tip = " Try --cash with more, or a smaller --size." if rule == "R11" else ""
        return (
            f"0 trades: {max(signals, sum(refused.values()))} signals, {sum(refused.values())} "
            f"refused ({rule} {example}; {times} times).{tip}"
        )
    if record.orders:
        ends = Counter(f"{row.status} {row.note}".strip() for row in record.orders)
        what, times = ends.most_common(1)[0]
        return f"0 trades: {len(record.orders)} orders, none filled ({times} times: {what})."
    if signals:
        return f"0 trades: {signals} signals, no order ({record.decisions[0].outcome})."
    return "0 trades: 0 signals, the strategy never wanted to hold anything in this window."


def _trades(record: RunRecord, closed: list[TradeRow]) -> str:
    still = [trade for trade in record.trades if trade.exit_time is None]
    if len(record.trades) == 1 and still:
        trade = still[0]
        first = "the first open it may use" if _at_first_open(record, trade) else "its open"
        return (
            f"One position: {abs(trade.quantity)} {trade.symbol} "
            f"{'bought' if trade.quantity > 0 else 'sold short'} at {trade.entry_price:,.2f} at "
            f"{first}, {trade.entry_time[:10]}, and held to the end, {record.ground.last}."
        )
    won = sum(trade.pnl > 0 for trade in closed)
    count = f"{len(record.trades)} trade{'' if len(record.trades) == 1 else 's'}"
    words = f"{count}: {won} of {len(closed)} closed ones won"
    if still:
        words += f", {len(still)} still open at the end"
    refused = f"; {len(record.refusals)} orders refused" if record.refusals else ""
    return words + refused + "."


def _at_first_open(record: RunRecord, trade: TradeRow) -> bool:
    return trade.entry_time == record.equity.time[0]


def why(record: RunRecord, identifier: str) -> str:
    """Explain a trade (``T1``), an order (``O1``) or a fill (``O1#1``).

    Raises:
        UsageError: If the run has nothing of that name.
    """
    for trade in record.trades:
        if trade.id == identifier:
            return _why_trade(record, trade)
    for order in record.orders:
        if order.id == identifier:
            return "\n".join(_why_order(record, order))
    for fill in record.fills:
        if fill.id == identifier:
            return "\n".join(_why_fill(fill))
    raise UsageError(
        f"this run has nothing called {identifier!r}",
        hint=f"it has {_named(record)}",
    )


def _named(record: RunRecord) -> str:
    trades = f"trades T1 to T{len(record.trades)}" if record.trades else "no trades"
    orders = f"orders {record.orders[0].id} and on" if record.orders else "no orders"
    return f"{trades}, {orders}"


def why_not(record: RunRecord, symbol: str, moment: str) -> str:
    """What stood at a moment (RFC 3339 text or a date) when nothing seems to have been done.

    Raises:
        UsageError: If the symbol is not part of the run.
    """
    if symbol not in record.ground.symbols:
        raise UsageError(
            f"{symbol} is not part of this run", hint=f"it has {', '.join(record.ground.symbols)}"
        )
    if not record.ground.first <= moment[:10] <= record.ground.last:
        raise UsageError(
            f"{moment} lies outside this run",
            hint=f"it traded from {record.ground.first} to {record.ground.last}",
        )
    until = moment if "T" in moment else f"{moment}T99"
    decisions = [row for row in record.decisions if row.symbol == symbol and row.time <= until]
    fills = [row for row in record.fills if row.symbol == symbol and row.time <= until]
    refused = [row for row in record.refusals if row.symbol == symbol and row.time <= until]
    held = f"{sum(fill.quantity for fill in fills)} shares"
    decided = [row for row in decisions if row.time.startswith(moment)]
    filled = [row for row in fills if row.time.startswith(moment)]
    if decided or filled:
        lines = [f"{symbol} {moment}: {len(decided)} decisions, {len(filled)} fills"]
        lines += [line for row in decided for line in _decision_lines(row)]
        lines += [line for fill in filled for line in _why_fill(fill)]
        lines.append(f"  have     {held}")
    else:
        lines = [f"{symbol} {moment}: no order, the strategy's wish did not change"]
        lines += [_standing_wish(decisions), f"  have     {held}, so nothing to do"]
    if refused:
        lines.append(f"  last no  {refused[-1].time} {refused[-1].rule} {refused[-1].reason}")
    return "\n".join(lines)


def _standing_wish(decisions: list[DecisionRow]) -> str:
    if not decisions:
        return "  rule     it has wanted nothing yet"
    last = decisions[-1]
    return f"  rule     exposure {last.exposure:g} since {last.time}: {last.reason}"


def _decision_lines(row: DecisionRow) -> list[str]:
    return [
        f"  saw      close {row.price:,.2f} at {row.time}",
        f"  reason   {row.reason}",
        f"  wanted   exposure {row.exposure:g}: {row.quantity:+d} shares -> {row.outcome}",
    ]


def _why_trade(record: RunRecord, trade: TradeRow) -> str:
    side = "BUY" if trade.quantity > 0 else "SELL"
    lines = [f"{trade.id}  {side} {abs(trade.quantity)} {trade.symbol}  {trade.entry_time}"]
    for order in [row for row in record.orders if row.id in trade.orders]:
        lines += _why_order(record, order)
    lines += [
        f"  booked   {row.time} {row.what}: cash {row.cash:+,.2f}"
        for row in record.bookings
        if row.symbol == trade.symbol
        and trade.entry_time <= row.time <= (trade.exit_time or record.equity.time[-1])
    ]
    mark = "marked at the last close" if trade.exit_time is None else "closed"
    lines.append(
        f"  result   {trade.pnl:+,.2f} ({trade.return_on_entry:+.2%}), {mark}; costs "
        f"{trade.costs:,.2f}, dividends {trade.dividends:,.2f}"
        + (f", financing {trade.financing:,.2f}" if trade.financing else "")
    )
    if trade.mfe is not None and trade.mae is not None:
        lines.append(f"  way      best {trade.mfe:+.1%}, worst {trade.mae:+.1%} while held")
    return "\n".join(lines)


def _why_order(record: RunRecord, order: OrderRow) -> list[str]:
    lines = [
        f"  order    {order.id} {order.side} {abs(order.quantity)} {order.symbol} {order.kind}"
    ]
    decisions = [row for row in record.decisions if row.order_id == order.id]
    lines += [line for row in decisions for line in _decision_lines(row)]
    if not decisions:
        lines.append(f"  reason   {order.reason}")
    if order.checks:
        lines.append(f"  checks   {'; '.join(order.checks)}")
    fills = [fill for fill in record.fills if fill.order_id == order.id]
    lines += [line for fill in fills for line in _why_fill(fill)]
    if order.touched:
        bars = "1 bar" if order.touched == 1 else f"{order.touched} bars"
        lines.append(f"  touch    {bars} came to its limit and not beyond it: no fill")
    lines.append(f"  became   {order.status}" + (f": {order.note}" if order.note else ""))
    return lines


def _why_fill(fill: FillRow) -> list[str]:
    sign = "+" if fill.quantity > 0 else "-"
    parts = f"{fill.reference} {sign} spread {fill.half_spread} {sign} slippage {fill.slippage}"
    costs = f"fee {fill.fee} + spread {fill.spread_cost} + slippage {fill.slippage_cost}"
    if fill.delay:
        parts += f" {sign} lateness {fill.delay}"
        costs += f" + lateness {fill.delay_cost}"
    lines = [
        f"  fill     {fill.id} {fill.quantity:+d} at {fill.price} on {fill.time}, {fill.rule}, "
        + (fill.tape or f"bar {fill.bar}"),
        f"  price    {parts}, to the tick; fee {fill.fee}",
        f"  cost     {fill.cost} = {costs}",
    ]
    if fill.level is not None and fill.level != fill.reference:
        beyond = abs(fill.reference - fill.level)
        lines.append(f"  gap      {beyond:.2f} a share from its level {fill.level}")
    if fill.ambiguous:
        lines.append(f"  path     {fill.path}, the worse for us of the two that the bar allows")
    if fill.cap:
        lines.append(f"  cap      {fill.cap} bound this fill")
    if fill.outside:
        lines.append("  note     costs carried the price outside the bar's low to high")
    return lines
