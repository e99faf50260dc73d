"""`papertape data import`: price files of any vendor become revisions in the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from papertape.cli.answer import Answer
from papertape.cli.data.keeping import Keeping, keep, say_what_is_kept, summary
from papertape.cli.data.shelf import store_of
from papertape.cli.options import Here, pairs
from papertape.cli.progress import progress
from papertape.data.store import Kept, OnDifference, Origin
from papertape.domain.errors import PapertapeError
from papertape.plugins.market_data.csv import read_prices

_Words = Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)]
_Switch = Annotated[bool, Parameter(negative=(), show_default=False)]


def import_(
    files: Annotated[tuple[str, ...], Parameter(show=True)],
    /,
    *,
    symbol: str,
    tz: str | None = None,
    bar: str | None = None,
    adjusted: Literal["raw", "split", "all"] | None = None,
    map_: Annotated[tuple[str, ...], Parameter(name="--map", negative=(), show_default=False)] = (),
    provider: str = "csv",
    on_difference: OnDifference = "latest",
    replace: _Switch = False,
    dry_run: _Switch = False,
    here: Here,
) -> Answer:
    """Read price files (csv, csv.gz, zip, parquet) into the store; the same bars twice are once.

    Parameters
    ----------
    files
        One or several files of one symbol, in any order.
    symbol
        Whose prices they hold.
    tz
        Zone of times that name none, like America/New_York.
    bar
        Bar length: 1d, 1h, 5m, 1m; found in the file if left out.
    adjusted
        What the prices are adjusted for, where the file does not say.
    map_
        Columns with other names: open=Open,close=Last.
    provider
        Who the bars are from; bars of two providers are not mixed.
    on_difference
        Which bar wins where a file and the store differ: latest (the file's), stored, or refuse.
    replace
        Put these bars in the place of all that the store holds of the series, in a new revision.
    dry_run
        Say what would be done, and do nothing.
    """
    columns = pairs("--map", [word for text in map_ for word in text.split(",")])
    keeping = Keeping(on_difference, "imported", replace=replace, dry_run=dry_run)
    store = store_of(here, rehearse=dry_run)
    kept: list[Kept] = []
    notices: list[str] = []
    for name in files:
        try:
            with progress(f"reading {Path(name).name}", here):
                history = read_prices(
                    name,
                    symbol=symbol,
                    frequency=bar,
                    zone=tz,
                    adjusted=adjusted,
                    columns=columns,
                    now=here.clock.now(),
                )
            origin = Origin(provider=provider, source=history.source)
            how = keeping.beside() if kept else keeping
            kept.append(keep(store, history, origin, here.clock.now(), how))
        except (PapertapeError, KeyboardInterrupt) as error:
            say_what_is_kept(error, [] if dry_run else kept[-1:], "then import the others again")
            raise
        notices += history.notices
    return summary(kept, tuple(dict.fromkeys(notices)), keeping, here)
