"""Reuse by mutation of a finished pipeline: exactly the right steps run again, and the log names why."""

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

from flow_steps.cli import commands
from flow_steps.main import CHAIN
from flow_steps.main import main as pipeline
from flow_steps.pipeline import chain
from flow_steps.reuse import closure, keys
from flow_steps.runs import artifacts, lookup
from flow_steps.safety import store
from pricecast.files import MANIFEST
from serving import check
from tests.support.market_samples import market

ROOT = Path(__file__).resolve().parents[2]
# MLflow declares a relation in a way that SQLAlchemy 2.1 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
SMALL = {"source": "csv", "models": "naive", "max_lookback": "20", "vis": "false"}
STEPS = CHAIN
ALL, NONE = set(STEPS), set()


def words(params):
    return [word for name, value in params.items() for word in (f"--{name.replace('_', '-')}", str(value))]


class Finished:
    """A finished pipeline, and what would run again if it were called once more."""

    def __init__(self, folder):
        self.csv = folder / "bars.csv"
        market((("AAA", 600),)).drop(columns="adj_close").to_csv(self.csv, index=False)
        self.params = {**SMALL, "path": str(self.csv)}
        result = CliRunner().invoke(pipeline, words(self.params))
        assert result.exit_code == 0, result.output
        runs = MlflowClient().search_runs(["0"])
        self.runs = {run.data.tags["pricecast.step"]: run.info.run_id for run in runs}
        self.prices, self.dataset = (self.folder(step) for step in ("download", "transform"))
        self.bundle = lookup.model_uri(self.runs["train"], "naive")
        self.model = artifacts.fetch(self.bundle)
        self.inputs = {
            "download": {},
            "transform": {"prices": f"runs:/{self.runs['download']}/prices.parquet"},
            "train": {"dataset": f"runs:/{self.runs['transform']}/dataset", "model": "naive", "model_params": "{}"},
            "evaluate": {"dataset": f"runs:/{self.runs['transform']}/dataset", "models": self.bundle},
            "audit": {
                "dataset": f"runs:/{self.runs['transform']}/dataset", "models": self.bundle, "quick": True,
                "forecasts": f"runs:/{self.runs['evaluate']}/forecasts.parquet",
            },
        }  # fmt: skip

    def folder(self, step):
        return artifacts.fetch(f"runs:/{self.runs[step]}/")

    def reasons(self, steps=STEPS, **changes):
        """Why steps would run again, by name; a step that would be reused is left out."""
        found = {name: self._reason(name, {**self.params, **changes, **self.inputs[name]}) for name in steps}
        return {name: reason for name, reason in found.items() if reason}

    def _reason(self, name, params):
        module = import_module(f"flow_steps.{name}")
        typed = chain.typed(commands.STEPS[name], params)
        run_id, reason = chain._find_reusable(module.STEP, typed, chain._parts(module.STEP, typed))
        assert (run_id == self.runs[name]) == (not reason)
        return reason


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reuse")
    terminate = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
        store.ensure()
        yield Finished(folder)
    signal.signal(signal.SIGTERM, terminate)


@pytest.fixture
def code(tmp_path, monkeypatch):
    """A copy of the project's packages that the keys are made of, for a test to change."""
    for name in closure.PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(closure, "ROOT", tmp_path)
    return tmp_path


@contextmanager
def moved_away(path):
    aside = path.with_name(f"{path.name}.aside")
    path.rename(aside)
    yield
    aside.rename(path)


def test_nothing_changed_and_nothing_runs_again(done, code):
    assert done.reasons() == {}


@pytest.mark.parametrize(
    ("changes", "again"),
    [
        ({"max_lookback": 20, "strict": "False", "vis": "no"}, {}),
        ({"test_size": ".150", "horizon": "05", "seed": 0}, {}),
        ({"reuse": "true", "models": "naive,lstm"}, {}),
        ({"test_size": "0.2"}, {"transform": "param test_size"}),
        ({"max_lookback": "21"}, {"transform": "param max_lookback"}),
        ({"strict": "true"}, {"download": "param strict"}),
        ({"refit": "true", "epochs": "3"}, {"train": "param epochs, param refit"}),
        ({"vis": "true"}, {"evaluate": "param vis"}),
    ],
)
def test_a_parameter_runs_the_steps_again_that_take_it(done, changes, again):
    assert done.reasons(**changes) == {step: f"changed: {part}" for step, part in again.items()}


def test_another_seed_is_another_training(done):
    # Trainings are named by their seed, so that this one has nothing to differ from.
    assert done.reasons(seed="1") == {"download": "changed: param seed", "train": "first run"}


