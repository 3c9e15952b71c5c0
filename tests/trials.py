"""What a trial returns, and how a trial that has to be a process of its own is run."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Count:
    """How many cases were tried, and what was wrong with the bad ones."""

    tried: int
    bad: list[str] = field(default_factory=list)


def apart(name: str, *args: object, before: tuple[str, ...] = ()) -> Count:
    """Runs a trial's file as a program, `before` standing before it, and reads the count that it prints last."""
    command = [*before, sys.executable, str(HERE / f"{name}.py"), *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{name} ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-2000:]}")
    return Count(**json.loads(done.stdout.splitlines()[-1]))
