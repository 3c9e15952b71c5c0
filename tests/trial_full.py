"""Trial: the disk is full, at one moment after another; with room again the same command does its work.

Run as a program of its own inside a user namespace, because it mounts small disks:
`unshare -rm python tests/trial_full.py [cases]`.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import main as program  # noqa: E402
from flow_steps import download, evaluate, flow, store, train, transform  # noqa: E402, F401
from forks import fork, output, wait  # noqa: E402
from pricecast.models import load  # noqa: E402
from traces import figures, fresh_store, half_files, statuses  # noqa: E402
from trials import Count  # noqa: E402

load("naive")
COMMAND = (
    "--source", "synthetic", "--path", "gbm", "--max-lookback", "20", "--models", "naive", "--vis", "false",
)  # fmt: skip


def ours(n: int, folder: Path) -> Count:
    """n sizes of a disk, from one that just holds an empty store to one that nearly holds everything."""
    whole = folder / "whole"
    whole.mkdir()
    assert wait(fork(whole, store.ensure)) == 0
    shutil.copy(whole / "mlflow.db", folder / "empty.db")
    assert wait(fork(whole, _running)) == 0
    least = (folder / "empty.db").stat().st_size
    most = sum(file.stat().st_size for file in whole.rglob("*") if file.is_file())
    sizes = [int(least + (most - least) * (i + 0.5) / n) for i in range(n)]
    return Count(n, [f"{size} bytes: {fault}" for size in sizes for fault in _faults(size, folder, whole)])


def _faults(size: int, folder: Path, whole: Path) -> list[str]:
    home = folder / f"disk{size}"
    home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(home)], check=True)
    fresh_store(folder / "empty.db", home)
    child = fork(home, _running, logs=folder)
    code, said = wait(child), output(folder, child)
    errors = [line for line in said.splitlines() if line.startswith("Error: ")]
    faults = []
    if code == 0 or len(errors) != 1 or "room on the disk" not in errors[0] or "Traceback" in said:
        faults.append(f"exit {code}: {said[-300:]}")
    faults += half_files(home, whole)
    subprocess.run(["mount", "-o", "remount,size=100m", str(home)], check=True)
    again = fork(home, _running, logs=folder)
    if wait(again) != 0:
        faults.append(f"with room again it failed: {output(folder, again)[-300:]}")
    elif figures(home) != figures(whole):
        faults.append("the figures differ")
    faults += [f"{name} is still {status}" for name, status in statuses(home) if status == "RUNNING"]
    subprocess.run(["umount", "--lazy", str(home)], check=True)
    return faults


def _running() -> None:
    program.main(COMMAND)


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    with tempfile.TemporaryDirectory() as place:
        print(json.dumps(ours(number, Path(place)).__dict__))  # noqa: T201
