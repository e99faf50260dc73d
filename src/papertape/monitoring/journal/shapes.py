"""Shapes: how a frozen record is written as JSON without a float, and read back as the same record.

Most records msgspec writes and reads as they are. Where a float, or one of several records, lies
within, it is handed a mirror of the record instead, made here from the record's own fields.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import math
import operator
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any, TypeAlias

import msgspec

from papertape.domain.errors import require
from papertape.domain.money import LARGEST, MICROS_PER_DOLLAR

Tags: TypeAlias = Mapping[type, str]
"""The word by which each record is told from the others that may stand in its place."""

_AS_THEY_ARE = (str, int, bool, date, Fraction, type(None))
_TAG = "is"


@dataclasses.dataclass(frozen=True)
class Shape:
    """What stands for a type on disk: the type msgspec reads, and the ways there and back."""

    wire: Any
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]

    @property
    def is_plain(self) -> bool:
        """Whether msgspec takes the values as they are."""
        return self.read is _same


def shape_of(type_: Any, tags: Tags) -> Shape:
    """The shape of a type, found from its hints.

    Raises:
        InvariantBroken: If it holds something for which there is none, or records without a tag.
    """
    if type_ in _AS_THEY_ARE or (isinstance(type_, type) and issubclass(type_, enum.StrEnum)):
        return Shape(type_, _same, _same)
    if type_ is float:
        return Shape(int | str, _number, _float)
    if dataclasses.is_dataclass(type_):
        return _record(type_, tags)
    if typing.get_origin(type_) is tuple:
        return _many(type_, tags)
    if typing.get_origin(type_) in {typing.Union, types.UnionType}:
        return _one_of(typing.get_args(type_), tags)
    require(False, f"{type_} has no shape in which a journal could keep it")
    raise AssertionError


def _record(type_: Any, tags: Tags, tag: str | None = None) -> Shape:
    """A record; under a tag it is always a mirror, for msgspec tells only mirrors apart."""
    fields = dataclasses.fields(type_)
    hints = _hints(type_, fields)
    shapes = [shape_of(hints[field.name], tags) for field in fields]
    if tag is None and all(shape.is_plain for shape in shapes):
        return Shape(type_, _same, _same)
    mirror = msgspec.defstruct(
        type_.__name__,
        [_field(field, shape) for field, shape in zip(fields, shapes, strict=True)],
        frozen=True,
        tag=tag,
        tag_field=_TAG if tag else None,
    )
    names = [field.name for field in fields]
    write = _rebuilt(mirror, names, [shape.write for shape in shapes])
    return Shape(mirror, write, _rebuilt(type_, names, [shape.read for shape in shapes]))


def _rebuilt(
    as_: Callable[..., Any], names: Sequence[str], ways: Sequence[Callable[[Any], Any]]
) -> Callable[[Any], Any]:
    """A function that makes one record of another of the same fields, each taken its own way.

    It is written out field by field: a loop over them takes three times as long, and recovery is
    mostly this.
    """
    scope: dict[str, Any] = {f"way_{name}": way for name, way in zip(names, ways, strict=True)}
    values = [
        f"it.{name}" if scope[f"way_{name}"] is _same else f"way_{name}(it.{name})"
        for name in names
    ]
    made: Callable[[Any], Any] = eval(f"lambda it: as_({', '.join(values)})", scope | {"as_": as_})
    return made


def _hints(type_: Any, fields: tuple[dataclasses.Field[Any], ...]) -> dict[str, Any]:
    """Each field's type; a compiled record has its hints in its fields only."""
    told = types.SimpleNamespace(__annotations__={field.name: field.type for field in fields})
    return typing.get_type_hints(told, vars(sys.modules[type_.__module__]))


def _field(field: dataclasses.Field[Any], shape: Shape) -> Any:
    """A field that has a default may be missing: lines that are older than it are read with it."""
    if field.default is dataclasses.MISSING:
        return field.name, shape.wire
    return field.name, shape.wire, shape.write(field.default)


def _many(type_: Any, tags: Tags) -> Shape:
    inner, *rest = typing.get_args(type_)
    require(rest == [...], f"{type_} has no shape: a tuple is of any length and of one type")
    shape = shape_of(inner, tags)
    if shape.is_plain:
        return Shape(type_, _same, _same)
    write, read = shape.write, shape.read
    return Shape(
        tuple[shape.wire, ...],  # type: ignore[name-defined]
        lambda values: tuple(map(write, values)),
        lambda found: tuple(map(read, found)),
    )


def _one_of(members: tuple[Any, ...], tags: Tags) -> Shape:
    records = [member for member in members if dataclasses.is_dataclass(member)]
    if len(records) > 1:
        return _tagged(records, [member for member in members if member not in records], tags)
    shapes = [shape_of(member, tags) for member in members]
    wire = functools.reduce(operator.or_, (shape.wire for shape in shapes))
    special = [shape for shape in shapes if not shape.is_plain]
    if not special:
        return Shape(wire, _same, _same)
    (one,) = special  # the other is None
    return Shape(wire, _unless_none(one.write), _unless_none(one.read))


def _tagged(records: list[Any], others: list[Any], tags: Tags) -> Shape:
    """One of several records, each a mirror that bears its tag."""
    for record in records:
        require(record in tags, f"{record} stands among others and has no tag")
    shapes = {record: _record(record, tags, tags[record]) for record in records}
    writes = {record: shape.write for record, shape in shapes.items()}
    reads = {shape.wire: shape.read for shape in shapes.values()}
    return Shape(
        functools.reduce(operator.or_, [*reads, *others]),
        lambda record: writes.get(type(record), _same)(record),
        lambda found: reads.get(type(found), _same)(found),
    )


def _same(value: Any) -> Any:
    return value


def _unless_none(way: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else way(value)


def _number(value: float) -> int | str:
    """Millionths where they say exactly the same, else the shortest text that does."""
    value = float(value)
    if -LARGEST < value * MICROS_PER_DOLLAR < LARGEST:
        millionths = round(value * MICROS_PER_DOLLAR)
        if repr(millionths / MICROS_PER_DOLLAR) == repr(value):  # -0.0 equals 0.0, and is another
            return millionths
    return repr(value)


def _float(found: int | str) -> float:
    if type(found) is int:
        return found / MICROS_PER_DOLLAR
    return math.nan if found == "nan" else float(found)


@functools.lru_cache(maxsize=4096)
def fraction(text: str) -> Fraction:
    """A fraction from its text; most are 0 or 1, in each of a hundred thousand orders."""
    return Fraction(text)


def to_text(value: Any) -> str:
    """What msgspec cannot write: a fraction; all else would be read as something different."""
    if type(value) is Fraction:
        return str(value)
    raise TypeError(f"{value!r} is no value that a journal keeps")


def from_text(type_: Any, text: Any) -> Any:
    """What msgspec cannot read: a fraction."""
    if type_ is not Fraction:
        raise TypeError(f"a journal holds no {type_}")
    return fraction(text)
