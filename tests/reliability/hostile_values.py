"""Hostile values for every option of every command, through MLproject's template and bash into the real thing."""

import json
import logging
import os
import random
import re
import shlex
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import click
from click.testing import CliRunner
from mlflow import MlflowClient
from mlflow.projects.utils import load_project

from pricecast.files import write_parquet
from pricecast.forecasting.fitting import fit
from tests.support.market_samples import market, small_dataset
from tests.support.mlproject import commands, run_line
from tests.support.stores import environment, inside
from tests.support.stress import ROOT, Count, answer

LIMIT = 60  # seconds for one value: nothing may hang
TEXTS = {
    "single quote": "A' ; touch canary ; '",
    "double quote": 'A" ; touch canary ; "',
    "both quotes": "\"'; touch canary; '\"",
    "substitution": "$(touch canary)",
    "substitution in quotes": '"$(touch canary)"',
    "backticks": "`touch canary`",
    "semicolon": "A; touch canary",
    "and": "A && touch canary",
    "or": "A || touch canary",
    "background": "A & touch canary &",
    "pipe": "A | tee canary",
    "writing": "A > canary",
    "reading": "A < /etc/passwd",
    "newline": "A\ntouch canary\n",
    "carriage return": "A\rtouch canary\r",
    "tab": "A\tB",
    "process substitution": "<(touch canary)",
    "here document": "A << EOF\ntouch canary\nEOF",
    "glob": "*",
    "question mark": "/etc/p?sswd",
    "tilde": "~",
    "braces": "{a,b}",
    "brace range": "{1..1000000}",
    "history": "!!",
    "comment": "A # B",
    "backslash": "A\\",
    "variable": "$HOME",
    "field separator": "A${IFS}touch${IFS}canary",
    "arithmetic": "$((1/0))",
    "ansi quoting": "$'touch\\ncanary'",
    "full width semicolon": "A\uff1btouch canary",
    "full width dollar": "\uff04(touch canary)",
    "kelvin sign": "\u212aO",
    "sharp s": "stra\u00dfe",
    "homoglyph": "\u0410\u0410PL",
    "parent folders": "../../../../etc/passwd",
    "absolute path": "/etc/passwd",
    "file address": "file:///etc/passwd",
    "web address": "https://example.invalid/bars.csv",
    "unc path": "\\\\host\\share",
    "run's parent": "runs:/0123456789abcdef0123456789abcdef/../../x",
    "run without id": "runs:/",
    "run of another shape": "runs:/x' or 1=1 --/y",
    "model without id": "models:/",
    "model of another shape": "models:/m-%2e%2e/..",
    "python module": "os.path",
    "module outside": "x./etc/passwd",
    "import": "__import__('os').system('touch canary')",
    "option": "--source=synthetic",
    "short option": "-P",
    "end of options": "--",
    "help": "--help",
    "short help": "-h",
    "dash": "-",
    "nul": "A\0B",
    "nul alone": "\0",
    "megabyte": "A" * 2**20,
    "one too long": "A" * 6001,
    "long name": "A" * 5999,
    "long folders": "a/" * 2999,
    "quotes without end": "'" * 3000,
    "digits": "9" * 10_000,
    "many tickers": ",".join(f"T{i}" for i in range(100_000)),
    "many names": ",".join(f"model{i}" for i in range(800)),
    "commas": "," * 100,
    "deep list": "[" * 100_000,
    "deep list within the limit": "[" * 5990,
    "deep object": '{"a":' * 1000 + "1" + "}" * 1000,
    "deep object by model": '{"naive":' + '{"a":' * 900 + "1" + "}" * 901,
    "nan in json": '{"naive": {"x": NaN}}',
    "infinity in json": '{"naive": {"x": Infinity}}',
    "huge float in json": '{"naive": {"x": 1e999}}',
    "huge int in json": '{"naive": {"x": ' + "9" * 5000 + "}}",
    "big int in json": '{"naive": {"x": ' + "9" * 400 + "}}",
    "name twice in json": '{"naive": {}, "naive": {"x": 1}}',
    "list in json": '{"naive": [1]}',
    "escapes in json": '{"\\u001b[31m\\u202e": {}}',
    "surrogate in json": '{"\\ud800": {}}',
    "dunder in json": '{"naive": {"__class__": 1}}',
    "right to left": "A\u202eLPAA",
    "isolate": "\u2066A\u2069",
    "left to right mark": "A\u200eB",
    "zero width space": "AA\u200bPL",
    "zero width joiner": "A\u200dB",
    "byte order mark": "\ufeffAAPL",
    "soft hyphen": "A\u00adB",
    "tag characters": "A\U000e0041",
    "combining flood": "A" + "\u0301" * 500,
    "line separator": "A\u2028B",
    "next line": "A\u0085B",
    "lone surrogate": "A\udcff\udcfe",
    "high surrogate": "\udced\udca0\udc80",
    "red": "\x1b[31mred",
    "title of the terminal": "\x1b]0;owned\x07",
    "cursor up": "\x1b[A\x1b[2K",
    "eight bit escape": "\x9b31m",
    "backspace": "A\b\b\b",
    "delete": "A\x7f",
    "bell": "\a",
    "placeholder": "{source}",
    "empty placeholder": "{}",
    "attribute of a placeholder": "{source.__class__}",
    "percent": "%s%s%n%(name)s",
    "dollar brace": "${source}",
    "jinja": "{{ 7*7 }}{% for i in range(9**9) %}",
    "html": "<script>alert(1)</script>",
    "sql": "'; DROP TABLE runs; --",
    "log4j": "${jndi:ldap://127.0.0.1/a}",
    "ticker of two words": "M&M.NS",
    "ticker and a program": "A&touch&canary",
    "ticker and an entity": "A&LT",
    "ticker with underscores": "NIFTY_FIN_SERVICE.NS",
    "ticker of an index": "^N225",
    "ticker as a drive": "C:A",
    "ticker as a device": "CON",
    "ticker as a device's file": "NUL.US",
    "ticker as an assignment": "PATH=A",
    "ticker as a folder": "A..",
    "ticker as an exponent": "1E5",
    "date zero": "0000-00-00",
    "year one": "0001-01-01",
    "year 99": "0099-12-31",
    "last date": "9999-12-31",
    "nanoseconds end": "2262-04-12",
    "year of five digits": "10000-01-01",
    "no such day": "2023-02-29",
    "arabic date": "\u0662\u0660\u0662\u0663-\u0660\u0661-\u0660\u0662",
    "infinite exponent": "1e999",
    "not a number": "nan",
    "infinity": "inf",
    "minus infinity": "-inf",
    "minus zero": "-0",
    "minus one": "-1",
    "underscore": "1_000",
    "arabic digit": "\u0663",
    "superscript": "\u00b2",
    "hexadecimal": "0x10",
    "octal": "0o17",
    "fraction": "1/3",
    "whole fraction": "5.0",
    "beyond 32 bits": "4294967296",
    "beyond 64 bits": "18446744073709551616",
    "400 digits": "1" + "0" * 400,
    "tiny": "1e-320",
    "almost one": "0.9999999999999999999",
    "null": "null",
    "none": "None",
    "yes": "yes",
    "empty": "",
    "blank": "   ",
    "no-break space": "\u00a0",
    "zero device": "/dev/zero",
    "standard input": "/dev/stdin",
    "terminal": "/dev/tty",
    "memory of the process": "/proc/self/mem",
    "kernel's page map": "/proc/self/pagemap",
    "descriptors": "/proc/self/fd",
}  # fmt: skip
# What the text cannot be to a program that bash starts: bytes without NUL, 128 KiB at most.
_LONGEST_WORD = 2**17 - 1


