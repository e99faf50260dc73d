"""Providers: plugins by name, made from the project's settings and the user's keys."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from papertape.cli.keys import FoundKey, found_keys, key_sets
from papertape.cli.settings import Settings
from papertape.domain.errors import SettingsError, UsageError
from papertape.plugins.market_data.source import MarketData

GROUP = "papertape.market_data"
"""The entry points by which a plugin, ours or anybody's, is found."""

TERMS = {
    "alpaca": "own use; data from the API may not be redistributed",
    "massive": "personal, non-business use; no passing on of data",
    "polygon": "personal, non-business use; no passing on of data",
    "tiingo": "personal or internal use; redistribution only by contract",
    "iex": "internal use; no redistribution",
    "yahoo": "unofficial access, personal use only",
    "sample": "public domain (Quandl WIKI)",
}
"""What each provider allows, in short, read from its public pages; no legal advice."""

_ASKED_FIRST = ("tiingo", "alpaca", "massive", "iex")


@dataclass(frozen=True, slots=True)
class Provider:
    """A source that is ready to be asked.

    Attributes:
        name: As the command line spells it.
        source: The plugin.
        keys: What it was made with, each shown by its ends only.
        told: What the settings told it, none of which is secret.
    """

    name: str
    source: MarketData
    keys: tuple[FoundKey, ...] = ()
    told: Mapping[str, Any] = field(default_factory=dict)

    @property
    def feed(self) -> str:
        """Which of the provider's feeds, where the settings choose one."""
        return str(self.told.get("feed") or self.told.get("backend") or "")

    @property
    def terms(self) -> str:
        """What the provider allows; empty if we do not know."""
        return TERMS.get(self.name, "")


def plugins() -> dict[str, EntryPoint]:
    """Every plugin that is installed, by name."""
    return {each.name: each for each in entry_points(group=GROUP)}


def provider_of(name: str | None, settings: Settings) -> Provider:
    """The provider of that name, or the first one whose key is there.

    Raises:
        UsageError: If no plugin has the name, or it cannot be asked for bars by name.
        SettingsError: If its key is missing, or none is there at all.
    """
    return made(name or settings.provider or _with_key(settings), settings)


def made(name: str, settings: Settings) -> Provider:
    """A provider's plugin with its settings and keys.

    Raises:
        UsageError: If no plugin has the name, or it cannot be asked for bars by name.
        SettingsError: If its key is missing.
    """
    known = plugins()
    if name not in known:
        near = get_close_matches(name, known, n=1)
        raise UsageError(
            f"no provider is called {name!r}",
            hint=f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}",
        )
    told = dict(settings.providers.get(name, {}))
    keys = found_keys(name, str(told.get("backend", "")))
    source = _built(name, known[name].load(), told, keys)
    if source.capabilities.needs_key and not keys:
        raise _no_key(name, str(told.get("backend", "")))
    return Provider(name, source, tuple(keys.values()), told)


def _built(
    name: str, kind: Any, told: Mapping[str, Any], keys: Mapping[str, FoundKey]
) -> MarketData:
    """The plugin, given a ``config`` if it takes one, else whatever of it it takes by name."""
    config = {**told, **{field: key.secret.get_secret_value() for field, key in keys.items()}}
    parameters = inspect.signature(kind).parameters
    arguments = (
        {"config": config}
        if "config" in parameters
        else {key: value for key, value in config.items() if key in parameters}
    )
    try:
        inspect.signature(kind).bind(**arguments)
    except TypeError:
        if keys or not key_sets(name):
            raise
        raise UsageError(
            f"{name} needs to be told more: {', '.join(set(parameters) - set(arguments))}",
            hint=f"set it in papertape.toml under [providers.{name}]; files are read by "
            "papertape data import",
        ) from None
    source: MarketData = kind(**arguments)
    return source


def _with_key(settings: Settings) -> str:
    known = plugins()
    for name in (*_ASKED_FIRST, *sorted(set(known) - set(_ASKED_FIRST))):
        if name in known and found_keys(name, str(settings.providers.get(name, {}).get("backend"))):
            return name
    raise SettingsError(
        "no provider is named and no key of one is there",
        hint="put a key into .env (papertape init writes an example; papertape doctor looks), "
        "or name one: --provider NAME",
    )


def _no_key(name: str, backend: str) -> SettingsError:
    ways = [
        " and ".join(" or ".join(each) for each in one.values()) for one in key_sets(name, backend)
    ]
    return SettingsError(
        f"{name} needs a key, and none is there",
        hint=f"set {'; or '.join(ways)} in the environment or in .env (chmod 600 .env)",
    )
