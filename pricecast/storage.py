"""Files: parquet with page checksums, JSON, and manifests of SHA-256 digests."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pricecast.errors import InputError

MANIFEST = "manifest.json"


def write_parquet(table: pd.DataFrame, path: Path) -> Path:
    """Writes a table as zstd parquet with page checksums, all or nothing."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    return _replace(path, lambda part: pq.write_table(arrow, part, compression="zstd", write_page_checksum=True))


def read_parquet(path: Path) -> pd.DataFrame:
    """Reads a parquet file and verifies its page checksums.

    Raises:
        InputError: the file is missing, no parquet, or damaged.
    """
    try:
        return pq.read_table(path, page_checksum_verification=True).to_pandas()
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise InputError(f"expected a sound parquet file at {path}, got: {_line(error)}") from error


def write_json(value: Any, path: Path) -> Path:
    """Writes JSON with sorted keys, all or nothing; NaN is an error, not invalid JSON."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n"
    return _replace(path, lambda part: part.write_text(text, encoding="utf-8"))


def read_json(path: Path) -> Any:
    """Reads JSON.

    Raises:
        InputError: the file is missing or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"expected a JSON file at {path}, got: {_line(error)}") from error


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_text(text: str) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 per file below a folder, by relative path; the manifest itself is left out."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): digest_file(path) for path in files}


def seal(folder: Path) -> dict[str, str]:
    """Writes the folder's manifest and returns it."""
    manifest = digests(folder)
    write_json(manifest, folder / MANIFEST)
    return manifest


def verify(folder: Path, manifest: dict[str, str] | None = None) -> None:
    """Compares a folder with a manifest (its own by default).

    Raises:
        InputError: a file is missing, added or changed; the message names it.
    """
    expected = read_json(folder / MANIFEST) if manifest is None else manifest
    found = digests(folder)
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        raise InputError(
            f"expected the files of {folder} as they were written, but these changed, vanished or came later: "
            f"{', '.join(wrong)}. Run the step that writes them again"
        )


def _replace(path: Path, write: Callable[[Path], Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
