"""The package in a bare environment: `pip install .`, then the command and the quickstart in an empty folder."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pricecast.data import sources
from pricecast.data.sources import Request

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ("pricecast", "flow_steps", "serving", "pyproject.toml", "README.md", "LICENSE")
SECONDS = 900
# One worker runs all of them, so that there is one environment.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("install")]


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """The folder of programs of an environment that has the package's core alone."""
    folder = tmp_path_factory.mktemp("bare")
    copy = folder / "copy"
    copy.mkdir()
    for name in PACKAGE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy / name)
    # The pip that is here fills the environment; what is imported there is compiled then, which is a tenth of it.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    programs = folder / "venv" / "bin"
    pip = [sys.executable, "-m", "pip", "--python", programs / "python", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--no-compile", copy], check=True, timeout=SECONDS)
    return programs


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty working directory with the bars of AAPL in a file."""
    for name in ("PYTHONPATH", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    sources.load(Request(tickers=("AAPL",))).to_csv(tmp_path / "AAPL.csv", index=False)
    return tmp_path


def run(home, *words):
    done = subprocess.run(
        words, cwd=home, env={**os.environ, "MPLBACKEND": "Agg"}, text=True, capture_output=True, timeout=SECONDS
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_the_core_has_no_torch_and_no_top_level_main(bare, home):
    code = "import importlib.util as u; print([name for name in ('torch', 'keras', 'main') if u.find_spec(name)])"
    assert run(home, bare / "python", "-c", code).strip() == "[]"


@pytest.mark.parametrize("program", [["pricecast"], ["python", "-m", "pricecast"]], ids=" ".join)
def test_both_programs_show_the_same_help(bare, home, program):
    text = run(home, bare / program[0], *program[1:], "--help")
    assert text.startswith("Usage: pricecast [OPTIONS]")
    assert "backtest" in text


def test_the_pipeline_runs_in_an_empty_folder(bare, home):
    words = [bare / "pricecast", "--source", "csv", "--path", "AAPL.csv", "--horizon", "1"]
    text = run(home, *words)
    assert "left out: lstm needs torch, which is not installed (pip install 'pricecast[torch]')" in text
    assert "Audit: " in text
    assert (home / "mlflow.db").is_file()
    assert "train har: running" in run(home, *words, "--models", "naive,har")


def test_a_forecast_of_a_file_takes_one_command(bare, home):
    sources.load(Request(tickers=("AAPL",))).drop(columns="ticker").to_csv(home / "SPY.csv", index=False)
    text = run(home, bare / "pricecast", "predict", "--path", "SPY.csv")
    assert "SPY" in text
    assert "SPY, Mon 4 Mar 2013: 9 times in 10 between" in text
    assert "har" in text
    assert "Fitted now, judged on nothing yet" in text


def test_the_quickstart_runs(bare, home):
    cells = json.loads((ROOT / "notebooks" / "00_quickstart.ipynb").read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    (home / "quickstart.py").write_text(code.replace("%matplotlib inline", ""), encoding="utf-8")
    run(home, bare / "python", "quickstart.py")


def test_importing_the_package_takes_less_than_half_a_second_of_cpu(bare, home):
    code = (
        "import sys, time; before = time.process_time(); import pricecast; after = time.process_time(); "
        "print(after - before < 0.5, 'torch' in sys.modules, 'mlflow' in sys.modules)"
    )
    assert run(home, bare / "python", "-c", code).split() == ["True", "False", "False"]
