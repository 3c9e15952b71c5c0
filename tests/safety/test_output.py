"""Printing never fails what has been done: encodings without a character, closed pipes, full and closed streams."""

import subprocess
import sys

import pytest

from flow_steps.safety import output
from tests.support.stress import ENVIRONMENT

TEXT = "CRPS skill \N{MINUS SIGN}0.53 % \N{PLUS-MINUS SIGN} 2 \N{EN DASH} M\xfcller \u65e5"
# A command of ours that does its work, prints, and says so where nothing can be wrong with the stream.
COMMAND = """
import sys
from pathlib import Path

import click

from flow_steps.cli.click_classes import Command
from flow_steps.safety import output

@click.command(cls=Command)
def main():
    output.show(sys.argv[1] + " and more" * 20000)
    print("a library's \\N{MINUS SIGN}", flush=True)
    print("x" * 100000)
    print("a word", file=sys.stderr)
    Path("done").touch()

main([])
"""


def run(folder, shell="RUN", **environment):
    """The exit status and the output of the command within a line of bash."""
    line = shell.replace("RUN", '"$0" -c "$1" "$2"')
    done = subprocess.run(
        ["bash", "-c", line, sys.executable, COMMAND, TEXT], cwd=folder, capture_output=True, timeout=120,
        env={"PATH": "/usr/bin:/bin", **ENVIRONMENT, **environment},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace")


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("cp1252", "CRPS skill -0.53 % ± 2 \N{EN DASH} Müller ?"),
        ("latin-1", "CRPS skill -0.53 % ± 2 - Müller ?"),
        ("cp437", "CRPS skill -0.53 % ± 2 - Müller ?"),
        ("utf-8", TEXT),
    ],
)
def test_what_an_encoding_lacks_is_written_plainly(tmp_path, encoding, shown):
    code, said, _ = run(tmp_path, PYTHONIOENCODING=encoding)
    assert (code, (tmp_path / "done").exists()) == (0, True)
    assert said.decode(encoding).startswith(shown)


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "ascii:strict"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
)
def test_a_terminal_that_knows_ascii_alone_will_do(tmp_path, environment):
    code, said, _ = run(tmp_path, **environment)
    assert (code, (tmp_path / "done").exists()) == (0, True)
    assert said.startswith(b"CRPS skill ")


@pytest.mark.parametrize(
    "shell",
    [
        "RUN | head -c 1", "RUN | true", "RUN >&-", "RUN 2>&-", "RUN <&- >&- 2>&-", "RUN > /dev/full",
        "RUN 2> /dev/full | true", "RUN > /dev/full 2>&1",
    ],
)  # fmt: skip
def test_a_stream_that_takes_nothing_fails_nothing(tmp_path, shell):
    code, _, errors = run(tmp_path, f"set -o pipefail; {shell}")
    assert (code, (tmp_path / "done").exists()) == (0, True)
    assert "Traceback" not in errors
    assert "Exception ignored" not in errors


def test_a_full_disk_behind_the_output_is_told(tmp_path):
    _, _, errors = run(tmp_path, "RUN > /dev/full")
    assert errors.startswith("what follows here cannot be printed ([Errno 28] No space left on device)")


def test_what_was_printed_before_the_streams_were_made_ready_fails_nothing(tmp_path):
    code = "from flow_steps.safety import output; print('early'); output.prepare(); open('done', 'w')"
    code, _, errors = run(tmp_path, f'"$0" -c "{code}" > /dev/full')
    assert (code, (tmp_path / "done").exists()) == (0, True)
    assert "Traceback" not in errors


def test_no_file_gets_the_number_of_a_closed_stream(tmp_path):
    code = (
        "import os; from flow_steps.safety import output; output.prepare(); "
        "open('number', 'w').write(str(os.open(os.devnull, os.O_RDONLY)))"
    )
    run(tmp_path, f'"$0" -c "{code}" <&- >&- 2>&-')
    assert int((tmp_path / "number").read_text()) > 2


def test_what_looks_like_a_sign_or_a_fraction_stays_one():
    text = "\N{MINUS SIGN}0.5\N{EN DASH}0.7 \N{MULTIPLICATION SIGN} \N{LESS-THAN OR EQUAL TO} 3 é ½ ² \u65e5"
    assert output.plain(text) == "-0.5-0.7 x <= 3 e 1/2 2 ?"
