"""Providers: plugins by name, made from the project's settings and the user's keys."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from papertape.cli.keys import FoundKey, found_keys, key_sets
from papertape.cli.settings import Settings
from papertape.domain.errors import SettingsError, UsageError
from papertape.plugins.market_data.catalogue import source_named, source_names
from papertape.plugins.market_data.source import MarketData

if TYPE_CHECKING:  # whoever only asks for a name needs no HTTP client
    from papertape.plugins.market_data.transport import Timing

_ASKED_FIRST = ("tiingo", "alpaca", "massive", "iex")


@dataclass(frozen=True, slots=True)
class Provider:
    """A source that is ready to be asked.

    Attributes:
        name: As the command line spells it.
        source: The plugin.
        keys: What it was made with, each shown by its ends only.
    """

    name: str
    source: MarketData
    keys: tuple[FoundKey, ...] = ()


def provider_of(
    name: str | None, settings: Settings, home: Path, timing: Timing | None = None
) -> Provider:
    """The provider of that name, or the first one whose key is there.

    Raises:
        UsageError: If no plugin has the name, or it cannot be asked for bars by name.
        SettingsError: If its key is missing, or none is there at all.
    """
    return made(name or settings.provider or _with_key(settings), settings, home, timing)


def made(name: str, settings: Settings, home: Path, timing: Timing | None = None) -> Provider:
    """A provider's plugin, told its settings, its keys, and the folder to count its calls in.

    Args:
        name: As the command line spells it.
        settings: The project's.
        home: The folder.
        timing: How it lets time pass, where that is not this machine's.

    Raises:
        UsageError: If no plugin has the name, or it cannot be asked for bars by name.
        SettingsError: If its key is missing.
    """
    kind = source_named(name)
    told = dict(settings.providers.get(name, {}))
    backend = str(told.get("backend", ""))
    keys = found_keys(name, backend)
    secrets = {field: key.secret.get_secret_value() for field, key in keys.items()}
    try:
        source = _built(name, kind, {"home": home, **told, **secrets}, timing)
    except SettingsError as error:
        if keys or "api_" not in error.message:
            raise
        raise _no_key(name, backend) from None
    if source.capabilities.needs_key and not keys:
        raise _no_key(name, backend)
    return Provider(name, source, tuple(keys.values()))


def _built(name: str, kind: Any, config: Mapping[str, Any], timing: Timing | None) -> MarketData:
    """The plugin, given a ``config`` if it takes one, else whatever of it it takes by name."""
    takes = inspect.signature(kind)
    arguments: dict[str, Any] = (
        {"config": config}
        if "config" in takes.parameters
        else {key: value for key, value in config.items() if key in takes.parameters}
    )
    if timing is not None and "timing" in takes.parameters:
        arguments["timing"] = timing
    try:
        takes.bind(**arguments)
    except TypeError as error:
        raise UsageError(
            f"{name} needs to be told more: {error}",
            hint=f"set it in papertape.toml under [providers.{name}]; price files are read by "
            "papertape data import",
        ) from None
    source: MarketData = kind(**arguments)
    return source


def _with_key(settings: Settings) -> str:
    known = source_names()
    for name in dict.fromkeys((*_ASKED_FIRST, *known)):
        backend = str(settings.providers.get(name, {}).get("backend", ""))
        if name in known and found_keys(name, backend):
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
