"""The recipes of CONTRIBUTING.md, executed as they are printed in a copy of the project: a model and a source."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.market_samples import market

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
COPIED = (
    "pricecast", "flow_steps", "serving", "tests", "benchmarks", "notebooks", "docs", "main.py", "MLproject",
    "conda.yaml", "pyproject.toml", "requirements.lock", "requirements-dev.lock", "README.md", "CONTRIBUTING.md",
)  # fmt: skip
# Tests that go over all models or all sources, or over the files of the project.
DISCOVERING = [
    "tests/models/test_contract.py", "tests/forecasting/test_future_blind.py", "tests/data/test_sources.py",
    "tests/experiments/test_search.py", "tests/test_project.py", "tests/tuning/test_studies.py",
]  # fmt: skip
SECONDS = 900


def files():
    """The printed files, by the path on their first line."""
    blocks = re.findall(r"```python\n# (\S+\.py)\n(.*?)```", PAGE, flags=re.DOTALL)
    return {path: f"# {path}\n{code}" for path, code in blocks}


def commands():
    lines = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL) for line in block.splitlines()]
    return [line.split() for line in lines if line.startswith("python main.py")]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with the files that the recipes print, and bars as the source's command reads them."""
    folder = tmp_path_factory.mktemp("project")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "fixtures"))
        else:
            shutil.copy(ROOT / name, folder / name)
    for path, code in files().items():
        (folder / path).write_text(code, encoding="utf-8")
    bars = market((("AAA", 640),)).assign(date=lambda table: table["date"].dt.strftime("%Y-%m-%d"))
    bars.to_json(folder / "bars.jsonl", orient="records", lines=True)
    return folder


def run(project, *words):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "MLFLOW"))}
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(project)}
    done = subprocess.run(
        [sys.executable, *words], cwd=project, env=environment, text=True, capture_output=True, timeout=SECONDS
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def test_the_page_prints_a_model_and_a_source():
    assert [Path(path).parent.name for path in files()] == ["models", "sources"]
    assert [words[:2] for words in commands()] == [["python", "main.py"]] * 2


def test_the_files_are_in_the_style_of_the_project(project):
    paths = [project / path for path in files()]
    programs = Path(sys.executable).parent
    for command in (["check"], ["format", "--check"]):
        subprocess.run([programs / "ruff", *command, *paths], check=True, cwd=project)


@pytest.mark.parametrize(
    "words",
    [pytest.param(words, marks=[pytest.mark.slow] * bool(n)) for n, words in enumerate(commands())],
    ids=" ".join,
)
def test_the_command_below_a_recipe_runs(project, words):
    text = run(project, *words[1:])
    assert "Audit: " in text


@pytest.mark.slow
def test_the_contract_holds_for_the_model_and_the_sources_are_found(project):
    tests = [
        "tests/models/test_contract.py",
        "tests/forecasting/test_future_blind.py",
        "tests/data/test_sources.py",
    ]
    chosen = "momentum or sources_are_found or unknown_source or dropped_in or choosing"
    text = run(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, "-k", chosen)
    assert re.search(r"\d\d passed", text)


@pytest.mark.slow
def test_what_goes_over_all_models_and_sources_passes_with_them(project):
    run(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", *DISCOVERING)
