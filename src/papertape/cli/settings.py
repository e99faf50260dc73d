"""Settings that are no secrets: `papertape.toml` of the project, and variables that overrule it."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from papertape.domain.errors import PapertapeError, SettingsError
from papertape.domain.market import Frequency

FILE = Path("papertape.toml")
"""Looked for in the folder one stands in."""

KEYS = {
    "data": {
        "provider": "who is asked by `papertape data get`: tiingo, alpaca, massive, iex, ...",
        "bar": "bar length that is fetched: 1d, 1h, 5m, 1m",
    },
    "providers": {
        "NAME": "a table for each provider with what its plugin takes besides keys, like feed",
    },
}
"""Section -> key -> what it means; ``providers`` holds a table for each provider."""

_VARIABLE = "PAPERTAPE_{}__{}"
_SECRET = re.compile(r"key|secret|token|password", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a project has settled.

    Attributes:
        provider: Who is asked for bars; None leaves it to the keys that are there.
        bar: Bar length that is fetched.
        providers: What each provider's plugin is told besides keys.
    """

    provider: str | None = None
    bar: str = "1d"
    providers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_settings() -> Settings:
    """The project's settings; defaults where there is no file.

    Raises:
        SettingsError: If the file is no TOML, or sets what cannot be; all faults at once.
    """
    text = FILE.read_text(encoding="utf-8") if FILE.is_file() else ""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{FILE} is no TOML: {error}", hint="mend that line") from None
    faults = list(_faults(tables, text.splitlines()))
    if faults:
        raise SettingsError("\n".join(faults), hint=f"mend {FILE}; papertape init shows every key")
    data = {
        name: _overruled("data", name, tables.get("data", {}).get(name)) for name in KEYS["data"]
    }
    bar = data["bar"] or "1d"
    try:
        Frequency.parse(bar)
    except PapertapeError as error:
        raise SettingsError(f"data.bar: {error.message}", hint=error.hint) from None
    return Settings(data["provider"], bar, tables.get("providers", {}))


def _overruled(section: str, name: str, value: str | None) -> str | None:
    return os.environ.get(_VARIABLE.format(section.upper(), name.upper())) or value


def _faults(tables: Mapping[str, Any], lines: Sequence[str]) -> list[str]:
    found = []
    for section, table in tables.items():
        if section not in KEYS or not isinstance(table, dict):
            found.append(_unknown(section, list(KEYS), lines))
            continue
        for name, value in table.items():
            if section == "providers":
                found += _provider_faults(name, value, lines)
            elif name not in KEYS[section]:
                found.append(_unknown(name, list(KEYS[section]), lines))
            elif not isinstance(value, str):
                found.append(f"{_at(name, lines)}: {section}.{name} is text in quotes")
    return found


def _provider_faults(name: str, table: Any, lines: Sequence[str]) -> list[str]:
    if not isinstance(table, dict):
        return [f"{_at(name, lines)}: write [providers.{name}] and its keys below"]
    return [
        f"{_at(key, lines)}: {key} looks like a secret, which belongs into .env or a variable"
        for key in table
        if _SECRET.search(key)
    ]


def _unknown(name: str, known: Sequence[str], lines: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1)
    meant = f", did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"
    return f"{_at(name, lines)}: nobody knows {name!r}{meant}"


def _at(name: str, lines: Sequence[str]) -> str:
    shape = re.compile(rf"\s*(\[+\s*)?([\w.\"-]*\.)?[\"']?{re.escape(name)}[\"']?\s*[\].=]")
    number = next((at for at, line in enumerate(lines, 1) if shape.match(line)), None)
    return f"{FILE} line {number}" if number else str(FILE)
