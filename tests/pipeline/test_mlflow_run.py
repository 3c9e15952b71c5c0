"""`mlflow run` for real: the same outcome as `python main.py`, and values that cannot leave their place."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow import MlflowClient
from mlflow.projects.utils import load_project

from flow_steps.runs import records
from tests.support.mlproject import PARTS, copy_of_project, run_line
from tests.support.stores import SEARCH, environment, store_of
from tests.support.stress import ROOT

# MLflow declares a relation in a way that SQLAlchemy 2.1 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
SMALL = {
    "source": "synthetic", "path": "gbm", "models": "naive,lstm", "epochs": "1", "lstm_units": "4",
    "lookback": "10", "max_lookback": "20", "vis": "false",
}  # fmt: skip
CLOCK = "runtime_sec"
HOSTILE = {
    "semicolon": "A; touch canary",
    "substitution": "$(touch canary)",
    "backticks": "`touch canary`",
    "single quote": "A' ; touch canary ; '",
    "double quote": 'A" ; touch canary ; "',
    "newline": "A\ntouch canary\n",
    "and": "A && touch canary",
    "pipe": "A | tee canary",
    "redirection": "A > canary",
    "option": "--source=synthetic",
    "template": "{source}",
    "variable": "$HOME",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project, so that nothing but what it needs is there."""
    return copy_of_project(tmp_path_factory.mktemp("project"))


