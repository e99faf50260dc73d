"""A plugin's settings: a mapping of words made into a frozen record that refuses misspellings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from papertape.domain.errors import SettingsError
from papertape.plugins.market_data.keys import Key

T = TypeVar("T")


def settled(kind: type[T], config: Mapping[str, Any], provider: str) -> T:
    """A record of ``kind`` from a mapping; texts become keys where the record wants a `Key`.

    Raises:
        SettingsError: If a name is unknown, one that must be there is not, or a text is empty.
    """
    known = {each.name: each for each in fields(kind)}  # type: ignore[arg-type]
    for name, value in config.items():
        if name not in known:
            near = get_close_matches(name, known, 1)
            raise SettingsError(
                f"{provider} has no setting {name!r}",
                hint=f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}",
            )
        if isinstance(value, str) and not value.strip():
            raise SettingsError(f"{provider}: the setting {name!r} is empty", hint="leave it out")
    needed = [
        name
        for name, each in known.items()
        if each.default is MISSING and each.default_factory is MISSING
    ]
    missing = [name for name in needed if config.get(name) is None]
    if missing:
        raise SettingsError(
            f"{provider} needs {' and '.join(missing)}",
            hint=f"config={{{', '.join(f'{name!r}: ...' for name in missing)}}}, or a key in .env",
        )
    return kind(
        **{
            name: Key(value) if known[name].type == "Key" and isinstance(value, str) else value
            for name, value in config.items()
        }
    )


def state_folder(home: Path | str | None) -> Path:
    """Where calls are counted and locks lie: ``home``, or the user's data folder."""
    if home is not None:
        return Path(home)
    import platformdirs  # noqa: PLC0415  (only where nobody names a home)

    return platformdirs.user_data_path("papertape", appauthor=False)


def budget_path(home: Path | str | None) -> Path:
    """The file in which calls are counted."""
    return state_folder(home) / "budget.sqlite"


def stream_lock(home: Path | str | None, provider: str, key: Key) -> Path:
    """The file that the one owner of an account's stream holds."""
    return state_folder(home) / f"stream-{provider}-{key.account}.lock"