CODE = {
    "pricecast/data/calendars.py": {"download", "train", "evaluate", "audit"},
    "pricecast/evaluation/metrics.py": {"evaluate"},
    "pricecast/models/lstm.py": NONE,
    "pricecast/report/report.html.jinja": {"evaluate"},
    "pricecast/files.py": ALL,
}
MORE_CODE = {
    "pricecast/evaluation/scores.py": {"evaluate"},
    "pricecast/data/adjust.py": {"transform", "train", "evaluate", "audit"},
    "pricecast/dataset/splits.py": {"transform", "train", "evaluate", "audit"},
    "pricecast/audit/protocol.py": {"audit"},
    "pricecast/report/plots/style.py": {"evaluate"},
    "pricecast/report/audit_page.html.jinja": {"audit"},
    "pricecast/data/sources/csv.py": {"download"},
    "pricecast/data/sources/yahoo.py": NONE,
    "pricecast/models/naive.py": {"train", "evaluate", "audit"},
    "pricecast/models/ewma.py": {"evaluate"},
    "serving/model.py": {"train"},
    "flow_steps/transform.py": {"transform"},
    "flow_steps/pipeline/flow.py": NONE,
    "flow_steps/cli/options.py": NONE,
}


@pytest.mark.parametrize("file", [*CODE, *(pytest.param(name, marks=pytest.mark.slow) for name in MORE_CODE)])
def test_changed_code_runs_the_steps_again_that_import_it(done, code, file):
    path = code / file
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    module = re.sub(r"\.(py|html\.jinja)$", "", file).replace("/", ".")
    again = {**CODE, **MORE_CODE}[file]
    assert done.reasons() == dict.fromkeys(again, f"changed: code {module}")


@pytest.mark.parametrize(
    "name", ["pricecast/models/brandnew.py", "pricecast/data/sources/_new.py", "serving/notes.txt"]
)
def test_a_new_file_runs_nothing_again(done, code, name):
    (code / name).write_text("import json\n", encoding="utf-8")
    assert done.reasons() == {}


def test_a_librarys_version_runs_everything_again(done, monkeypatch):
    real = closure._version
    monkeypatch.setattr(closure, "_version", lambda name: "9.9" if name == "pyarrow" else real(name))
    assert done.reasons() == dict.fromkeys(ALL, "changed: version of pyarrow")


def test_pythons_version_runs_everything_again(done, monkeypatch):
    monkeypatch.setattr(keys.platform, "python_version", lambda: "3.99.0")
    assert done.reasons() == dict.fromkeys(ALL, "changed: version of python")


