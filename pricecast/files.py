"""Reading and writing of files: parquet with page checksums, JSON, and manifests of SHA-256 digests."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pricecast.errors import InputError
from pricecast.text import listed

MANIFEST = "manifest.json"
# What a damaged file raises, besides Arrow's own errors: pandas trusts the metadata on columns and index in it.
_UNREADABLE = (
    OSError, pa.ArrowException, ValueError, TypeError, LookupError, AttributeError, ArithmeticError,
)  # fmt: skip


def write_parquet(table: pd.DataFrame, path: Path) -> Path:
    """Write a table as zstd parquet with page checksums, atomically; return the path."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    return write_whole(
        path, lambda partial: pq.write_table(arrow, partial, compression="zstd", write_page_checksum=True)
    )


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a parquet file and verify its page checksums.

    Raises:
        InputError: the file is missing, not parquet, or damaged.
    """
    try:
        return pq.read_table(path, page_checksum_verification=True).to_pandas()
    except _UNREADABLE as error:
        raise InputError(f"expected a sound parquet file at {path}, got: {_line(error)}; write it again") from error


def write_json(value: Any, path: Path) -> Path:
    """Write JSON with sorted keys, atomically; return the path. NaN is an error, as JSON has no word for it."""
    data = _json(value)
    return write_whole(path, lambda partial: partial.write_bytes(data))


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_bytes().decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"expected a JSON file at {path}, got: {_line(error)}") from error


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_array(values: np.ndarray) -> str:
    """Return the SHA-256 of an array's bytes, shape and dtype, in hex."""
    return digest_text(f"{values.dtype.str} {values.shape} {hashlib.sha256(values.tobytes()).hexdigest()}")


def digest_text(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, in hex.

    >>> digest_text("naive")[:16]
    '1ec5f4127c97618e'
    """
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below a folder, by relative path; the folder's own manifest is left out.

    Raises:
        InputError: something is neither a file nor a folder: a link could lead out, a pipe would never end.
    """
    paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*"))}
    others = [name for name, path in paths.items() if path.is_symlink() or not (path.is_file() or path.is_dir())]
    if others:
        raise InputError(f"expected nothing but files and folders in {folder}, got {others[0]!r}: remove it")
    return {name: digest_file(path) for name, path in paths.items() if path.is_file() and name != MANIFEST}


def seal(folder: Path) -> dict[str, str]:
    """Write the folder's manifest and return it."""
    manifest = digests(folder)
    write_json(manifest, folder / MANIFEST)
    return manifest


def read_manifest(folder: Path) -> dict[str, str]:
    """Read a folder's manifest, whose bytes have to be those that `seal` writes: anything else is damage.

    Raises:
        InputError: it is missing or has changed.
    """
    manifest = read_json(folder / MANIFEST)
    is_manifest = isinstance(manifest, dict) and all(isinstance(value, str) for value in manifest.values())
    if not is_manifest or (folder / MANIFEST).read_bytes() != _json(manifest):
        raise InputError(f"expected {folder / MANIFEST} as it was written, but the file has changed")
    return manifest


def verify(folder: Path) -> None:
    """Compare a folder with its manifest.

    Raises:
        InputError: a file is missing, added or changed; the message names it.
    """
    compare(folder, read_manifest(folder), digests(folder))


def compare(folder: Path, expected: dict[str, str], actual: dict[str, str]) -> None:
    """Compare the digests of a folder's files, by name, with those expected.

    Raises:
        InputError: a file is missing, added or changed; the message names it.
    """
    changed = sorted(name for name in expected.keys() | actual.keys() if expected.get(name) != actual.get(name))
    if changed:
        raise InputError(
            f"expected the files of {folder} as they were written, but these changed, vanished or came later: "
            f"{listed(repr(name)[1:-1] for name in changed)}. Run the step that writes them again"
        )


def write_whole(path: Path, write: Callable[[Path], Any]) -> Path:
    """Write a file atomically: under another name, synced to the disk, then renamed. Return its path.

    Args:
        path: of the file; its folder is made if need be.
        write: called with the path to write to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(partial)
        # Windows flushes only what is open for writing.
        with partial.open("r+b") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n").encode("utf-8")


def _line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
