"""A path without a source is one of files; a source that would ignore it is refused."""

import click
import pytest

from flow_steps.cli.commands import FLOWS, STEPS
from main import main

COMMANDS = {"main": main, "download": STEPS["download"], **FLOWS}
NEEDED = {"compare": ["--experiments", "a.yaml"]}


def source(name, *words):
    command = COMMANDS[name]
    return command.make_context(name, [*NEEDED.get(name, ()), *words]).params["source"]


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--path", "SPY.csv"], "csv"), (["--path", "SPY.csv", "--source", "csv"], "csv"), ([], "sample"),
        (["--source", "synthetic", "--path", "gbm"], "synthetic"), (["--source", "yahoo"], "yahoo"),
    ],
)  # fmt: skip
def test_a_path_alone_is_read_as_files(name, words, found, monkeypatch):
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    # Without a source, predict looks where the saved model learned from.
    assert source(name, *words) == ("" if name == "predict" and not words else found)


@pytest.mark.parametrize("given", ["sample", "yahoo"])
def test_a_source_that_would_ignore_the_path_is_refused(given, monkeypatch):
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    for words in (["--source", given, "--path", "SPY.csv"], ["--path", "SPY.csv", "--source", given]):
        with pytest.raises(click.BadParameter) as caught:
            source("main", *words)
        assert f"expected no --path with --source {given}" in caught.value.message


def test_the_default_that_mlflow_run_passes_on_is_no_choice(monkeypatch):
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    assert source("download", "--source", "sample", "--path", "SPY.csv") == "csv"
    with pytest.raises(click.BadParameter, match="--source yahoo"):
        source("download", "--source", "yahoo", "--path", "SPY.csv")


def test_an_unknown_source_is_named_with_the_known_ones():
    with pytest.raises(click.BadParameter, match="expected a source out of csv, sample, synthetic, yahoo"):
        source("main", "--source", "yaho", "--path", "a.csv")
