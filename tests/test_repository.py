"""Promises of the files around the code: CI, the hooks before a commit, and what the docs list."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pricecast.evaluation.metrics import METRICS

ROOT = Path(__file__).resolve().parents[1]
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
CHANGES = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def commands():
    return [hook["entry"].split() for repo in HOOKS for hook in repo["hooks"]]


def test_the_workflow_calls_the_one_script_of_ci_on_pushes_and_pull_requests():
    workflow = yaml.safe_load(text(".github/workflows/ci.yml"))
    # YAML 1.1 takes the key `on` for true.
    assert workflow[True].keys() == {"push", "pull_request"}
    assert workflow["permissions"] == {"contents": "read"}
    (job,) = workflow["jobs"].values()
    assert job["runs-on"].startswith("ubuntu")
    assert 0 < job["timeout-minutes"] <= 90
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", name) for name in used)
    assert [step["run"] for step in job["steps"] if "run" in step] == ["bash .ci/run"]
    versions = [step["with"]["python-version"] for step in job["steps"] if "python-version" in step.get("with", {})]
    assert versions == ["3.11"]


def test_every_target_that_ci_makes_is_there():
    targets = re.findall(r"^make ([a-z-]+)$", text(".ci/run"), flags=re.MULTILINE)
    assert targets
    assert set(targets) <= set(re.findall(r"^([a-z-]+):", text("Makefile"), flags=re.MULTILINE))


def test_hooks_fetch_nothing():
    assert {repo["repo"] for repo in HOOKS} == {"local"}
    assert {hook["language"] for repo in HOOKS for hook in repo["hooks"]} == {"system"}


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_a_hook_runs_a_command_of_the_environment_that_the_tests_run_in(command, tmp_path):
    folder, _, name = command[0].rpartition("/")
    assert folder == ".venv/bin"
    file = tmp_path / "sound.py"
    file.write_text('"""Nothing to complain of."""\n', encoding="utf-8")
    subprocess.run([Path(sys.executable).parent / name, *command[1:], file], check=True, cwd=ROOT)


def test_hooks_check_what_lint_checks():
    (lint,) = re.findall(r"^lint:.*\n\t(.*)", text("Makefile"), flags=re.MULTILINE)
    assert re.findall(r"ruff \w+", lint) == [" ".join(["ruff", command[1]]) for command in commands()]


def test_the_docs_have_a_row_for_every_step_in_order():
    rows = re.findall(r"^\| `(\w+)` \|", text("docs/usage.md"), flags=re.MULTILINE)
    entry_points = yaml.safe_load(text("MLproject"))["entry_points"]
    assert rows == [name for name in entry_points if name != "main"]


def test_every_metric_is_in_the_glossary():
    quoted = re.findall(r"`(\w+)`", text("docs/glossary.md"))
    levels = re.compile(r"_\d\d$")  # coverage_50, coverage_80 and coverage_90 are one
    known = {levels.sub("", name) for name in quoted}
    assert {levels.sub("", name) for name in METRICS} - known == set()


def test_the_changelog_has_the_form_of_keep_a_changelog():
    found = re.findall(r"^(#+) (.+)$", text("CHANGELOG.md"), flags=re.MULTILINE)
    assert found[:2] == [("#", "Changelog"), ("##", "Unreleased")]
    assert {name for marks, name in found if marks == "###"} <= CHANGES
