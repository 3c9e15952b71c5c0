"""Stress test: the disk is full, at one moment after another; with room again the same command does its work.

A program of its own inside a user namespace, because it mounts small disks: `stress.apart` with `SMALL_DISKS`.
"""

import subprocess
from pathlib import Path

from tests.support import warm
from tests.support.forks import fork, output, wait
from tests.support.stores import fresh_store
from tests.support.stress import Count, answer, one_text
from tests.support.traces import after_the_next_start, half_files, undisturbed


def ours(n: int, folder: Path) -> Count:
    """n sizes of a disk, from one that just holds an empty store to one that nearly holds everything."""
    whole = undisturbed(folder)
    least = (folder / "empty.db").stat().st_size
    most = sum(file.stat().st_size for file in whole.rglob("*") if file.is_file())
    sizes = [int(least + (most - least) * (i + 0.5) / n) for i in range(n)]
    return Count(n, [text for size in sizes for text in one_text(f"{size} bytes", _faults(size, folder, whole))])


def _faults(size: int, folder: Path, whole: Path) -> list[str]:
    home = folder / f"disk{size}"
    home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(home)], check=True)
    fresh_store((folder / "empty.db").read_bytes(), home)
    child = fork(home, warm.run, logs=folder)
    code, said = wait(child), output(folder, child)
    errors = [line for line in said.splitlines() if line.startswith("Error: ")]
    faults = []
    if code == 0 or len(errors) != 1 or "room on the disk" not in errors[0] or "Traceback" in said:
        faults.append(f"exit {code}: {said[-300:]}")
    faults += half_files(home, whole)
    subprocess.run(["mount", "-o", "remount,size=100m", str(home)], check=True)
    faults += after_the_next_start(home, whole, logs=folder)
    subprocess.run(["umount", "--lazy", str(home)], check=True)
    return faults


if __name__ == "__main__":
    answer(ours=ours)
