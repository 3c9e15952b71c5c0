"""All stress tests in full, as one Markdown table: python -m tests.reliability.counts [NAME...] [--short].

Each row comes as soon as it is known; what was wrong with the bad cases goes to stderr.
"""

import argparse
import sys
from typing import NamedTuple

from tests.support.stress import SMALL_DISKS, Count, apart, may_mount


class Row(NamedTuple):
    """A row of the table.

    Attributes:
        name: as the command line takes it.
        file: of the stress test, beside this one.
        what: is tried.
        bad: what counts as bad, in words.
        full: how many cases; None for all there are.
        short: how many with --short.
        ours: the way of the stress test that counts pricecast.
        stock: the way that counts MLflow alone, if any.
    """

    name: str
    file: str
    what: str
    bad: str
    full: int | None
    short: int
    ours: str = "ours"
    stock: str = ""


ROWS = (
    Row("kills", "kills", "a pipeline gets SIGINT, SIGTERM or SIGKILL at each of 5 moments of each step",
        "a process or a `RUNNING` run is left, half a file, other figures at the next start", None, 3),
    Row("signals-in-store", "signals", "SIGTERM comes at one line after another of MLflow's own code",
        "a process hangs, a traceback, a run that is not `KILLED`", 300, 10),
    Row("launches", "kills", "`mlflow run` gets one of these signals in mid-run",
        "a process lives on, a run is `RUNNING` still after the next start, that start fails",
        6, 3, "through_mlflow", "stock"),
    Row("fits", "fits", "a backtest gets SIGTERM or SIGKILL after some of its fits, with one process or two",
        "a process or a `RUNNING` run is left, a kept fit is made anew, other figures at the next start", None, 2),
    Row("fits-server", "fits", "a backtest is shot, whose fits are kept by a tracking server",
        "a kept fit is made anew, a run stays `RUNNING`, the next start fails", 1, 1, "through_server"),
    Row("studies", "studies", "a study is killed at a random moment, and the same command comes again",
        "a trial is lost, doubled or another one, a run stays `RUNNING`, another choice or other figures", 10, 2),
    Row("studies-server", "studies", "two workers share a study on PostgreSQL, and one is killed",
        "a trial is lost or doubled, a worker fails, the two do not agree", 1, 1, "on_postgresql"),
    Row("starts", "starts", "six processes at once come to a store that is not there",
        "a process fails, a run that is not `FINISHED`, other figures", 50, 1, stock="stock"),
    Row("disks", "full_disk", "the disk is full, at one moment after another",
        "more than one line of error, half a file, other figures once there is room", 20, 2),
    Row("servers", "servers", "the tracking server dies in each step, and comes back soon or late",
        "a restart is not survived, more than one line of error, a run stays `RUNNING`, other figures", None, 2),
    Row("environment", "environment",
        "an experiment, store, place, storage of studies, stream or folder is not as it should be",
        "a traceback, more lines, told after 10 seconds or some work; a run fails that need not", None, 9),
    Row("flips", "flips", "flipped bits, and half as many cut files, anywhere in what a run leaves",
        "read without a word", 400, 20, stock="stock"),
    Row("pages", "flips", "flipped bits in the pages of plain local parquet files",
        "another table without a word", 400, 20, "plain"),
    Row("bundles", "bundles", "evil bundles, sealed anew",
        "here: not refused in one line, or code run; stock: code run", None, 8, stock="stock"),
    Row("addresses", "addresses", "addresses out of a run, or to nothing",
        "here: not refused in one line; stock: a file outside is read", None, 20, stock="stock"),
    Row("values", "hostile_values", "hostile values for every option, through the template and bash",
        "a command runs, a traceback, more than one line, another value than was given", 200, 20, stock="stock"),
    Row("runs", "hostile_values", "hostile values through `mlflow run` itself",
        "a command runs, a traceback, more than one line", 16, 1, "through_mlflow"),
    Row("secrets", "secrets", "planted keys, looked for in all that a command leaves and prints",
        "a key is found, in any spelling", None, 1, stock="stock"),
    Row("tables", "tables", "bad price tables and files",
        "a traceback, or neither refused in one line nor mended and counted as plain loops do", 10_000, 100),
    Row("leaks", "leaks", "14 kinds of leaks, planted among honest features",
        "missed, or an honest column beside it flagged", 10, 1),
    Row("leak-alarms", "leaks", "honest feature columns, at each cut of a market",
        "flagged", 10, 1, "alarms"),
    Row("steps", "leaky_steps", "mistakes planted in splits, fits, forecasts and scores",
        "missed", 5, 1),
    Row("step-alarms", "leaky_steps", "honest models, splits and windows",
        "flagged", 5, 1, "alarms"),
    Row("point", "nulls", "random walks, two models beside naive",
        "skill of a point forecast is claimed (chance alone may: up to 3 of 20)", 20, 1, "point"),
    Row("crps", "nulls", "random walks with changing volatility, two models beside naive",
        "skill of a distribution is claimed (chance alone may: up to 3 of 20)", 20, 1, "crps"),
    Row("walks-point", "walks", "backtests of random walks, four models beside naive and ewma",
        "skill of a point forecast is told in any part of the verdict (up to 3 of 20 may)", 20, 1, "point"),
    Row("walks-crps", "walks", "backtests of random walks with changing volatility, the same models",
        "any skill is told in any part of the verdict (up to 3 of 20 may)", 20, 1, "crps"),
    Row("walks-signals", "walks", "backtests of markets with a planted signal",
        "not found, or lost when picking without hindsight", 3, 1, "planted"),
    Row("noise", "nulls", "claims about an opinion of pure noise",
        "called better", 20, 1, "noise"),
    Row("signals", "nulls", "markets with a planted signal",
        "not found", 6, 1, "planted"),
)  # fmt: skip
NONE = "\N{EN DASH}"
HEAD = (
    "| what is tried | tried | bad, pricecast | tried | bad, stock MLflow | what counts as bad |\n"
    "| --- | ---: | ---: | ---: | ---: | --- |"
)


def line(row: Row, short: bool) -> str:
    """A row of the table; both of its sides are processes of their own."""
    n = row.short if short else row.full
    before = SMALL_DISKS if row.name == "disks" else ()
    if before and not may_mount():
        ours = (NONE, "skipped: no small disk may be mounted here")
    else:
        ours = _side(row, row.ours, n, before)
    stock = _side(row, row.stock, n) if row.stock else (NONE, NONE)
    return f"| {' | '.join((row.what, *ours, *stock, row.bad))} |"


def _side(row: Row, way: str, n: int | None, before: tuple[str, ...] = ()) -> tuple[str, str]:
    _tell(f"{row.name}, {way}: {'all' if n is None else n}")
    # One stress test that cannot be run does not cost the figures of the others.
    try:
        count: Count = apart(row.file, way, n, before)
    except AssertionError as error:
        _tell(str(error))
        return NONE, "failed"
    for text in count.bad:
        _tell(f"  bad: {text[:300]}")
    return f"{count.tried:,}", f"{len(count.bad):,}"


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(row.name for row in ROWS)}")
    parser.add_argument("--short", action="store_true", help="a few cases each")
    given = parser.parse_args()
    if unknown := set(given.names) - {row.name for row in ROWS}:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    print(HEAD, flush=True)  # noqa: T201
    for row in ROWS:
        if not given.names or row.name in given.names:
            print(line(row, given.short), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
