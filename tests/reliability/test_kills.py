"""Pipelines that are stopped, shot or out of room: what is left, and what the next start makes of it."""

import os
import subprocess
import sys

import pytest

from tests.support.stress import ENVIRONMENT, ROOT, SMALL_DISKS, apart, may_mount

needs_mounts = pytest.mark.skipif(not may_mount(), reason="no user namespace may mount a small disk here")


@pytest.mark.slow
def test_a_pipeline_that_is_shot_leaves_no_half_file_and_the_next_start_repeats_its_figures():
    count = apart("kills", "few")
    assert (count.tried, count.bad) == (1, [])


@pytest.mark.slow
def test_no_moment_and_no_signal_leaves_a_trace():
    count = apart("kills")
    assert (count.tried, count.bad) == (75, [])


@pytest.mark.slow
def test_the_stress_test_sees_runs_that_nobody_clears_up():
    blind = (
        "import tempfile, pathlib; from tests.reliability import kills as t; "
        "from flow_steps.safety import liveness; liveness.end_orphaned_runs = lambda e: []; "
        "print(len(t.ours(1, pathlib.Path(tempfile.mkdtemp()), only=[t.CASES[2]]).bad))"
    )
    done = subprocess.run(
        [sys.executable, "-c", blind], cwd=ROOT, capture_output=True, text=True, env={**os.environ, **ENVIRONMENT}
    )
    assert done.stdout.splitlines()[-1] != "0", done.stderr


@pytest.mark.slow
def test_a_run_is_killed_in_order_wherever_in_mlflow_the_signal_comes():
    count = apart("signals", n=4)
    assert (count.tried, count.bad) == (4, [])


@pytest.mark.slow
def test_a_run_is_killed_in_order_at_300_lines_of_mlflow():
    count = apart("signals", n=300)
    assert (count.tried, count.bad) == (300, [])


@pytest.mark.slow
def test_pipelines_may_come_at_once_to_a_store_that_is_not_there():
    count = apart("starts", "few")
    assert (count.tried, count.bad) == (2, [])


@pytest.mark.slow
def test_three_hundred_pipelines_come_six_at_a_time():
    count = apart("starts", n=50)
    assert (count.tried, count.bad) == (300, [])


@pytest.mark.slow
@needs_mounts
def test_a_full_disk_is_one_line_and_with_room_the_figures_come():
    assert apart("full_disk", n=1, before=SMALL_DISKS).bad == []


@pytest.mark.slow
@needs_mounts
def test_a_disk_may_fill_at_any_moment():
    assert apart("full_disk", n=20, before=SMALL_DISKS).bad == []


@pytest.mark.slow
def test_a_killed_mlflow_run_takes_its_pipeline_with_it():
    count = apart("kills", "through_mlflow", 3)
    assert (count.tried, count.bad) == (3, [])


@pytest.mark.slow
def test_a_killed_mlflow_run_of_a_plain_project_does_not():
    assert len(apart("kills", "stock", 3).bad) >= 2