class Case(NamedTuple):
    """A value for an option of a command; without an option a word of its own."""

    command: str
    option: click.Option | None
    name: str
    value: str

    def __str__(self) -> str:
        flag = self.option.opts[0] if self.option else "(word)"
        return f"{self.command} {flag} {self.name}"


def ours(n: int, folder: Path, seed: int = 0) -> Count:
    """Sends n values, each option's turn after the other, through the template and bash into click's commands."""
    with _home(folder) as bases:
        found = [f"{case}: {fault}" for case in cases(n, seed, folder) if (fault := _fault(case, bases, folder))]
    return Count(n, found)


def through_mlflow(n: int, folder: Path, seed: int = 0) -> Count:
    """The same through `mlflow run` itself, which takes some ten seconds a value."""
    picked = [case for case in cases(10 * n, seed, folder) if case.option and _is_word(case.value)][:n]
    base = {"source": "synthetic", "models": "naive", "max_lookback": "20", "vis": "false"}
    required = {"prices": "none", "dataset": "none", "model": "naive", "models": "none", "experiments": "none"}
    found = []
    for case in picked:
        own = base if case.command == "main" else {}
        needed = {name: required[name] for name in _required(case.command)}
        params = {**own, **needed, _flag(case.option): case.value}
        done = subprocess.run(
            run_line(ROOT, params, case.command), cwd=folder, env=environment(folder),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        # MLflow's own lines repeat the command, quoted for the shell.
        told = re.search(r"^(Usage|Error): .*(?=^\d{4}/)", os.fsdecode(done.stdout), re.MULTILINE | re.DOTALL)
        if _canaries(folder):
            found.append(f"{case}: ran a command")
        elif "Traceback" in os.fsdecode(done.stdout):
            found.append(f"{case}: a traceback")
        elif done.returncode != 0 and (fault := _told(told[0] if told else "")):
            found.append(f"{case}: {fault}")
    return Count(len(picked), found)


def _required(command: str) -> list[str]:
    return [_flag(option) for option in commands()[command].params if option.required]


def stock(n: int, folder: Path, seed: int = 0) -> Count:
    """The same values in a project whose template puts the placeholder in quotes, as many do."""
    (folder / "MLproject").write_text(
        "name: stock\nentry_points:\n  main:\n    parameters:\n      tickers: {type: string, default: ''}\n"
        '    command: python main.py --tickers "{tickers}"\n',
        encoding="utf-8",
    )
    found = []
    picked = [case for case in cases(n, seed, folder) if _is_word(case.value)]
    for case in picked:
        words = _through_bash(folder, "main", {"tickers": case.value}, folder)
        if _canaries(folder):
            found.append(f"{case.name}: ran a command")
        elif words[2:] != [case.value]:
            found.append(f"{case.name}: arrived as {words[2:]!a:.80}")
    return Count(len(picked), found)


def cases(n: int, seed: int, folder: Path) -> list[Case]:
    """n cases: the options in turn, the values of each in an order of its own."""
    rng = random.Random(seed)  # noqa: S311 - no secret hangs on it
    values = {**TEXTS, **_files(folder)}
    slots = [
        (name, option)
        for name, command in commands().items()
        for option in [*(param for param in command.params if isinstance(param, click.Option)), None]
    ]
    names = {slot: rng.sample(sorted(values), len(values)) for slot in slots}
    picked = [(slot, names[slot][turn]) for turn in range(len(values)) for slot in slots]
    return [Case(*slot, name, values[name]) for slot, name in picked[:n]]


def _files(folder: Path) -> dict[str, str]:
    """Odd files to point at."""
    fifo, loop, odd = folder / "fifo", folder / "loop", folder / "odd"
    if not fifo.exists():
        os.mkfifo(fifo)
        loop.symlink_to(loop)
        odd.mkdir()
        (odd / "itself").symlink_to(odd)
        os.mkfifo(odd / "bars.csv")
        (odd / "a\x1b[31m\nb.csv").write_text("nothing\n", encoding="utf-8")
    return {"pipe": str(fifo), "link to itself": str(loop), "folder of odd files": str(odd)}


@contextmanager
def _home(folder: Path):
    """A working directory with a store and cheap settings for each command; yields the latter."""
    prices = write_parquet(market(), folder / "prices.parquet")
    dataset = str(small_dataset().save(folder / "dataset"))
    bundle = str(fit("naive", {}, small_dataset()).save(folder / "naive"))
    experiments = folder / "experiments.yaml"
    experiments.write_text("A: {model: naive}", encoding="utf-8")
    small = {"source": "synthetic", "max_lookback": "20", "vis": "false"}
    bases = {
        "main": {**small, "models": "naive"},
        "download": {"source": "synthetic"},
        "transform": {"prices": str(prices), "max_lookback": "20"},
        "train": {"dataset": dataset, "model": "naive"},
        "evaluate": {"dataset": dataset, "models": bundle, "vis": "false"},
        "backtest": {"dataset": dataset, "models": "naive", "folds": "2", "share": "0.2", "vis": "false"},
        "audit": {"dataset": dataset, "models": bundle, "quick": "true"},
        "compare": {**small, "experiments": str(experiments)},
        "tune": {**small, "models": "linear", "n_trials": "1"},
    }
    # A stream that a handler of the first command kept would be closed for the second.
    logging.getLogger().addHandler(logging.NullHandler())
    with inside(folder):
        yield bases


def _fault(case: Case, bases: dict[str, dict[str, str]], folder: Path) -> str | None:
    """Fault in the handling of a value, None where it was refused in one line or meant what it says."""
    params = {**bases[case.command], **({_flag(case.option): case.value} if case.option else {})}
    if all(_is_word(value) for value in params.values()):
        words = _through_bash(ROOT, case.command, params, folder)
        words = words[1:] if case.command == "main" else words[2:]
    else:
        words = [word for name, value in params.items() for word in (f"--{name.replace('_', '-')}", value)]
    words += [] if case.option else [case.value]
    with _time_limit():
        result = CliRunner().invoke(commands()[case.command], words)
    if _canaries(folder):
        return "ran a command"
    if result.exception and not isinstance(result.exception, SystemExit):
        return f"{result.exception!a:.200}"
    return _shown(result.output) or (_meaning(case) if result.exit_code == 0 else _told(result.output))


def _shown(output: str) -> str | None:
    if "Traceback" in output:
        return "a traceback"
    odd = {char for char in output if not char.isprintable()} - {"\n"}
    if odd:
        return f"raw in the output: {sorted(odd)!a}"
    return None


def _told(output: str) -> str | None:
    """A refusal is one line, and short."""
    lines = [line for line in output.splitlines() if line.startswith("Error: ")]
    if len(lines) != 1 or not output.endswith(f"{lines[0]}\n"):
        return f"{len(lines)} lines of error: {output[-200:]!a}"
    return f"an error of {len(lines[0])} characters" if len(lines[0]) > 1500 else None


def _meaning(case: Case) -> str | None:
    """An accepted value has to be stored as what it says."""
    if case.option is None:
        return None if case.value in ("--", "--help") else "a word was taken"
    client = MlflowClient()
    everywhere = [found.experiment_id for found in client.search_experiments()]
    newest = client.search_runs(everywhere, "tags.`pricecast.step` != 'judge model'", max_results=50)
    top = next(run for run in newest if "mlflow.parentRunId" not in run.data.tags)
    stored = top.data.params[case.option.name]
    same = _equal(case.option.type, case.value, stored)
    return None if same else f"{case.value!a:.60} was taken for {stored!a:.60}"


def _equal(kind: click.ParamType, value: str, stored: str) -> bool:
    if isinstance(kind, click.IntRange | click.FloatRange):
        return value.isascii() and float(value) == float(stored)
    if kind is click.BOOL:
        return {"true": True, "false": False, "yes": True}.get(value) == (stored == "true")
    if kind.name == "json":
        return json.loads(value or "{}") == json.loads(stored)
    return value.strip().upper() == stored.upper()


def _through_bash(project: Path, step: str, params: dict[str, str], cwd: Path) -> list[str]:
    """The words that the program gets from bash when MLflow has filled the template."""
    command = load_project(str(project)).get_entry_point(step).compute_command(params, storage_dir=None)
    done = subprocess.run(
        [b"bash", b"-c", b"python() { printf '%s\\0' \"$@\"; }\n" + os.fsencode(command)],
        cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    return [os.fsdecode(word) for word in done.stdout.split(b"\0")[:-1]]


def _is_word(value: str) -> bool:
    return "\0" not in value and len(os.fsencode(shlex.quote(value))) < _LONGEST_WORD - 2000


def _flag(option: click.Option) -> str:
    return option.opts[0].removeprefix("--").replace("-", "_")


def _canaries(folder: Path) -> bool:
    """True if a command has run; its trace is removed."""
    found = list(folder.rglob("canary"))
    for path in found:
        path.unlink()
    return bool(found)


@contextmanager
def _time_limit():
    def stop(number, frame):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


if __name__ == "__main__":
    answer(ours=ours, through_mlflow=through_mlflow, stock=stock)
