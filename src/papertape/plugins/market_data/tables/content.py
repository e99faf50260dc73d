"""From a path to text: what is refused unread, unpacked under a cap, or decoded."""

from __future__ import annotations

import difflib
import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, NoReturn, cast

from papertape.domain.errors import DataError

SIZE_CAP = 4 * 1024**3
"""Bytes a file may have, packed or unpacked, unless the caller says otherwise."""

_CHUNK = 1 << 20
_PARQUET = b"PAR1"
_REFUSED = (
    (b"\x93NUMPY", "a NumPy array file, which may run code when it is opened"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd, which is not read here"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet"),
    (b"%PDF", "a PDF document"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file it points to"),
)
_CODE_RUNNERS = {".pkl", ".pickle", ".joblib", ".npy", ".npz"}


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes as they lie on disk, its plain name (never its folder), and their SHA-256."""

    name: str
    packed: bytes
    fingerprint: str

    @property
    def is_parquet(self) -> bool:
        """Whether the bytes say Parquet, whatever the name says."""
        return self.packed.startswith(_PARQUET) or self.name.lower().endswith((".parquet", ".pq"))


def read_content(path: Path, cap: int = SIZE_CAP) -> Content:
    """The bytes of a file that is small enough and of no dangerous kind.

    Raises:
        DataError: If it is missing, no file, unreadable, empty, too large or never to be opened.
    """
    if not path.exists():
        raise DataError(f"no file {path}", hint=_nearest(path))
    if not path.is_file():
        raise DataError(f"{path} is not a file", hint="name the price file itself")
    if path.suffix.lower() in _CODE_RUNNERS:
        refuse(path.name, "a Python object file, which may run code when it is opened")
    size = path.stat().st_size
    if size > cap:
        _too_large(path.name, size, cap)
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    if not packed:
        raise DataError(f"{path.name} is empty (0 bytes)", hint="download it again")
    return Content(path.name, packed, sha256(packed).hexdigest())


def text_of(content: Content, cap: int = SIZE_CAP) -> tuple[str, str]:
    """The text of a plain, gzip or zip file, and the name of the file inside.

    Raises:
        DataError: If it is cut off, expands beyond ``cap`` or is no text.
    """
    packed, inside = content.packed, content.name
    if packed.startswith(b"\x1f\x8b"):
        packed = _expanded(content.name, lambda: _gunzip(content.packed), cap)
    elif packed.startswith(b"PK\x03\x04"):
        packed, inside = _member(content, cap)
    return _decoded(content.name, packed), inside


def refuse(name: str, what: str) -> NoReturn:
    """Say that a file is of a kind that is not read.

    Raises:
        DataError: Always.
    """
    raise DataError(f"{name} is {what}", hint="give a CSV (also .gz or .zip) or a Parquet file")


def _nearest(path: Path) -> str:
    try:
        names = [each.name for each in path.parent.iterdir()]
    except OSError:
        return f"there is no folder {path.parent} either"
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean {path.with_name(close[0])}?" if close else "check the path"


def _too_large(name: str, size: int, cap: int) -> NoReturn:
    raise DataError(
        f"{name} is larger than {cap:,} bytes (at least {size:,})",
        hint="cut the file into smaller ones, or raise size_cap",
    )


def _expanded(name: str, unpack: Callable[[], IO[bytes]], cap: int) -> bytes:
    """Everything a packed stream holds; a first pass counts and keeps nothing."""
    try:
        size = 0
        with unpack() as stream:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                if size > cap:
                    _too_large(f"{name}, unpacked,", size, cap)
        with unpack() as stream:
            return stream.read()
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError) as error:
        raise DataError(
            f"{name} cannot be unpacked: {error}", hint="it is cut off or damaged; get it again"
        ) from None


def _gunzip(packed: bytes) -> IO[bytes]:
    return cast("IO[bytes]", gzip.GzipFile(fileobj=io.BytesIO(packed)))


def _member(content: Content, cap: int) -> tuple[bytes, str]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content.packed))
    except zipfile.BadZipFile as error:
        raise DataError(
            f"{content.name} cannot be unpacked: {error}",
            hint="it is cut off or damaged; get it again",
        ) from None
    names = [
        each.filename
        for each in archive.infolist()
        if not each.is_dir() and not each.filename.startswith("__MACOSX/")
    ]
    if "[Content_Types].xml" in names:
        refuse(content.name, "a spreadsheet; save it as CSV")
    if len(names) != 1:
        raise DataError(
            f"{content.name} holds {len(names)} files: {', '.join(names[:5])}",
            hint="an archive must hold exactly one price file; unpack it and name that file",
        )
    return _expanded(content.name, lambda: archive.open(names[0]), cap), names[0].rpartition("/")[2]


def _decoded(name: str, plain: bytes) -> str:
    for magic, what in _REFUSED:
        if plain.startswith(magic):
            refuse(name, what)
    if plain[:1] == b"\x80" and plain[1:2] in b"\x02\x03\x04\x05":
        refuse(name, "a pickle, which may run code when it is opened")
    text = _text(name, plain)
    head = text[:200].lstrip().lower()
    if head.startswith(("<!doctype", "<html", "<head", "<script", "<?xml")):
        refuse(name, "a web page, not a table of prices; the download was answered by a page")
    if head.startswith(("{", "[")):
        refuse(name, f"JSON, perhaps a provider's error: {_json_start(text)}")
    return text


def _text(name: str, plain: bytes) -> str:
    if plain.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return plain.decode("utf-16")
        except UnicodeDecodeError:
            refuse(name, "UTF-16 that breaks off inside a character")
    if b"\x00" in plain:
        refuse(name, "no text: it holds NUL bytes")
    try:
        return plain.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Assumption: bytes that are no UTF-8 are Latin-1. In a column that is not used it does no
        # harm to be wrong; in one that is used, no letter above ASCII passes for a number.
        return plain.decode("latin-1")


def _json_start(text: str) -> str:
    try:
        return json.dumps(json.loads(text))[:120]
    except (ValueError, RecursionError):
        return text[:60].strip()
