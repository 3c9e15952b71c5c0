"""Hostile values are refused in one plain line or mean what they say, for every option of every command."""

import re

import click
import pytest
from click.testing import CliRunner

from flow_steps.cli import click_classes as safe
from main import main as pipeline
from tests.reliability import hostile_values
from tests.support.mlproject import commands

# MLflow declares a relation in a way that SQLAlchemy 2.1 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
OPTIONS = [
    pytest.param(command, option, id=f"{name} {option.opts[0]}")
    for name, command in commands().items()
    for option in command.params
    if isinstance(option, click.Option)
]


def refusal(*words):
    """The one line that a command line is refused with."""
    result = CliRunner().invoke(pipeline, list(words))
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    (line,) = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert result.output.endswith(f"{line}\n")
    return line


def test_hostile_values_through_the_template_and_bash_do_no_harm(tmp_path):
    count = hostile_values.ours(50, tmp_path)
    assert (count.tried, count.bad) == (50, [])


@pytest.mark.slow
def test_many_hostile_values_through_the_template_and_bash_do_no_harm(tmp_path):
    count = hostile_values.ours(600, tmp_path, seed=1)
    assert (count.tried, count.bad) == (600, [])


def test_the_stress_test_notices_a_template_in_quotes(tmp_path):
    count = hostile_values.stock(150, tmp_path)
    assert len([text for text in count.bad if text.endswith("ran a command")]) >= 3


@pytest.mark.slow
def test_hostile_values_through_mlflow_run_do_no_harm(tmp_path):
    count = hostile_values.through_mlflow(16, tmp_path)
    assert (count.tried, count.bad) == (16, [])


@pytest.mark.parametrize(("command", "option"), OPTIONS)
def test_every_option_takes_only_short_printable_text(command, option):
    assert isinstance(command, safe.Command)
    for value in ("A" * 6001, "A\0", "A\n", "A\x1b[31m", "A\u202e", "A\u200b", "A\udcff"):
        with pytest.raises(click.BadParameter, match=r"expected (at most 6000|printable) characters, got"):
            option.type_cast_value(click.Context(command), value)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--seed", "\u0663"], "expected a number, got '\u0663'"),
        (["--seed", "1_000"], "expected a number, got '1_000'"),
        (["--test-size", "nan"], "expected a number, got 'nan'"),
        (["--seed", "4294967296"], "is not in the range 0<=x<=4294967295"),
        (["--epochs", "1" + "0" * 400], "is not in the range 0<=x<=100000"),
        (["--lookback", "1001"], "is not in the range 0<=x<=1000"),
        (["--lstm-units", "100000"], "is not in the range 0<=x<=4096"),
        (["--vis", " "], "expected true or false, got nothing"),
        (["--start", "0099-12-31"], "expected a date in the years 1800 to 2200, got 0099-12-31"),
        (["--end", "9999-12-31"], "expected a date in the years 1800 to 2200, got 9999-12-31"),
        (["--model-params", "[" * 5990], "expected a JSON object"),
        (["--model-params", '{"naive": {"x": NaN}}'], "expected a JSON object"),
        (["--model-params", '{"naive": {"x": ' + "9" * 5000 + "}}"], "expected a JSON object"),
        (["--model-params", '{"naive": {}, "naive": {"x": 1}}'], "expected a JSON object"),
        (["--tickers", " ,,"], "expected tickers between the commas, got none"),
        (["--path", "/dev/zero"], "expected a file or folder, got '/dev/zero'"),
        (["--path", "/proc/self/pagemap"], "expected a file or folder, got"),
        (["--path", "A" * 300], "File name too long"),
        (["evaluate", "--dataset", ".", "--models", ".,/dev/stdin"], "expected a file or folder, got '/dev/stdin'"),
    ],
)  # fmt: skip
def test_a_value_that_would_hang_break_or_mislead_is_refused(words, says):
    assert says in refusal(*words)


def test_a_pipe_that_nobody_writes_to_is_refused(tmp_path):
    hostile_values.cases(0, 0, tmp_path)
    assert "a device, pipe or socket" in refusal("download", "--path", str(tmp_path / "fifo"))


def test_a_model_name_that_leads_outside_is_refused_before_any_file_is_read(tmp_path, monkeypatch):
    from flow_steps import train

    with pytest.raises(ValueError, match="expected a model out of"):
        train.STEP.plugins({"model": f"x.{tmp_path}/evil"})


@pytest.mark.parametrize(
    "words",
    [["--\x1b[31mred"], ["A\x1b[2K\nError: all is well"], ["\u202eword"], ["download", "A\r\x07"]],
)
def test_what_the_parser_itself_complains_of_reaches_the_terminal_escaped(words):
    line = refusal(*words)
    assert line.isprintable()
    assert re.search(r"\\(x1b|n|u202e|r)", line)


def test_an_error_is_one_short_line_with_its_beginning_and_its_end():
    with pytest.raises(click.ClickException) as caught, safe.plain_errors():
        raise click.ClickException("expected\na file, got " + "x" * 5000 + ": do this")
    assert caught.value.message.startswith("expected\\na file, got xx")
    assert caught.value.message.endswith("xx: do this")
    assert len(caught.value.message) < 1100
