"""Keys: a provider's secrets, from the environment or a `.env` that only its owner can read."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from papertape.domain.errors import SettingsError

if TYPE_CHECKING:
    from pydantic import SecretStr

FILE = Path(".env")
"""Looked for in the folder one stands in."""

KeySet: TypeAlias = Mapping[str, tuple[str, ...]]
"""What a plugin calls a key -> the variables that may hold it, the first one found counts."""

ALPACA: KeySet = {
    "api_key": ("ALPACA_API_KEY", "APCA_API_KEY_ID"),
    "api_secret": ("ALPACA_SECRET_KEY", "ALPACA_API_SECRET", "APCA_API_SECRET_KEY"),
}
TIINGO: KeySet = {"api_key": ("TIINGO_API_KEY",)}
MASSIVE: KeySet = {"api_key": ("MASSIVE_API_KEY", "POLYGON_API_KEY")}

SETS: Mapping[str, tuple[KeySet, ...]] = {
    "tiingo": (TIINGO,),
    "alpaca": (ALPACA,),
    "massive": (MASSIVE,),
    "polygon": (MASSIVE,),
    "iex": ({"api_key": ("IEX_API_KEY",)}, ALPACA, TIINGO),
}
"""Provider -> the sets of keys it may be used with; the first complete one counts."""

_LEAST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key that was found; shown by its ends only, with where it is from."""

    variable: str
    secret: SecretStr
    where: str

    def __str__(self) -> str:
        text = self.secret.get_secret_value()
        shown = f"{text[:2]}...{text[-2:]}" if len(text) >= _LEAST_SHOWN else "***"
        return f"{self.variable} {shown} (from {self.where})"

    __repr__ = __str__


def key_sets(provider: str, backend: str = "") -> tuple[KeySet, ...]:
    """Which variables may hold a provider's keys; any other plugin's are named after it."""
    if provider == "iex" and backend in SETS:
        return SETS[backend]
    name = re.sub(r"[^A-Z0-9]", "_", provider.upper())
    own: KeySet = {"api_key": (f"{name}_API_KEY",)}
    return SETS.get(provider) or ({**own, "api_secret": (f"{name}_API_SECRET",)}, own)


def found_keys(provider: str, backend: str = "") -> dict[str, FoundKey]:
    """The first complete set of a provider's keys; none if there is no such set.

    Raises:
        SettingsError: If `.env` can be read by others, or by nobody.
    """
    sets = key_sets(provider, backend)
    wanted = {name for each in sets for names in each.values() for name in names}
    known = _known(sorted(wanted))
    for each in sets:
        first = {
            field: next((known[name] for name in names if name in known), None)
            for field, names in each.items()
        }
        found = {field: key for field, key in first.items() if key}
        if len(found) == len(each):
            return found
    return {}


def _known(variables: Sequence[str]) -> dict[str, FoundKey]:
    """The variables that hold something; the environment's word counts more than the file's."""
    from pydantic import SecretStr, create_model  # noqa: PLC0415 - only who needs a key pays
    from pydantic_settings import BaseSettings, SettingsConfigDict  # noqa: PLC0415

    class Keys(BaseSettings):
        """What is read, each as a secret."""

        model_config = SettingsConfigDict(
            extra="ignore", case_sensitive=True, env_ignore_empty=True
        )

    fields: dict[str, Any] = dict.fromkeys(variables, (SecretStr | None, None))
    model: type[BaseSettings] = create_model("Keys", __base__=Keys, **fields)
    read = model(_env_file=_safe_file())
    values = {name: getattr(read, name) for name in variables}
    return {
        name: FoundKey(name, secret, _where(name))
        for name, secret in values.items()
        if secret and secret.get_secret_value().strip()
    }


def _safe_file() -> Path | None:
    """The file of keys, if there is one that only its owner can read."""
    try:
        mode = FILE.stat().st_mode
        if not stat.S_ISREG(mode):
            return None
        FILE.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{FILE} cannot be read: {error}", hint=f"chmod 600 {FILE}") from None
    if os.name != "nt" and mode & 0o077:
        raise SettingsError(
            f"{FILE} holds keys, and others can read it (mode {stat.S_IMODE(mode):03o})",
            hint=f"chmod 600 {FILE}",
        )
    return FILE


def _where(variable: str) -> str:
    if os.environ.get(variable):
        return "the environment"
    shape = re.compile(rf"\s*(export\s+)?['\"]?{variable}['\"]?\s*=")
    lines = FILE.read_text(encoding="utf-8").splitlines()
    found = [number for number, line in enumerate(lines, 1) if shape.match(line)]
    return f"{FILE}, line {found[-1]}" if found else str(FILE)
