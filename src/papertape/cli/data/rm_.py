"""`papertape data rm`: a series, or whatever came from one provider, is deleted."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from papertape.cli.answer import Answer
from papertape.cli.data.shelf import meant, span, store_of, told
from papertape.cli.options import Here
from papertape.data.store import Manifest, Store
from papertape.domain.errors import UsageError

_Switch = Annotated[bool, Parameter(negative=(), show_default=False)]


def rm_(
    symbol: str | None = None,
    /,
    *,
    bar: str | None = None,
    provider: str | None = None,
    yes: _Switch = False,
    dry_run: _Switch = False,
    here: Here,
) -> Answer:
    """Delete a series with all its revisions, or every series of a provider.

    Parameters
    ----------
    symbol
        Whose bars.
    bar
        Bar length; may be left out where the store holds only one.
    provider
        Every series of this provider, as `papertape data list` names it.
    yes
        Do not ask.
    dry_run
        Say what would be deleted, and delete nothing.
    """
    store = store_of(here)
    found = _chosen(store, symbol, bar, provider)
    lines = [f"{each.symbol} {each.bar}  {span(each)}  {each.rows:,} bars" for each in found]
    if not dry_run:
        if not (yes or _agreed(lines)):
            raise UsageError(
                "nobody agreed to the deletion", hint="add --yes, or --dry-run to look"
            )
        for each in found:
            store.remove(each.symbol, each.frequency, here.clock.now())
    verb = "would be deleted" if dry_run else "deleted"
    page = [f"{line}  {verb}" for line in lines] or [f"the store holds nothing of {provider}"]
    data = {"series": [told(each) for each in found], "dry_run": dry_run}
    return Answer("\n".join(page), data)


def _chosen(
    store: Store, symbol: str | None, bar: str | None, provider: str | None
) -> list[Manifest]:
    if (symbol is None) == (provider is None):
        raise UsageError(
            "name either a symbol or a provider",
            hint="papertape data rm SPY --bar 1d, or papertape data rm --provider NAME",
        )
    if symbol is not None:
        return [meant(store, symbol, bar)]
    return [each for each in store.series() if each.origin.provider == provider]


def _agreed(lines: list[str]) -> bool:
    """Ask on a terminal; elsewhere nobody can answer."""
    if not lines or not sys.stdin.isatty():
        return not lines
    print("\n".join(lines), file=sys.stderr)
    print("delete this? type yes: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() == "yes"
