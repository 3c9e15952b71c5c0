"""Reading of files that somebody else may have written: nothing but plain files and plain YAML."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from pricecast.errors import InputError

# A thousand tickers with a model of several files each fit in.
_MAX_ENTRIES, _MAX_DEPTH = 10_000, 20


def odd(path: Path, what: str) -> InputError:
    """Return the refusal of a file or folder, in one line."""
    shown = " ".join(what.split())[:200]
    return InputError(f"expected a model as the train step writes it at {path}, got {shown}: train it again")


def file_sizes(folder: Path) -> dict[str, int]:
    """Return the size of each file by its path in the folder, before a byte is read.

    Raises:
        InputError: the folder holds links or devices, or more than any of ours.
    """
    sizes = {}
    for count, (name, entry) in enumerate(_entries(folder), start=1):
        if count > _MAX_ENTRIES or name.count("/") > _MAX_DEPTH:
            raise odd(folder, f"more than {_MAX_ENTRIES} files or {_MAX_DEPTH} levels")
        if entry.is_symlink() or not (entry.is_file() or entry.is_dir()):
            raise odd(folder, f"{name!r}, which is no plain file")
        if entry.is_file():
            sizes[name] = entry.stat().st_size
    return sizes


def _entries(folder: Path, above: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = above + entry.name
            yield name, entry
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(Path(entry.path), f"{name}/")


def read_yaml(path: Path) -> Any:
    """Read YAML without tags, anchors or depth: none of ours has any, and each is a way to do harm.

    Raises:
        InputError: the file is no such YAML.
    """
    depth = 0
    try:
        text = path.read_bytes().decode("utf-8")
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if getattr(event, "anchor", None) or getattr(event, "tag", None) or depth > _MAX_DEPTH:
                raise yaml.YAMLError("tags, anchors or too many levels")
        return yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise odd(path, str(error)) from error
