"""Codec: a line as a tag and a JSON body of integers and text, stable to the byte."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import msgspec

from papertape.domain.clock import Nanos
from papertape.domain.errors import DataError, InvariantBroken, require
from papertape.monitoring.journal.shapes import Tags, from_text, shape_of, to_text


class Timed(Protocol):
    """Whatever happened at a moment."""

    @property
    def time(self) -> Nanos:
        """When."""
        ...


Kept = TypeVar("Kept", bound=Timed)

Upgrade: TypeAlias = Callable[[str, bytes], tuple[str, bytes]]
"""From tag and body of one version to those of the next."""


class Codec(Generic[Kept]):
    """Writes and reads the records of one kind of journal.

    A body holds every field by its name, so that it means the same whatever the defaults become,
    and a field that comes later, with a default, asks for nothing here. Whatever else changes
    (a tag, a name, a meaning) makes a new version, with an upgrade for the lines of the old one;
    the lines themselves are never written anew.

    Args:
        kinds: Tag -> record. A tag never changes and is never given away again.
        parts: Tags of records that stand within others where several kinds may.
        version: Of this table.
        upgrades: Version -> how its lines become those of the next.
    """

    def __init__(
        self,
        kinds: Mapping[str, type[Kept]],
        *,
        parts: Mapping[str, type] | None = None,
        version: int = 1,
        upgrades: Mapping[int, Upgrade] | None = None,
    ):
        self.version = version
        self.kinds = dict(kinds)
        self.tags: Tags = {type_: tag for tag, type_ in (*kinds.items(), *(parts or {}).items())}
        require(len(self.tags) == len(kinds) + len(parts or {}), "each record has one tag")
        self._upgrades = dict(upgrades or {})
        self._shapes = {tag: shape_of(type_, self.tags) for tag, type_ in kinds.items()}
        self._decoders = {
            tag: msgspec.json.Decoder(shape.wire, dec_hook=from_text)
            for tag, shape in self._shapes.items()
        }
        self._readers = {tag: self._reader(tag) for tag in kinds}
        self._encoder = msgspec.json.Encoder(enc_hook=to_text)

    def write(self, line: Kept) -> tuple[str, bytes]:
        """Its tag and its body.

        Raises:
            InvariantBroken: If it could not be read again: a value is not what its type says.
        """
        tag = self.tags.get(type(line), "")
        shape = self._shapes.get(tag)
        if shape is None:
            raise InvariantBroken(f"{type(line).__name__} is no line of this journal")
        try:
            body = self._encoder.encode(shape.write(line))
            self._decoders[tag].decode(body)
        except (TypeError, ValueError, msgspec.MsgspecError) as error:
            raise InvariantBroken(f"{line} cannot be kept: {error}") from error
        return tag, body

    def read(self, tag: str, body: bytes, version: int) -> Kept:
        """The line again; as `read_all`."""
        return next(self.read_all([(tag, body)], version))

    def read_all(self, rows: Iterable[tuple[str, bytes]], version: int) -> Iterator[Kept]:
        """The lines again, of their tags and bodies, which are all of one version.

        Raises:
            DataError: If no such line is known.
        """
        tag, readers = "", self._readers
        try:
            upgrades = [self._upgrades[step] for step in range(version, self.version)]
            for tag, body in rows:
                for upgrade in upgrades:
                    tag, body = upgrade(tag, body)  # noqa: PLW2901 - the same line, a step later
                yield readers[tag](body)
        except KeyError as error:
            raise DataError(f"no line is known as {error}") from error
        except (TypeError, ValueError, msgspec.MsgspecError) as error:
            raise DataError(f"a line {tag!r} cannot be read: {error}") from error

    def _reader(self, tag: str) -> Callable[[bytes], Kept]:
        decode, shape = self._decoders[tag].decode, self._shapes[tag]
        if shape.is_plain:
            return decode
        read = shape.read
        return lambda body: read(decode(body))

    def as_json(self, line: Kept) -> str:
        """One line of JSON: its tag as ``line``, then its fields."""
        tag, body = self.write(line)
        fields: dict[str, Any] = {"line": tag, **msgspec.json.decode(body)}
        return msgspec.json.encode(fields).decode()
