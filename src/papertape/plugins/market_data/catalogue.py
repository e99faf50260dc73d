"""The sources that are installed, by name: ours, and those of other packages by an entry point."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points

from papertape.domain.errors import SettingsError, UsageError
from papertape.plugins.market_data.source import MarketData

GROUP = "papertape.market_data"
"""The entry points' group; each names a class, or whatever else makes a `MarketData`."""


def source_names() -> list[str]:
    """The names of all sources, in alphabetical order; none of them is imported."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def source_named(name: str) -> Callable[..., MarketData]:
    """What makes the source of a name, imported now.

    Raises:
        UsageError: If there is no such source.
        SettingsError: If two packages claim the name, or the plugin cannot be imported.
    """
    # An installed package may be seen twice on the path, which is one claim.
    found = {point.value: point for point in entry_points(group=GROUP, name=name)}
    if not found:
        raise UsageError(
            f"there is no source {name!r}", hint=f"installed are {', '.join(source_names())}"
        )
    if len(found) > 1:
        raise SettingsError(
            f"two packages offer a source {name!r}: {' and '.join(sorted(found))}",
            hint="uninstall one of them",
        )
    return _imported(next(iter(found.values())))


def _imported(point: EntryPoint) -> Callable[..., MarketData]:
    try:
        made = point.load()
    except Exception as error:
        raise SettingsError(
            f"the source {point.name!r} cannot be imported from {point.value}: {error!r}",
            hint="reinstall the package that offers it",
        ) from error
    if not callable(made):
        raise SettingsError(f"the source {point.name!r}: {point.value} makes nothing")
    return made  # type: ignore[no-any-return]
