"""Stress tests: the count that one returns, the cases that it tries, and the process of its own that runs it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[2]
# A stress test forks, or restarts MLflow: no threads in it, and the project found without being installed.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "MLFLOW_DISABLE_TELEMETRY": "true"}
SMALL_DISKS = ("unshare", "--user", "--map-root-user", "--mount")

Case = TypeVar("Case")


@dataclass(frozen=True)
class Count:
    """Number of cases that were tried, and the faults of the bad ones, a text each."""

    tried: int
    bad: list[str] = field(default_factory=list)


def spread(cases: Sequence[Case], n: int | None) -> list[Case]:
    """n of the cases, spread evenly; all of them without a number."""
    n = len(cases) if n is None else n
    return [cases[i * len(cases) // n] for i in range(n)]


def one_text(case: object, faults: list[str]) -> list[str]:
    """The text of a case that went wrong, none where nothing did."""
    return [f"{case}: {'; '.join(faults)}"] if faults else []


def apart(name: str, way: str = "ours", n: int | None = None, before: tuple[str, ...] = ()) -> Count:
    """Runs a stress test as a program, with `before` in front, and returns the count that it prints last."""
    words = [way] if n is None else [way, str(n)]
    command = [*before, sys.executable, "-m", f"tests.reliability.{name}", *words]
    environment = {**os.environ, **ENVIRONMENT}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{name} ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-2000:]}")
    return Count(**json.loads(done.stdout.splitlines()[-1]))


def answer(**ways: Callable[[int | None, Path], Count]) -> None:
    """Runs a stress test's file as a program: the way that is named, as many cases as are said, in a new folder."""
    way, *number = sys.argv[1:] or ["ours"]
    with tempfile.TemporaryDirectory() as folder:
        count = ways[way](int(number[0]) if number else None, Path(folder))
    print(json.dumps(asdict(count)))  # noqa: T201


def may_mount() -> bool:
    """True if a small disk may be mounted here, as the stress test of full disks does."""
    if shutil.which(SMALL_DISKS[0]) is None:
        return False
    mount = "mount -t tmpfs -o size=1m none /mnt"
    return subprocess.run([*SMALL_DISKS, "sh", "-c", mount], capture_output=True, check=False).returncode == 0
