"""`papertape init`: the beginning of a project, in files that are never overwritten."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from papertape.cli.answer import Answer
from papertape.cli.keys import ALPACA, MASSIVE, TIINGO
from papertape.cli.options import Here
from papertape.cli.settings import KEYS
from papertape.cli.tables import steps
from papertape.domain.errors import SettingsError

_EXAMPLES = {
    "provider": "tiingo",
    "bar": "1d",
}
_IGNORED = (
    "# keys",
    ".env",
    "# prices, which a vendor's terms seldom let anybody pass on",
    "*.csv",
    "*.parquet",
    "__pycache__/",
)
_KEYS_OF = (
    ("Tiingo: years of daily bars, raw and with dividends and splits", TIINGO),
    ("Alpaca: minutes and daily bars, a stream of IEX", ALPACA),
    ("Massive, formerly Polygon", MASSIVE),
)


def init(folder: str = ".", /, *, here: Here) -> Answer:
    """Write papertape.toml, .env.example, .gitignore and a folder for strategies.

    Parameters
    ----------
    folder
        Where; made if it is not there. Files that are there stay as they are.
    """
    place = Path(folder)
    contents = {
        "papertape.toml": settings_page(),
        ".env.example": keys_page(),
        ".gitignore": "\n".join((*_IGNORED, "")),
    }
    try:
        place.mkdir(parents=True, exist_ok=True)
        done = {f"{place / 'strategies'}{os.sep}": _made(place / "strategies")}
        for name, text in contents.items():
            done[str(place / name)] = _written(place / name, text)
    except OSError as error:
        raise SettingsError(
            f"{place} cannot be written: {error.strerror}",
            hint="papertape init DIR, a folder that you may write",
            untouched="files that were there",
        ) from None
    lines = [
        f"{name}  {'written' if new else 'is there already, left alone'}"
        for name, new in done.items()
    ]
    after = ["papertape strategy new mine", "papertape doctor"]
    data = {
        "written": [name for name, new in done.items() if new],
        "left_alone": [name for name, new in done.items() if not new],
    }
    return Answer("\n".join([*lines, *steps(after, here.width)]), data)


def settings_page() -> str:
    """Every setting, commented, so that the file as it is written changes nothing."""
    return "\n".join(
        [
            "# Settings of this project; flags and variables (PAPERTAPE_DATA__BAR) overrule them.",
            "# Keys of providers never stand here: they belong into .env (mode 0600).",
            "",
            "[data]",
            *(f'# {name} = "{_EXAMPLES[name]}"    # {what}' for name, what in KEYS["data"].items()),
            "",
            f"# {KEYS['providers']['NAME']}",
            "# [providers.alpaca]",
            '# feed = "iex"',
            "",
        ]
    )


def keys_page() -> str:
    """The variables that hold keys, empty, with whose they are."""
    return "\n".join(_key_lines())


def _key_lines() -> Iterator[str]:
    yield "# Copy to .env, fill in what you have, and keep it to yourself: chmod 600 .env"
    for whose, keys in _KEYS_OF:
        yield ""
        yield f"# {whose}"
        yield from (f"{names[0]}=" for names in keys.values())
    yield ""


def _made(folder: Path) -> bool:
    new = not folder.exists()
    folder.mkdir(exist_ok=True)
    return new


def _written(file: Path, text: str) -> bool:
    """Write a file that is not there; False if it is."""
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        return False
    return True
