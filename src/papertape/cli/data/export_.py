"""`papertape data export`: a series as a file that other programs read, and what explains it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import Parameter

from papertape.cli.answer import Answer
from papertape.cli.data.shelf import ADJUSTED, meant, store_of
from papertape.cli.files import refuse_overwriting, write_whole
from papertape.cli.options import Here
from papertape.cli.tables import sentence
from papertape.data.actions import adjusted
from papertape.data.canonical import MAP, as_parquet, canonical, explanation
from papertape.data.store import Manifest


def export_(
    symbol: str,
    /,
    *,
    bar: str | None = None,
    adjust: Literal["none", "split", "all"] | None = None,
    to: Annotated[Literal["csv", "parquet"], Parameter(name="--to")] = "csv",
    out: Annotated[str | None, Parameter(name=["--out", "-o"])] = None,
    force: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    here: Here,
) -> Answer:
    """Write a series to a file, with a JSON beside it that says what the prices are.

    Parameters
    ----------
    symbol
        Whose bars.
    bar
        Bar length; may be left out where the store holds only one.
    adjust
        Seen from its last bar: for splits, or for splits and dividends; as stored if left out.
    to
        The format.
    out
        The file; SYMBOL-BAR.csv if left out.
    force
        Write over a file that is there.
    """
    store = store_of(here)
    manifest = meant(store, symbol, bar)
    file = Path(out or f"{manifest.symbol}-{manifest.bar}.{to}")
    beside = Path(f"{file}.json")
    refuse_overwriting([file, beside], force=force)
    history = store.read(manifest)
    if adjust:
        history = adjusted(history, ADJUSTED[adjust])
    content = as_parquet(history) if to == "parquet" else canonical(history).encode()
    told = explanation(history, content, here.clock.now()) | _origin(manifest)
    write_whole(file, content)
    write_whole(beside, msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n")
    lines = [f"{file}: {len(history.bars):,} bars, {history.adjusted}", f"{beside} explains them"]
    if history.actions:
        lines += sentence("Note", f"splits and dividends are in it; {MAP} reads them", here.width)
    lines += sentence("Terms", _terms(manifest), here.width)
    data: dict[str, Any] = {**told, "file": str(file), "beside": str(beside)}
    return Answer("\n".join(lines), data, (_terms(manifest),))


def _origin(manifest: Manifest) -> dict[str, object]:
    return {
        "provider": manifest.origin.words,
        "source": manifest.origin.source,
        "revision": manifest.revision,
        "fetched_at": manifest.fetched_at,
        "terms": _terms(manifest),
    }


def _terms(manifest: Manifest) -> str:
    told = manifest.origin.terms or "what the source allows is not recorded"
    return f"{manifest.origin.words}: {told}; a vendor's bars are not to be passed on"
