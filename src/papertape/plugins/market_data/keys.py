"""Keys of accounts, held so that no log, error, `repr`, traceback or JSON can show one."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import quote

from papertape.domain.errors import SettingsError

TEST_PREFIX = "papertape-test-"
"""What the keys of emulators begin with; such a key never leaves this machine."""

_MASK = "****"
_IN_ADDRESS = re.compile(r"((?:api_?key|token|secret)=)[^&\s\"']+", re.IGNORECASE)


class Key:
    """A key that prints as stars; only `reveal` gives it away.

    Raises:
        SettingsError: If the text cannot be a key, because it is empty or holds odd characters.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str):
        self._text = text.strip()
        if not re.fullmatch(r"[!-~]+", self._text):
            raise SettingsError(
                "a key is empty or holds a character that no key has",
                hint="copy the key again from the provider's page, without quotes or spaces",
            )

    def reveal(self) -> str:
        """The key itself; only for a header, at the moment it is sent."""
        return self._text

    @property
    def is_test(self) -> bool:
        """Whether only emulators take it."""
        return self._text.startswith(TEST_PREFIX)

    @property
    def account(self) -> str:
        """A name for the key's account that tells nothing about the key."""
        return hashlib.sha256(self._text.encode()).hexdigest()[:12]

    def __repr__(self) -> str:
        return f"Key({_MASK})"

    def __str__(self) -> str:
        return _MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not pickled or copied into a file")


@dataclass(frozen=True, slots=True)
class KeyHeader:
    """A header that carries a key, like ``Authorization: Token ...``."""

    name: str
    key: Key
    scheme: str = ""

    def value(self) -> str:
        """What is sent; in the open, so nobody keeps it."""
        return f"{self.scheme} {self.key.reveal()}".strip()


def masked(text: str, keys: Iterable[Key]) -> str:
    """The text with the keys, and whatever an address would carry as one, made unreadable."""
    for key in keys:
        for spelling in (key.reveal(), quote(key.reveal(), safe="")):
            text = text.replace(spelling, _MASK)
    return _IN_ADDRESS.sub(rf"\1{_MASK}", text)


class MaskedLog(logging.LoggerAdapter[logging.Logger]):
    """A logger for libraries that write down whole frames and headers: keys become stars."""

    def __init__(self, name: str, keys: Iterable[Key]):
        super().__init__(logging.getLogger(name))
        self._keys = tuple(keys)

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log the message once it is masked, without the traceback that it may bring."""
        if self.isEnabledFor(level):
            kwargs.pop("exc_info", None)
            text = str(msg) % args if args else str(msg)
            super().log(level, "%s", masked(text, self._keys), **kwargs)

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Add nothing: the message is complete."""
        return msg, kwargs
