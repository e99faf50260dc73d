"""The small JSON beside a price file that says what the prices are.

It lies at ``<file>.json`` or at the file's name without its endings plus ``.json``. These keys are
read, all of them optional, and any other is left alone: ``provider``, ``adjustment`` (``raw``,
``split`` or ``all``), ``timeframe`` (``1d``, ``5m``, ...), ``timezone`` (of naive times),
``currency``, ``fetched_at`` (RFC 3339; later bars cannot be true) and ``sha256`` (of the file).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NoReturn, get_args

from papertape.domain.clock import SECOND, Nanos
from papertape.domain.errors import DataError, UsageError
from papertape.domain.market import Adjustment, Frequency
from papertape.plugins.market_data.tables.content import Content

_KEYS = {"provider", "adjustment", "timeframe", "timezone", "currency", "fetched_at", "sha256"}
_CAP = 1 << 20


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What a file's companion says; an empty string or None where it says nothing."""

    provider: str = ""
    adjustment: Adjustment | None = None
    frequency: Frequency | None = None
    zone: str | None = None
    currency: str = "USD"
    fetched_at: Nanos | None = None


NO_SIDECAR = Sidecar()


def read_sidecar(path: Path, content: Content) -> Sidecar:
    """What lies beside ``path``, checked against its content; `NO_SIDECAR` if nothing does.

    Raises:
        DataError: If it is no JSON object, says what cannot be, or belongs to other bytes.
    """
    stem = path.name.partition(".")[0]
    for beside in (path.with_name(path.name + ".json"), path.with_name(stem + ".json")):
        if beside.is_file():
            said = _parsed(beside)
            if not _KEYS.isdisjoint(said):
                return _checked(beside.name, said, content)
    return NO_SIDECAR


def _parsed(path: Path) -> dict[str, object]:
    if path.stat().st_size > _CAP:
        _fault(path.name, "is larger than a sidecar can be")
    try:
        said = json.loads(
            path.read_text(encoding="utf-8-sig"),
            object_pairs_hook=_each_key_once,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError) as error:
        _fault(path.name, f"is no JSON we can trust: {error}")
    if not isinstance(said, dict):
        _fault(path.name, "must hold one JSON object")
    return said


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key occurs twice")
    return dict(pairs)


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _checked(name: str, said: dict[str, object], content: Content) -> Sidecar:
    text = {key: str(said.get(key) or "") for key in _KEYS}
    if text["sha256"] and text["sha256"].lower() != content.fingerprint:
        _fault(name, f"belongs to another {content.name}: the sha256 differs")
    if text["adjustment"] and text["adjustment"] not in get_args(Adjustment):
        _fault(name, f"says adjustment {text['adjustment']!r}; known are raw, split and all")
    adjustments: dict[str, Adjustment] = {"raw": "raw", "split": "split", "all": "all"}
    return Sidecar(
        provider=text["provider"],
        adjustment=adjustments.get(text["adjustment"]),
        frequency=_frequency(name, text["timeframe"]),
        zone=text["timezone"] or None,
        currency=text["currency"] or "USD",
        fetched_at=_moment(name, text["fetched_at"]),
    )


def _frequency(name: str, text: str) -> Frequency | None:
    try:
        return Frequency.parse(text) if text else None
    except UsageError as error:
        _fault(name, f"says timeframe {text!r}: {error}")


def _moment(name: str, text: str) -> Nanos | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        _fault(name, f"says fetched_at {text!r}, which is no RFC 3339 time")
    if moment.tzinfo is None:
        _fault(name, f"says fetched_at {text!r} without a zone")
    return int(moment.timestamp()) * SECOND


def _fault(name: str, why: str) -> NoReturn:
    raise DataError(f"the sidecar {name} {why}", hint="repair it or take it away")
