"""Upload of artifacts: each file complete or not at all, the manifest last."""

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
    """Seal a folder and upload it: once its manifest exists, so does everything else.

    Args:
        folder: whose files become artifacts.
        location: their destination, as MLflow names it: a path, a file URI or the address of a store.
        remote: MLflow's upload of a folder, for a store that is not on this machine.
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
        folder: of artifacts, below the location.
        remote: MLflow's upload of a file into a folder, for a store that is not on this machine.
    """
    if not is_local_uri(location):
        remote(str(file), folder)
        return
    destination = Path(local_file_uri_to_path(location)) / folder
    _make_folder(destination)
    write_whole(destination / file.name, partial(shutil.copyfile, file))
    _sync(destination)


def _publish(folder: Path, destination: Path) -> None:
    """Copy through temporary names: MLflow copies to the final one, where a crash would leave half a file."""
    names = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
    content = [name for name in names if name != Path(MANIFEST)]
    for name in content:
        _make_folder((destination / name).parent)
        write_whole(destination / name, partial(shutil.copyfile, folder / name))
    for parent in {(destination / name).parent for name in content}:
        _sync(parent)
    _make_folder(destination)
    write_whole(destination / MANIFEST, partial(shutil.copyfile, folder / MANIFEST))
    _sync(destination)


def _make_folder(folder: Path) -> None:
    """Create a folder and its parents, so that they outlast a power cut."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    """Flush a folder's entries to the disk; Windows does so by itself and opens no folder."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _send(folder: Path, remote: Callable[[str], None]) -> None:
    with tempfile.TemporaryDirectory(prefix="pricecast-") as last:
        manifest = Path(last) / MANIFEST
        shutil.move(folder / MANIFEST, manifest)
        remote(str(folder))
        remote(last)
        shutil.move(manifest, folder / MANIFEST)
