"""Help and typing mistakes are answered before anything heavy is imported."""

import subprocess
import sys

import numpy as np
import pytest

from flow_steps.cli.commands import FLOWS, STEPS
from tests.support.market_samples import prices_of
from tests.support.stores import environment
from tests.support.stress import ROOT

# What takes seconds or hundreds of megabytes, and the steps, which import it.
HEAVY = {"mlflow", "torch", "sklearn", "skops", "pandas", "scipy", "pyarrow", "matplotlib", "optuna", "sqlalchemy"}
COMMANDS = [*STEPS, *FLOWS]
PROGRAMS = {
    "main": ["main.py"],
    "package main": ["-m", "pricecast"],
    **{f"main {name}": ["main.py", name] for name in COMMANDS},
    **{name: ["-m", f"flow_steps.{name}"] for name in COMMANDS},
}


@pytest.fixture(scope="module")
def spy(tmp_path_factory):
    """A folder whose `sitecustomize` has every Python write down at its end what it has imported."""
    folder = tmp_path_factory.mktemp("spy")
    (folder / "sitecustomize.py").write_text(
        "import atexit, os, sys\n"
        "atexit.register(lambda: open(os.environ['IMPORTED'], 'w').write('\\n'.join(sys.modules)))\n",
        encoding="utf-8",
    )
    return folder


@pytest.fixture
def answer(spy, tmp_path):
    """Runs a program; returns its exit code, what it prints, the lines of errors, and the modules it imported."""

    def run(*words, cwd=ROOT):
        more = {"PYTHONPATH": str(spy), "IMPORTED": str(tmp_path / "imported.txt")}
        done = subprocess.run(
            [sys.executable, *words], cwd=cwd, env=environment(tmp_path, **more), text=True, capture_output=True
        )
        modules = set((tmp_path / "imported.txt").read_text(encoding="utf-8").splitlines())
        return done.returncode, done.stdout, done.stderr.splitlines(), modules

    return run


def heavy(modules):
    return {name for name in modules if name.partition(".")[0] in HEAVY or name.rpartition(".")[2] in COMMANDS}


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_imports_nothing_heavy(answer, program):
    code, text, errors, modules = answer(*PROGRAMS[program], "--help")
    assert (code, errors) == (0, [])
    assert text.startswith("Usage: ")
    assert "click" in modules
    assert heavy(modules) == set()


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_wrong_option_is_one_line_and_imports_nothing_heavy(answer, program):
    code, text, errors, modules = answer(*PROGRAMS[program], "--lookbak", "5")
    assert (code, text) == (2, "")
    assert [line for line in errors if line.startswith("Error: ")] == errors[-1:]
    assert "No such option '--lookbak'" in errors[-1]
    assert heavy(modules) == set()


@pytest.mark.parametrize("program", [name for name in PROGRAMS if name.split()[-1] in ("main", "download", "tune")])
def test_a_malformed_ticker_is_one_line_and_imports_nothing_heavy(answer, program):
    code, text, errors, modules = answer(*PROGRAMS[program], "--tickers", "A B")
    assert (code, text) == (2, "")
    assert "expected a ticker such as" in errors[-1]
    assert [line for line in errors if line.startswith("Error: ")] == errors[-1:]
    assert heavy(modules) == set()


def test_a_pipeline_of_naive_and_har_imports_no_torch(answer, tmp_path):
    bars = prices_of(0.01 * np.random.default_rng(0).standard_normal(300))
    bars.to_csv(tmp_path / "bars.csv", index=False)
    code, text, errors, modules = answer(
        ROOT / "main.py", "--source", "csv", "--path", "bars.csv", "--models", "naive,har", "--max-lookback", "20",
        "--horizon", "2", "--vis", "false", cwd=tmp_path,
    )  # fmt: skip
    assert code == 0, errors
    assert "Audit: " in text
    assert {"mlflow", "sklearn", "pricecast.models.har", "flow_steps.audit"} <= modules
    assert {name for name in modules if name.partition(".")[0] in ("torch", "skops")} == set()


def test_an_unknown_command_is_one_line_and_imports_nothing_heavy(answer):
    code, _, errors, modules = answer("main.py", "trian")
    assert code == 2
    assert "No such command 'trian'" in errors[-1]
    assert heavy(modules) == set()
