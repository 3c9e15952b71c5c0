"""The text within a file, however it is packed and encoded."""

import codecs
import gzip
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

from pricecast.errors import InputError

TEXTS = (".csv", ".txt", ".tsv")
PACKED = (".gz", ".zip")
# Unpacked, a file of bars is not larger: ten million rows.
_LARGEST = 1 << 30
_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_LOOKED_AT = 4000  # bytes that tell an encoding


class Text(NamedTuple):
    """The bytes of a text in UTF-8, as far as they are sound, and what was done for them, in words."""

    data: bytes
    notes: list[str]


def read_text(path: Path) -> Text:
    """Read a text, from within a gzip or zip file where it is in one.

    Raises:
        InputError: it cannot be read or unpacked, is no text, or several files are packed together.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"expected a readable text in {path}, got: {error}") from error
    data, packed = _unpacked(data, path)
    encoding, mark = _encoding(data)
    if encoding.startswith("utf-16"):
        try:
            data = data[len(mark) :].decode(encoding).encode()
        except UnicodeError as error:
            raise InputError(f"expected sound UTF-16 text in {path}, got: {error}; save it as UTF-8") from error
        packed = [*packed, "UTF-16"]
    data = data.removeprefix(codecs.BOM_UTF8)
    if b"\0" in data.partition(b"\n")[0]:
        raise InputError(f"expected a text in {path}, got binary data: save it as CSV in UTF-8")
    return Text(data.replace(b"\r", b"\n") if b"\r" in data and b"\n" not in data else data, packed)


def _unpacked(data: bytes, path: Path) -> tuple[bytes, list[str]]:
    try:
        if data.startswith(b"\x1f\x8b"):
            with gzip.open(path) as file:
                return _whole(file.read(_LARGEST + 1), path), ["gzip"]
        if data.startswith(b"PK\x03\x04"):
            return _of_zip(path), ["zip"]
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise InputError(f"expected a sound gzip or zip file at {path}, got: {error}; unpack it first") from error
    return data, []


def texts_within(path: Path) -> list[str]:
    """Return the names of the texts within a zip file."""
    with zipfile.ZipFile(path) as archive:
        return [
            name for name in archive.namelist() if Path(name).suffix.lower() in TEXTS and "__MACOSX" not in name
        ]


def _of_zip(path: Path) -> bytes:
    names = texts_within(path)
    if len(names) != 1:
        raise InputError(
            f"expected one text ({', '.join(TEXTS)}) in {path}, got {len(names)}: unpack it into a folder and "
            "give that"
        )
    with zipfile.ZipFile(path) as archive, archive.open(names[0]) as file:
        return _whole(file.read(_LARGEST + 1), path)


def _whole(data: bytes, path: Path) -> bytes:
    if len(data) > _LARGEST:
        raise InputError(f"expected a file of up to {_LARGEST >> 20} MiB in {path}, got more: unpack it first")
    return data


def _encoding(data: bytes) -> tuple[str, bytes]:
    """Return the encoding that the first bytes tell, and the mark that does."""
    for mark, name in _MARKS.items():
        if data.startswith(mark):
            return name, mark
    start = data[: _LOOKED_AT // 2 * 2]
    zeros = start[1::2].count(0), start[::2].count(0)
    # Nearly all letters of a table are ASCII, so every other byte is zero.
    if max(zeros) > 0.4 * len(start) and min(zeros) == 0:
        return ("utf-16-le" if zeros[0] else "utf-16-be"), b""
    return "utf-8", b""


def stem(path: Path) -> str:
    """Return the name of a file without the endings that tell its format.

    >>> stem(Path("data/aapl.us.txt")), stem(Path("AAPL.csv.gz"))
    ('aapl.us', 'AAPL')
    """
    name = path.with_suffix("") if path.suffix.lower() in PACKED else path
    return name.stem if name.suffix.lower() in (*TEXTS, ".parquet", ".xlsx") else name.name
