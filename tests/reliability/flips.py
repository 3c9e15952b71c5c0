"""Stress test: flip a bit or cut a file anywhere in what a pipeline leaves, and read it. Does anybody notice?"""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from flow_steps.reuse import copies
from flow_steps.runs import artifacts
from pricecast.errors import InputError
from pricecast.files import read_parquet
from serving.load import load
from tests.support.stores import finished, refused
from tests.support.stress import Count, answer


@contextmanager
def holding(path: Path, data: bytes) -> Iterator[None]:
    """A file with other content for a while."""
    sound = path.read_bytes()
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(sound)


def ours(flips: int, folder: Path, seed: int = 0) -> Count:
    """Reads flipped files, and half as many cut ones, as every step does; bad is what any door lets through."""
    with finished(folder) as client:
        sources = {model.model_id: model.source_run_id for model in client.search_logged_models(["0"])}
        return _count(flips, flips // 2, folder, seed, lambda path: _let_through(path, sources))


def stock(flips: int, folder: Path, seed: int = 0) -> Count:
    """Reads files damaged in the same way as MLflow and pandas do, parquet without page checksums."""
    with finished(folder):
        for path in (folder / "mlruns").rglob("*.parquet"):
            pd.read_parquet(path).to_parquet(path)
        return _count(flips, flips // 2, folder, seed, _stock_reads)


def plain(flips: int, folder: Path, seed: int = 0) -> Count:
    """Reads damaged parquet as plain local files, pages only; bad is a table that differs without a word."""
    rng = np.random.default_rng(seed)
    bad = []
    with finished(folder):
        paths = sorted((folder / "mlruns").rglob("*.parquet"))
        tables = [read_parquet(path) for path in paths]
    for i in range(flips):
        path, table = paths[i % len(paths)], tables[i % len(paths)]
        place, bit = int(rng.integers(4, _end_of_pages(path))), int(rng.integers(8))
        with holding(path, _flipped(path.read_bytes(), place, bit)):
            try:
                same = read_parquet(path).equals(table)
            except InputError:
                continue
        if not same:
            bad.append(f"{path.name}: bit {bit} of byte {place}")
    return Count(flips, bad)


def kinds(folder: Path) -> set[str]:
    """The kinds of files that are damaged in turn, by name and suffix."""
    return {path.name for path in _victims(folder)} | {path.suffix for path in _victims(folder)}


def _victims(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "mlruns").rglob("*") if path.is_file())


def _count(flips: int, truncations: int, folder: Path, seed: int, reads: Callable[[Path], str]) -> Count:
    """Damages one file after the other, in random order, so that each has its turn."""
    rng = np.random.default_rng(seed)
    victims = _victims(folder)
    order = rng.permutation(len(victims))
    bad = []
    for i in range(flips + truncations):
        path = victims[order[i % len(victims)]]
        data = path.read_bytes()
        place, bit = int(rng.integers(len(data))), int(rng.integers(8))
        broken = _flipped(data, place, bit) if i < flips else data[:place]
        what = f"bit {bit} of byte {place}" if i < flips else f"cut at byte {place} of {len(data)}"
        with holding(path, broken):
            passed = reads(path)
        if passed:
            bad.append(f"{path.relative_to(folder / 'mlruns')}: {what} ({passed})")
    return Count(flips + truncations, bad)


def _flipped(data: bytes, place: int, bit: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]


def _address(path: Path) -> tuple[str, str]:
    """The run or the model that a file of the store belongs to, and its name in there."""
    owner, _, inner = path.as_posix().rpartition("/mlruns/0/")[2].partition("/artifacts/")
    return owner, inner


def _let_through(path: Path, sources: dict[str, str]) -> str:
    """The doors that let a damaged file through."""
    owner, inner = _address(path)
    if owner.startswith("models/"):
        uri, run_id = f"models:/{owner.removeprefix('models/')}", sources[owner.removeprefix("models/")]
        doors: dict[str, Callable[[], object]] = {
            "fetch": lambda: artifacts.fetch(uri), "digest": lambda: artifacts.digest(uri),
            "bundle_folder": lambda: artifacts.bundle_folder(uri), "model_id": lambda: artifacts.model_id(uri),
            "load_forecaster": lambda: load(artifacts.bundle_folder(uri)),
        }  # fmt: skip
    else:
        uri, run_id = f"runs:/{owner}/{inner}", owner
        above = uri.rpartition("/")[0]
        doors = {"fetch": lambda: artifacts.fetch(uri), "digest": lambda: artifacts.digest(uri),
                 "folder": lambda: artifacts.fetch(f"{above}/")}  # fmt: skip
    passed = [name for name, door in doors.items() if not refused(door)]
    return ", ".join(passed + (["is_intact"] if copies.is_intact(run_id) else []))


def _stock_reads(path: Path) -> str:
    owner, inner = _address(path)
    # Whatever a reader raises, it has noticed.
    try:
        with tempfile.TemporaryDirectory() as folder:
            if owner.startswith("models/"):
                mlflow.pyfunc.load_model(f"models:/{owner.removeprefix('models/')}", dst_path=folder)
                return "load_model"
            copy = Path(mlflow.artifacts.download_artifacts(f"runs:/{owner}/{inner}", dst_path=folder))
            reader = {".parquet": pd.read_parquet, ".csv": pd.read_csv, ".json": _json}.get(
                copy.suffix, Path.read_bytes
            )
            reader(copy)
            return reader.__name__
    except Exception:
        return ""


def _json(path: Path) -> object:
    return json.loads(path.read_text(encoding="utf-8"))


def _end_of_pages(path: Path) -> int:
    """Offset at which the last page ends and the footer begins."""
    metadata = pq.ParquetFile(path).metadata
    ends = []
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            column = metadata.row_group(group).column(number)
            start = column.data_page_offset
            if column.has_dictionary_page:
                start = min(start, column.dictionary_page_offset)
            ends.append(start + column.total_compressed_size)
    return max(ends)


if __name__ == "__main__":
    answer(ours=ours, stock=stock, plain=plain)
