"""The day's page as one HTML file: no script, nothing from outside, light or dark, printable."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Collection, Iterable, Sequence
from html import escape

from papertape.cli.evening import Evening, clock_words, told
from papertape.cli.tables import number

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #5b6570;
  --line: #d5dae0; --equal: #0b6bcb; --different: #b3430e }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ed; --paper: #14171b; --soft: #9aa4af; --line: #343b43;
    --equal: #7db8ff; --different: #ffa26b }
}
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 72rem; margin: auto; padding: 1.5rem }
h1 { font-size: 1.4rem; margin: 0 }
h2 { font-size: 1.05rem; margin: 2rem 0 .4rem }
p { margin: .3rem 0 }
.soft { color: var(--soft) }
.equal { color: var(--equal) }
.different { color: var(--different) }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr));
  gap: .8rem; margin: 1.2rem 0 }
.figures div { border: 1px solid var(--line); border-radius: .3rem; padding: .5rem .7rem }
.figures dt { color: var(--soft); font-size: .85rem }
.figures dd { margin: 0; font-size: 1.15rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top }
th { color: var(--soft); font-weight: 600 }
.n { text-align: right }
meter { width: 6rem }
@media print {
  :root { color-scheme: light; --ink: #000; --paper: #fff; --soft: #444; --line: #bbb;
    --equal: #0b6bcb; --different: #b3430e }
  body { max-width: none; padding: 0 }
  h2 { break-after: avoid }
  tr { break-inside: avoid }
}
"""
_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; style-src "
    f"'sha256-{b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)
_Row = Sequence[object]


def day_page(found: Evening) -> str:
    """The same facts as the text and the JSON of `papertape eod`."""
    title = f"{found.title} day {found.day}"
    mark = "✓ EQUAL" if found.is_equal else "✗ DIFFERENT"
    body = [
        f"<h1>{escape(title)}: <span class='{escape(found.verdict)}'>{mark}</span></h1>",
        f"<p class=soft>{escape(_ground(found))}</p>",
        _figures(found),
        *_section("The day in words", [_told(found)]),
        *_section("Differences between paper and bench", _differences(found)),
        *_section("Times without market data", _outages(found)),
        *_section("Orders, each in the one state it ended in", _orders(found)),
        *_section("Risk limits: the most that was used of each", [_limits(found)]),
    ]
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        f'<meta http-equiv=Content-Security-Policy content="{_POLICY}">'
        "<meta name=viewport content='width=device-width'><meta name=referrer content=no-referrer>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _ground(found: Evening) -> str:
    return (
        f"{found.session} · {found.strategy} on account {found.account} · feed {found.feed} · "
        f"profile {found.profile} · code {found.code}, config {found.settings} · "
        f"{found.lines:,} lines of journal, each verified · times are New York's, "
        "money is in US dollars"
    )


def _figures(found: Evening) -> str:
    peak = 100 * (found.equity / found.peak - 1) if found.equity and found.peak else 0.0
    tiles = (
        ("Result of the day", f"{found.day_pnl:+,.2f} $"),
        ("Equity", f"{number(found.equity)} $"),
        ("Below the peak of all days", f"{peak:.2f} %"),
        ("Cash against the bench", f"{found.cash_difference_micros / 1e6:+,.2f} $"),
        ("Orders", f"{found.orders:,} sent, {sum(found.refused.values()):,} refused"),
        ("Bars", f"{found.bars_seen:,} of {found.bars_due:,} due"),
        ("Costs", f"{number(found.costs)} $"),
        ("Of them spread and slippage", f"{number(found.slippage)} $"),
    )
    inner = "".join(f"<div><dt>{escape(name)}</dt><dd>{value}</dd></div>" for name, value in tiles)
    return f"<dl class=figures>{inner}</dl>"


def _section(head: str, parts: Iterable[str]) -> Iterable[str]:
    return (f"<h2>{escape(head)}</h2>", *parts)


def _told(found: Evening) -> str:
    return _table(("", ""), told(found))


def _differences(found: Evening) -> list[str]:
    if not found.differences:
        return ["<p>None: the bench, run from the journal, did the same, order by order.</p>"]
    heads = ("time", "item", "paper", "bench", "cause")
    rows = [
        (clock_words(each.time), each.item, each.paper, each.bench, each.cause)
        for each in found.differences
    ]
    return [_table(heads, rows)]


def _outages(found: Evening) -> list[str]:
    if not found.outages:
        return ["<p>None.</p>"]
    rows = [
        (
            clock_words(each.since),
            clock_words(each.to) if each.to else "the end",
            each.part,
            each.reason,
            "none" if each.missed is None else f"{each.missed:,} bars",
        )
        for each in found.outages
    ]
    return [_table(("from", "to", "what", "reason", "fetched"), rows)]


def _orders(found: Evening) -> list[str]:
    sums = ", ".join(f"{count:,} {state}" for state, count in sorted(found.states.items()))
    if not found.orders:
        return ["<p>No order was sent.</p>"]
    heads = ("time", "id", "side", "shares", "symbol", "type", "state", "filled, shares")
    more = ("average price, $", "worse than decided, bp", "reason")
    rows = [
        (
            each["time"],
            each["id"],
            each["side"],
            abs(each["quantity"]),
            each["symbol"],
            each["type"],
            each["state"],
            abs(each["filled"]),
            number(each["average_price"], 4),
            number(each["against_decision_bp"], 1),
            each["reason"],
        )
        for each in found.blotter
    ]
    return [
        f"<p>{found.orders:,} sent = {escape(sums)}.</p>",
        _table(heads + more, rows, numbers={3, 7, 8, 9}),
    ]


def _limits(found: Evening) -> str:
    heads = ("rule", "name", "limit", "used, %", "", "vetoes", "what it did")
    rows = [
        (
            each.rule,
            each.name,
            each.setting,
            f"{100 * each.used:.1f}",
            _Bar(each.used),
            each.vetoes,
            "; ".join(each.restraints),
        )
        for each in found.limits
    ]
    return _table(heads, rows, numbers={3, 5})


class _Bar(float):
    """A share of a limit that is drawn, besides being told."""


def _table(heads: Sequence[str], rows: Iterable[_Row], numbers: Collection[int] = ()) -> str:
    def line(tag: str, cells: _Row) -> str:
        inner = (
            f"<{tag}{' class=n' if at in numbers else ''}>{_cell(each)}</{tag}>"
            for at, each in enumerate(cells)
        )
        return f"<tr>{''.join(inner)}</tr>"

    head = f"<thead>{line('th', heads)}</thead>" if any(heads) else ""
    body = "\n".join(line("td", row) for row in rows)
    return f"<div class=wide><table>{head}<tbody>{body}</tbody></table></div>"


def _cell(value: object) -> str:
    if isinstance(value, _Bar):
        share = min(1.0, float(value))
        return f"<meter min=0 max=1 high=0.7 value={share:.4f}>{100 * share:.1f} %</meter>"
    return escape(f"{value:,}" if isinstance(value, int) else str(value))