def execute(command, home, cwd, timeout=900, **more):
    return subprocess.run(
        command, cwd=cwd, env=environment(home, **more), text=True, timeout=timeout,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def mlflow_run(project, home, params, step="main", manager="local", **more):
    return execute(run_line(project, params, step, manager), home, home, **more)


def succeed(done):
    assert done.returncode == 0, done.stdout
    return done


def all_runs(home):
    return MlflowClient(store_of(home)).search_runs(["0"], order_by=["start_time ASC"], max_results=1000)


def path_of(run, runs):
    """A run's name after those of the runs above it."""
    parent = run.data.tags.get("mlflow.parentRunId")
    above = [path_of(other, runs) for other in runs if other.info.run_id == parent]
    return (*(above[0] if above else ()), run.info.run_name)


def plain(value):
    """A parameter without shell quotes and without ids."""
    return re.sub(r"(runs:/|models:/)[\w-]+", r"\1ID", " ".join(shlex.split(value)))


def story(home):
    """All that a person sees of the runs, but for ids and times."""
    runs = all_runs(home)
    return {
        path_of(run, runs): {
            "status": run.info.status,
            "metrics": {name: value for name, value in run.data.metrics.items() if name != CLOCK},
            # No tag of ours holds an id: keys are digests of content.
            "tags": {name: value for name, value in run.data.tags.items() if name.startswith("pricecast.")},
            "note": re.sub(r"[0-9a-f]{32}", "ID", run.data.tags.get(records.NOTE, "")),
            "params": {name: plain(value) for name, value in run.data.params.items()},
            "artifacts": artifacts_of(run),
        }
        for run in runs
    }


def artifacts_of(run):
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@cache
def entry_point(step):
    return load_project(str(ROOT)).get_entry_point(step)


def command_line(step, params):
    """The words that the step's program gets when MLflow fills the template."""
    entry = entry_point(step)
    return shlex.split(entry.compute_command(params, storage_dir=None))


@pytest.mark.parametrize("name", ["tickers", "path", "model_params", "models", "start"])
@given(value=st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_text_stays_one_word_of_the_command(name, value):
    words = command_line("main", {name: value})
    assert words[:2] == ["python", "main.py"]
    assert words[words.index(f"--{name.replace('_', '-')}") + 1] == value
    assert len(words) == len(command_line("main", {}))


@pytest.mark.slow
def test_mlflow_run_and_python_do_the_same(project, tmp_path):
    homes = {name: tmp_path / name for name in ("mlflow", "python")}
    for home in homes.values():
        home.mkdir()
    succeed(mlflow_run(project, homes["mlflow"], SMALL))
    options = [word for name, value in SMALL.items() for word in (f"--{name.replace('_', '-')}", value)]
    succeed(execute([sys.executable, str(project / "main.py"), *options], homes["python"], homes["python"]))
    ours, theirs = story(homes["mlflow"]), story(homes["python"])
    assert len(ours) == 10
    assert ours.keys() == theirs.keys()
    for path, run in ours.items():
        assert run == theirs[path], path
    assert all(run["status"] == "FINISHED" for run in ours.values())
    assert not {path.name for path in project.iterdir()} - {*PARTS, "mlruns"}


@pytest.mark.slow
def test_every_step_runs_alone_through_mlflow_run(project, tmp_path):
    def latest():
        return all_runs(tmp_path)[-1].info.run_id

    succeed(mlflow_run(project, tmp_path, {"source": "synthetic"}, "download"))
    prices = f"runs:/{latest()}/prices.parquet"
    succeed(mlflow_run(project, tmp_path, {"prices": prices, "max_lookback": 20}, "transform"))
    dataset = f"runs:/{latest()}/dataset"
    succeed(mlflow_run(project, tmp_path, {"dataset": dataset, "model": "naive"}, "train"))
    client = MlflowClient(store_of(tmp_path))
    (output,) = client.get_run(latest()).outputs.model_outputs
    succeed(
        mlflow_run(
            project,
            tmp_path,
            {"dataset": dataset, "models": f"models:/{output.model_id}", "vis": "false"},
            "evaluate",
        )
    )
    bundle = f"models:/{output.model_id}"
    succeed(mlflow_run(project, tmp_path, {"dataset": dataset, "models": f"{bundle},drift"}, "audit"))
    assert client.get_logged_model(output.model_id).tags["pricecast.audit"] == "passed"
    told = story(tmp_path)
    steps = ("download synthetic", "transform h=5 return", "train naive", "evaluate", "audit")
    alone = {path[0].partition(" SYN1")[0]: run for path, run in told.items() if len(path) == 1}
    assert list(alone) == list(steps)
    assert {path[1] for path in told if len(path) == 2} == {"naive h=5", "ewma h=5"}
    assert {run["status"] for run in told.values()} == {"FINISHED"}
    assert alone["evaluate"]["metrics"]["test_crps"] > 0
    assert "forecasts.parquet" in alone["evaluate"]["artifacts"]
    assert alone["audit"]["artifacts"] == ["audit.html", "audit.json", "manifest.json"]
    assert alone["audit"]["metrics"]["checks_failed"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("command", ["compare", "tune"])
def test_what_is_made_of_steps_runs_through_mlflow_run(project, tmp_path, command):
    (tmp_path / "one.yaml").write_text("A: {model: linear, description: one}", encoding="utf-8")
    own = {
        "compare": {"experiments": str(tmp_path / "one.yaml")},
        "tune": {"models": "linear", "n_trials": 2, "storage": f"sqlite:///{tmp_path}/optuna.db"},
    }[command]
    data = {"source": "synthetic", "max_lookback": 20, "horizon": 1, "vis": "false"}
    succeed(mlflow_run(project, tmp_path, {**own, **data}, command))
    told = story(tmp_path)
    (top,) = [path for path in told if len(path) == 1]
    assert {run["status"] for run in told.values()} == {"FINISHED"}
    below = {path[1] for path in told if len(path) == 2}
    assert (
        below
        >= {"compare": {"exp_A", "naive h=1"}, "tune": {"trial 0 linear", "trial 1 linear", "evaluate"}}[command]
    )
    assert told[top]["metrics"]


@pytest.mark.slow
def test_a_ticker_that_a_shell_would_touch_goes_through(project, tmp_path):
    rng = np.random.default_rng(0)
    dates = pd.bdate_range(end="2023-12-29", periods=520)
    close = 100 * np.exp(np.cumsum(0.01 * rng.standard_normal(len(dates))))
    bars = pd.DataFrame(
        {"date": dates, "ticker": "^GSPC", "open": close, "high": close, "low": close, "close": close}
    )
    bars.assign(volume=1000).to_csv(tmp_path / "some bars.csv", index=False)
    params = {
        "source": "csv", "path": tmp_path / "some bars.csv", "tickers": "^GSPC", "models": "naive",
        "max_lookback": 20, "vis": "false",
    }  # fmt: skip
    succeed(mlflow_run(project, tmp_path, params))
    told = story(tmp_path)
    (top,) = [path for path in told if len(path) == 1]
    assert top[0].startswith("^GSPC h=5: ")
    assert told[top]["params"]["tickers"] == "^GSPC"
    assert told[(*top, "download ^GSPC")]["metrics"]["tickers_found"] == 1
    assert {run["status"] for run in told.values()} == {"FINISHED"}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_value_is_only_a_value(project, tmp_path, name):
    params = {"tickers": {"tickers": HOSTILE[name]}, "path": {"source": "csv", "path": HOSTILE[name]}}
    for option, given_params in params.items():
        done = mlflow_run(project, tmp_path, given_params)
        assert done.returncode != 0, option
        assert "Traceback" not in done.stdout, option
        # The message may wrap the value over lines, but there is one error of ours.
        assert len(re.findall(r"^Error: ", done.stdout, re.MULTILINE)) == 1, done.stdout
    canaries = [path for folder in (project, tmp_path) for path in folder.rglob("canary")]
    assert canaries == []
    assert {run.info.status for run in all_runs(tmp_path)} == {"FAILED"}


@pytest.mark.slow
def test_an_unknown_parameter_is_refused_by_name(project, tmp_path):
    done = mlflow_run(project, tmp_path, {"lookbak": 5})
    assert done.returncode != 0
    assert "No such option: --lookbak" in done.stdout or "No such option '--lookbak'" in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.slow
def test_a_failed_step_fails_the_run_that_mlflow_made(project, tmp_path):
    done = mlflow_run(project, tmp_path, {"source": "sample", "tickers": "NOPE"})
    assert done.returncode != 0
    assert "Error: expected tickers that the source sample holds, got NOPE" in done.stdout
    assert "Traceback" not in done.stdout
    assert {run.info.status for run in all_runs(tmp_path)} == {"FAILED"}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("uv", path=SEARCH) is None, reason="uv is not on the PATH: pip install uv")
def test_conda_yaml_makes_an_environment_that_works(project, tmp_path):
    links = os.environ.get("PIP_FIND_LINKS")
    more = {"UV_FIND_LINKS": links} if links else {}
    params = {"source": "synthetic", "models": "naive", "max_lookback": 20, "vis": "false"}
    done = mlflow_run(
        project, tmp_path, params, manager="uv", timeout=1800, MLFLOW_ENV_ROOT=str(tmp_path / "envs"), **more
    )
    succeed(done)
    told = story(tmp_path)
    (top,) = [path for path in told if len(path) == 1]
    assert told[top]["status"] == "FINISHED"
    assert told[top]["metrics"]["naive_test_crps"] > 0
