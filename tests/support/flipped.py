"""Flipped bits: each file of a folder, broken in one place after another and put back."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np


def flipped(folder: Path) -> Iterator[str]:
    """Yields a text for each flip, while it is there: five in each file, its first and its last byte among them."""
    rng = np.random.default_rng(0)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        sound = path.read_bytes()
        for place in (0, len(sound) - 1, *rng.integers(0, len(sound), 3)):
            broken = bytearray(sound)
            broken[place] ^= 1 << int(rng.integers(8))
            path.write_bytes(bytes(broken))
            yield f"{path.name}, byte {place}"
        path.write_bytes(sound)