def test_the_number_of_threads_runs_everything_again(done, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert done.reasons() == dict.fromkeys(ALL, "changed: machine threads")


def test_another_device_runs_everything_again(done, monkeypatch):
    real = Path.exists
    present = not Path("/dev/nvidiactl").exists()
    monkeypatch.setattr(Path, "exists", lambda path: present if str(path) == "/dev/nvidiactl" else real(path))
    assert done.reasons() == dict.fromkeys(ALL, "changed: machine cuda")


def test_one_byte_of_the_input_runs_the_download_again(done):
    content = done.csv.read_bytes()
    try:
        for changed in (content.replace(b",1", b",2", 1), content + b"\n"):
            done.csv.write_bytes(changed)
            assert done.reasons() == {"download": "changed: input path"}
        done.csv.write_bytes(content)
        assert done.reasons() == {}
    finally:
        done.csv.write_bytes(content)


def test_other_prices_run_the_steps_behind_them_again(done, tmp_path):
    prices = tmp_path / "prices.parquet"
    shutil.copy(done.prices / "prices.parquet", prices)
    prices.write_bytes(prices.read_bytes() + b"\0")
    done_inputs = done.inputs["transform"]
    try:
        done.inputs["transform"] = {"prices": str(prices)}
        assert done.reasons(["transform"])["transform"].startswith("changed: input prices")
    finally:
        done.inputs["transform"] = done_inputs


GONE = {
    "all of a run": ("download", lambda done: done.prices),
    "one file": ("download", lambda done: done.prices / "quality.json"),
    "a file within a folder": ("transform", lambda done: done.dataset / "dataset" / "spec.json"),
    "a picture's folder": ("evaluate", lambda done: done.folder("evaluate") / "summary.md"),
    "the manifest": ("evaluate", lambda done: done.folder("evaluate") / "manifest.json"),
    "a bundle": ("train", lambda done: done.model),
    "a bundle's manifest": ("train", lambda done: check.forecaster_folder(done.model) / "manifest.json"),
    "a bundle's forecaster": ("train", lambda done: check.forecaster_folder(done.model) / "forecaster.json"),
}


@pytest.mark.parametrize("name", GONE)
def test_what_vanished_behind_our_back_is_a_miss(done, name):
    step, find = GONE[name]
    with moved_away(find(done)):
        assert done.reasons([step]) == {
            step: f"the artifacts of run {done.runs[step]} are gone or damaged",
        }
    assert done.reasons([step]) == {}


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_one_changed_byte_of_an_artifact_is_a_miss(done, step):
    folder = check.forecaster_folder(done.model) if step == "train" else done.folder(step)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in [*files[:: len(files) // 3 or 1], folder / MANIFEST]:
        content = path.read_bytes()
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        try:
            assert step in done.reasons([step]), path.name
        finally:
            path.write_bytes(content)
    assert done.reasons() == {}


def test_an_added_file_is_a_miss(done):
    added = done.prices / "extra.txt"
    added.write_text("not ours", encoding="utf-8")
    assert "gone or damaged" in done.reasons(["download"])["download"]
    added.unlink()
    assert done.reasons(["download"]) == {}


def test_a_whole_experiments_folder_that_vanished_is_a_miss(done):
    with moved_away(done.prices.parents[1]):
        assert "gone or damaged" in done.reasons(["download"])["download"]
    assert done.reasons(["download"]) == {}


@pytest.mark.parametrize("step", ["download", "train"])
def test_a_run_marked_deleted_is_a_miss(done, step):
    client = MlflowClient()
    client.delete_run(done.runs[step])
    assert done.reasons([step]) == {step: "first run"}
    client.restore_run(done.runs[step])
    assert done.reasons([step]) == {}


def test_a_run_that_did_not_finish_is_a_miss(done):
    client = MlflowClient()
    for status in ("FAILED", "KILLED", "RUNNING"):
        client.update_run(done.runs["transform"], status)
        assert done.reasons(["transform"]) == {"transform": "first run"}
    client.update_run(done.runs["transform"], "FINISHED")
    assert done.reasons(["transform"]) == {}


# With real processes


def start(project, home, csv, **more):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    uri = {"MLFLOW_TRACKING_URI": f"sqlite:///{home}/mlflow.db", "OMP_NUM_THREADS": "1", **more}
    return subprocess.Popen(
        [sys.executable, str(project / "main.py"), *words({**SMALL, "path": csv})],
        cwd=home, env={**environment, **uri}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def finish(process):
    output = process.communicate(timeout=600)[0]
    assert process.returncode == 0, output
    return output


def said(output):
    """Lines of the log about each step, by run name."""
    return dict(
        re.findall(r"^(download|transform|train|evaluate|audit)[^:]*: (reused|running .*)$", output, re.MULTILINE)
    )


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    for name in closure.PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "main.py", folder)
    return folder


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "bars.csv"
    market((("AAA", 600),)).drop(columns="adj_close").to_csv(path, index=False)
    return path


@pytest.mark.slow
def test_a_changed_project_runs_the_right_steps_again_and_says_why(project, csv, tmp_path):
    def once(**more):
        return said(finish(start(project, tmp_path, csv, **more)))

    def touch(name):
        with (project / name).open("a", encoding="utf-8") as file:
            file.write("\n# changed\n")

    reused = dict.fromkeys(STEPS, "reused")
    assert once() == dict.fromkeys(STEPS, "running (first run)")
    (project / "pricecast" / "models" / "brandnew.py").write_text("", encoding="utf-8")
    touch("flow_steps/cli/options.py")
    assert once() == reused
    touch("pricecast/evaluation/scores.py")
    assert once() == {**reused, "evaluate": "running (changed: code pricecast.evaluation.scores)"}
    touch("pricecast/data/calendars.py")
    changed = dict.fromkeys(STEPS, "running (changed: code pricecast.data.calendars)")
    assert once() == {**changed, "transform": "reused"}
    assert once(OMP_NUM_THREADS="2") == dict.fromkeys(STEPS, "running (changed: machine threads)")
    content = csv.read_text(encoding="utf-8")
    csv.write_text(content + "\n", encoding="utf-8")
    # A blank line changes no bar, so what follows stands.
    assert once() == {**reused, "download": "running (changed: input path)"}


@pytest.mark.slow
def test_two_pipelines_of_one_key_at_once_do_not_disturb_each_other(project, csv, tmp_path):
    for process in [start(project, tmp_path, csv) for _ in range(2)]:
        finish(process)
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    runs = client.search_runs(["0"], max_results=1000)
    assert {run.info.status for run in runs} == {"FINISHED"}
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert len(parents) == 2
    assert parents[0].data.metrics == parents[1].data.metrics
    for parent in parents:
        children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
        assert sorted(run.data.tags["pricecast.step"] for run in children) == sorted(STEPS)
    assert said(finish(start(project, tmp_path, csv))) == dict.fromkeys(STEPS, "reused")


@pytest.mark.slow
def test_a_model_file_dropped_in_shows_up_everywhere(project, csv, tmp_path):
    text = (project / "pricecast" / "models" / "drift.py").read_text(encoding="utf-8")
    toy = text.replace('family: ClassVar[str] = "classical"', 'family: ClassVar[str] = "trees"')
    (project / "pricecast" / "models" / "toy.py").write_text(toy, encoding="utf-8")
    process = subprocess.run(
        [sys.executable, str(project / "main.py"), *words({**SMALL, "path": csv, "models": "toy", "vis": "true"})],
        cwd=tmp_path, env={**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"},
        text=True, capture_output=True, check=True,
    )  # fmt: skip
    assert re.search(r"^\| toy( \*)? +\|", process.stdout, re.MULTILINE)
    report = next(tmp_path.rglob("report.html")).read_text(encoding="utf-8")
    assert "<strong>toy</strong>" in report
    listed = "from pricecast import models; print(models.choose(['trees'])[0])"
    found = subprocess.run([sys.executable, "-c", listed], cwd=project, capture_output=True, text=True, check=True)
    assert "'toy'" in found.stdout
