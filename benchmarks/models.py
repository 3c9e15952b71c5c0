"""Time and memory of each model: `python -m benchmarks.models --data bars.parquet`.

Every model runs in a process of its own, on one thread: CPU seconds of one fit on training and validation rows and
of the forecasts of the test span, without imports; the most memory that the process took, and how much of it came
with fit and forecast. The alternative that every line is compared with is the linear model in the same run.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import click

from benchmarks.data import prices
from pricecast import models
from pricecast.dataset.dataset import build

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = "linear"
MEGABYTE = 1024  # ru_maxrss counts kilobytes on Linux


def measure(name: str, path: str) -> dict[str, float]:
    """Measure one fit, and one forecast of the test span."""
    data = build(prices(path))
    panel, fold, about = data.panel(), data.fold(), models.about(name)
    rows = (fold.train, fold.valid) if about.stops_early else (fold.past, fold.past[:0])
    model = models.create(name, {})
    warm(name)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    model.fit(panel, *rows)
    fitted = time.process_time()
    model.predict(panel, fold.origins)
    done = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "fit": fitted - started, "forecast": done - fitted, "extra": (peak - before) / MEGABYTE,
        "peak": peak / MEGABYTE, "train": len(rows[0]), "test": len(fold.origins),
    }  # fmt: skip


def warm(name: str) -> None:
    """Load what the first fit would load: members of an ensemble come only then."""
    for part in models.parts(name, {}):
        models.load(part)


def in_a_process(name: str, path: str) -> dict[str, float]:
    """Measure in a fresh process on one thread."""
    line = [sys.executable, "-m", "benchmarks.models", "--data", path, "--only", name]
    process = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(process.stdout.splitlines()[-1])


@click.command()
@click.option("--data", default="", help="A csv or parquet file of bars; empty: the embedded sample.")
@click.option("--models", "wanted", default=models.ALL, help="Models or families, separated by commas.")
@click.option("--only", default="", hidden=True)
def main(data: str, wanted: str, only: str) -> None:
    """Print a line for each model."""
    path = str(Path(data).resolve()) if data else ""
    if only:
        print(json.dumps(measure(only, path)))
        return
    names = dict.fromkeys([REFERENCE, *models.choose(wanted.split(","))[0]])
    table = {name: in_a_process(name, path) for name in names}
    reference = table[REFERENCE]
    print(f"{int(reference['train']):,} training and {int(reference['test']):,} test origins\n")
    print("| model | fit s | forecast s | of linear's | peak MB | of it for fit and forecast |")
    print("|---|--:|--:|--:|--:|--:|")
    for name in sorted(table):
        row = table[name]
        ratio = (row["fit"] + row["forecast"]) / (reference["fit"] + reference["forecast"])
        cells = f"{row['fit']:.2f} | {row['forecast']:.2f} | {ratio:,.0f}x | {row['peak']:.0f} | {row['extra']:.0f}"
        print(f"| {name} | {cells} |")


if __name__ == "__main__":
    main()
