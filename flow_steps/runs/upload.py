"""Upload: a folder becomes artifacts, each file whole or not at all, the manifest last."""

import os
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import is_local_uri

from pricecast.files import MANIFEST, seal, write_whole


def upload(folder: Path, location: str, remote: Callable[[str], None]) -> None:
    """Seal a folder and uploads it; what holds a manifest is there to the last byte.

    Args:
        folder: whose files become artifacts.
        location: where they go, as MLflow names it: a path, a file URI or the address of a store.
        remote: MLflow's upload of a folder, for a store that is not on this machine's disks.
    """
    seal(folder)
    if is_local_uri(location):
        _publish(folder, Path(local_file_uri_to_path(location)))
    else:
        _send(folder, remote)


def upload_file(file: Path, location: str, folder: str, remote: Callable[[str, str], None]) -> None:
    """Upload one file into a folder of artifacts at once, before the run is complete and has a manifest.

    Args:
        file: to upload under its name.
        location: of the run's artifacts.
        folder: below it.
        remote: MLflow's upload of a file into a folder, for a store that is not on this machine's disks.
    """
    if not is_local_uri(location):
        remote(str(file), folder)
        return
    destination = Path(local_file_uri_to_path(location)) / folder
    _make(destination)
    write_whole(destination / file.name, partial(shutil.copyfile, file))
    _flush(destination)


def _publish(folder: Path, destination: Path) -> None:
    """MLflow copies to the final name; a crash would leave half a file that looks like a whole one."""
    names = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
    content = [name for name in names if name != Path(MANIFEST)]
    for name in content:
        _make((destination / name).parent)
        write_whole(destination / name, partial(shutil.copyfile, folder / name))
    for parent in {(destination / name).parent for name in content}:
        _flush(parent)
    _make(destination)
    write_whole(destination / MANIFEST, partial(shutil.copyfile, folder / MANIFEST))
    _flush(destination)


def _make(folder: Path) -> None:
    """Make a folder and those above it, so that they outlast a power cut."""
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(exist_ok=True)
        _flush(folder.parent)


def _flush(folder: Path) -> None:
    """Bring a folder's names to the disk; Windows does so by itself and opens no folder."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _send(folder: Path, remote: Callable[[str], None]) -> None:
    with tempfile.TemporaryDirectory(prefix="pricecast-") as last:
        aside = Path(last) / MANIFEST
        shutil.move(folder / MANIFEST, aside)
        remote(str(folder))
        remote(last)
        shutil.move(aside, folder / MANIFEST)
