"""A pipeline that stops at a moment of a step, for somebody to do it harm there."""

import os
import time
from contextlib import contextmanager
from pathlib import Path

import mlflow

import warm
from flow_steps import tracking
from forks import output

MOMENTS = ("before write", "mid-write", "after write", "before the final tag", "before the final status")


def run_up_to(step: str, moment: str) -> None:
    """Runs the pipeline; at a moment of a step it makes the file `ready` and waits for the file `go`."""
    here = {"step": "", "uploading": False}
    open_run, upload, end, fsync, tags = (
        tracking.open_run, tracking._upload, tracking._end, os.fsync, tracking.StepRun.tags,
    )  # fmt: skip

    def stop(at: str) -> None:
        if here["step"] == step and at == moment:
            Path("ready").touch()
            while not Path("go").exists():
                time.sleep(0.1)

    @contextmanager
    def opening(name, params, given):
        with open_run(name, params, given) as run:
            here["step"] = given["step"]
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

    def ending(status):
        # Runs below a step's own, such as those of judged models, end before it.
        if status == "FINISHED" and mlflow.active_run().data.tags.get("mlflow.runName", "").startswith(step):
            stop("before the final status")
        end(status)

    tracking.open_run, tracking._upload, tracking._end, os.fsync, tracking.StepRun.tags = (
        opening, uploading, ending, syncing, tagging,
    )  # fmt: skip
    warm.run()


def await_stop(home: Path, child: int) -> None:
    """Waits for a child that runs up to a moment to be there."""
    while not (home / "ready").exists():
        gone, _ = os.waitpid(child, os.WNOHANG)
        assert not gone, output(home, child)
        time.sleep(0.02)
