"""Help and typing mistakes are answered before anything heavy is imported."""

import os
import subprocess
import sys

import pytest

from flow_steps.commands import FLOWS, STEPS
from trials import ROOT

# What takes seconds or hundreds of megabytes, and the steps, which import it.
HEAVY = {"mlflow", "torch", "sklearn", "skops", "pandas", "scipy", "pyarrow", "matplotlib", "optuna", "sqlalchemy"}
COMMANDS = [*STEPS, *FLOWS]
PROGRAMS = {
    "main": ["main.py"],
    **{f"main {name}": ["main.py", name] for name in COMMANDS},
    **{name: ["-m", f"flow_steps.{name}"] for name in COMMANDS},
}


def answer(*words):
    """The exit code, what is printed, the lines of errors, and the modules that were imported on the way."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *words], cwd=ROOT, env={**os.environ, "COLUMNS": "120"}, text=True,
        capture_output=True,
    )  # fmt: skip
    lines = done.stderr.splitlines()
    modules = {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}
    return done.returncode, done.stdout, [line for line in lines if not line.startswith("import time:")], modules


def heavy(modules):
    return {name for name in modules if name.partition(".")[0] in HEAVY or name.rpartition(".")[2] in COMMANDS}


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_imports_nothing_heavy(program):
    code, text, errors, modules = answer(*PROGRAMS[program], "--help")
    assert (code, errors) == (0, [])
    assert text.startswith("Usage: ")
    assert "click" in modules
    assert heavy(modules) == set()


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_wrong_option_is_one_line_and_imports_nothing_heavy(program):
    code, text, errors, modules = answer(*PROGRAMS[program], "--lookbak", "5")
    assert (code, text) == (2, "")
    assert [line for line in errors if line.startswith("Error: ")] == errors[-1:]
    assert "No such option '--lookbak'" in errors[-1]
    assert heavy(modules) == set()


@pytest.mark.parametrize("program", [name for name in PROGRAMS if name.split()[-1] in ("main", "download", "tune")])
def test_a_malformed_ticker_is_one_line_and_imports_nothing_heavy(program):
    code, text, errors, modules = answer(*PROGRAMS[program], "--tickers", "A B")
    assert (code, text) == (2, "")
    assert "expected a ticker such as" in errors[-1]
    assert [line for line in errors if line.startswith("Error: ")] == errors[-1:]
    assert heavy(modules) == set()


def test_an_unknown_command_is_one_line_and_imports_nothing_heavy():
    code, _, errors, modules = answer("main.py", "trian")
    assert code == 2
    assert "No such command 'trian'" in errors[-1]
    assert heavy(modules) == set()
