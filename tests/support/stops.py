"""A pipeline that stops at a moment of a step, for somebody to do it harm there."""

import os
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

from flow_steps.runs import tracking
from tests.support import warm
from tests.support.forks import output

MOMENTS = ("before write", "mid-write", "after write", "before the final tag", "before the final status")


def run_up_to(step: str, moment: str) -> None:
    """Runs the pipeline; at a moment of a step it makes the file `ready` and waits for the file `go`."""
    here = {"step": "", "run": "", "uploading": False}
    open_run, upload, end, fsync, tags = (
        tracking.open_run, tracking._upload, tracking._end, os.fsync, tracking.StepRun.set_tags,
    )  # fmt: skip

    def stop(at: str) -> None:
        if here["step"] == step and at == moment:
            Path("ready").touch()
            wait_for(Path("go").exists)

    @contextmanager
    def opening(name, params, given):
        with open_run(name, params, given) as run:
            here.update(step=given["step"], run=run.run_id)
            yield run

    def uploading(run):
        stop("before write")
        here["uploading"] = True
        upload(run)
        here["uploading"] = False
        stop("after write")

    def syncing(file):
        fsync(file)
        if here["uploading"]:
            stop("mid-write")

    def tagging(run, given):
        if "step" in given:
            stop("before the final tag")
        tags(run, given)

    def ending(run_id, status):
        # Runs below a step's own, such as those of judged models, end before it.
        if status == "FINISHED" and run_id == here["run"]:
            stop("before the final status")
        end(run_id, status)

    tracking.open_run, tracking._upload, tracking._end, os.fsync, tracking.StepRun.set_tags = (
        opening, uploading, ending, syncing, tagging,
    )  # fmt: skip
    warm.run()


def await_stop(home: Path, child: int) -> None:
    """Waits for a child that runs up to a moment to be there."""

    def is_there() -> bool:
        gone, _ = os.waitpid(child, os.WNOHANG)
        assert not gone, output(home, child)
        return (home / "ready").exists()

    wait_for(is_there)


def wait_for(happens: Callable[[], bool], most: float = 300.0) -> None:
    """Waits until something is so; without a limit a child that hangs would hang everything."""
    end = time.monotonic() + most
    while not happens():
        assert time.monotonic() < end, f"waited for {most:.0f} s"
        time.sleep(0.02)
