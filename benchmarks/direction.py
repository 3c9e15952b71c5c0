"""Direction of the next day by a published protocol: `python -m benchmarks.direction --data acl18_raw.parquet`.

`benchmarks.protocol` defines the samples; the name of the file decides where training, validation and test begin.
A plain LSTM, over several seeds, stands beside a logistic regression, two constants and the paper's figures.

The stocks of a day move together, so thousands of samples are hardly more independent trials than there are days.
All 95 % intervals come from drawing whole days with all their stocks, in blocks; "less always up" compares the two
on the same draws. Seeds share their days: the interval of their mean is that of the mean over the seeds in each
draw, and more seeds do not make it narrower.

`--choose` prints the validation accuracies by which alone the settings of the LSTM were chosen.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import click
import numpy as np
import pandas as pd

from benchmarks.classifiers import Settings, fit_lstm, predict_logistic, predict_lstm
from benchmarks.data import bars
from benchmarks.hits import Figure, counts, drawn_days, figures
from benchmarks.protocol import SPANS, Samples, Spans, samples, split

# Accuracy in percent and MCC of Feng et al. (2019).
PAPER = {
    "acl18": {"LSTM": (53.18, 0.0674), "ALSTM": (54.90, 0.1043), "Adv-ALSTM": (57.20, 0.1483)},
    "kdd17": {"LSTM": (51.62, 0.0183), "ALSTM": (51.94, 0.0261), "Adv-ALSTM": (53.05, 0.0523)},
}
UNITS, L2 = (4, 8, 16, 32), (0.0, 1e-4, 1e-3)
# Of the grid above, the highest mean validation accuracy over five seeds; see `--choose`.
CHOSEN = {"acl18": Settings(32, 0.0), "kdd17": Settings(4, 1e-3)}
OTHERWISE = Settings(16, 0.0)


def forecasts(parts: tuple[Samples, Samples, Samples], settings: Settings, seeds: int) -> dict[str, np.ndarray]:
    """Return the forecasts of the test samples, "up" or not, by forecaster, (seeds, n)."""
    train, valid, test = parts
    calls = {
        f"LSTM, seed {seed}": predict_lstm(fit_lstm(train, valid, settings, seed)[0], test)[None]
        for seed in range(seeds)
    }
    calls[f"LSTM, mean of {seeds} seeds"] = np.concatenate(list(calls.values()))
    calls["logistic regression"] = predict_logistic(train, test)[None]
    calls["always up"] = np.ones((1, len(test.up)), bool)
    majority = bool(train.up.mean() >= 0.5)
    calls[f"training majority ({'up' if majority else 'down'})"] = np.full((1, len(test.up)), majority)
    return calls


def lines(rows: dict[str, tuple[Figure, Figure, Figure]], kind: str) -> Iterator[str]:
    """Yield the lines of the table, the paper's rows last."""
    yield "| forecaster | accuracy, % | 95 % | MCC | 95 % | less always up | 95 % |"
    yield f"|---|{'--:|' * 6}"
    for name, (right, matthews, gain) in rows.items():
        cells = [f"{right.value:.2f} | {right.low:.1f} to {right.high:.1f}"]
        cells += [f"{matthews.value:.4f} | {matthews.low:+.3f} to {matthews.high:+.3f}"]
        cells += [f"{gain.value:+.2f} | {gain.low:+.1f} to {gain.high:+.1f}"]
        yield f"| {name} | {' | '.join(cells)} |"
    for name, (share, correlation) in PAPER.get(kind, {}).items():
        yield f"| {name}, as published | {share:.2f} | | {correlation:.4f} | | | |"


def verdict(lstm: tuple[Figure, Figure, Figure], up: float, days: int) -> str:
    """Return in words what the interval of the LSTM means."""
    right, _, gain = lstm
    side = "inside" if right.low <= up <= right.high else "outside"
    if gain.low <= 0 <= gain.high:
        words = f"{days} days cannot tell the LSTM from a forecaster that always says up"
    else:
        words = f"on these {days} days the LSTM is {'better' if gain.value > 0 else 'worse'} than always saying up"
    return (
        f"The LSTM is right on {right.value:.1f} % of the samples, and drawing the days again puts that between "
        f"{right.low:.1f} and {right.high:.1f} %. Always up, at {up:.1f} %, lies {side} this interval, and the "
        f"difference between the two is {gain.low:+.1f} to {gain.high:+.1f} points: {words}."
    )


def choose(parts: tuple[Samples, Samples, Samples], seeds: int) -> None:
    """Print the validation accuracies of the grid."""
    print("| units | L2 | validation accuracy, % |\n|--:|--:|--:|")
    for units, l2 in product(UNITS, L2):
        accuracies = [100 * fit_lstm(*parts[:2], Settings(units, l2), seed)[1] for seed in range(seeds)]
        print(f"| {units} | {l2:g} | {np.mean(accuracies):.2f} ± {np.std(accuracies):.2f} |", flush=True)


def spans_of(kind: str, options: tuple[str, str, str, str]) -> Spans:
    """Return the spans, those of the dataset where an option is empty."""
    if kind not in SPANS and not all(options):
        raise click.UsageError(
            f"expected a file whose name begins with {' or '.join(SPANS)}, or --train, --valid, --test and --end"
        )
    spans = Spans(*(date or known for date, known in zip(options, SPANS.get(kind, options), strict=True)))
    if not pd.to_datetime(pd.Series(spans)).is_monotonic_increasing:
        raise click.UsageError(f"expected --train, --valid, --test and --end in order of time, got {spans}")
    return spans


@click.command()
@click.option("--data", required=True, help="A csv or parquet file of bars; its name begins with acl18 or kdd17.")
@click.option("--seq", default=5, type=click.IntRange(1), help="Days in a window.")
@click.option("--seeds", default=5, type=click.IntRange(1), help="How many LSTMs.")
@click.option("--train", default="", help="First day of training; empty: as published.")
@click.option("--valid", default="", help="First day of validation.")
@click.option("--test", default="", help="First day of the test.")
@click.option("--end", default="", help="Last day of the test.")
@click.option("--choose", "only_choose", is_flag=True, help="Print validation accuracies of the LSTM's settings.")
def main(data: str, seq: int, seeds: int, train: str, valid: str, test: str, end: str, only_choose: bool) -> None:
    """Print the table of one file."""
    kind = Path(data).stem[:5].lower()
    spans = spans_of(kind, (train, valid, test, end))
    parts = split(samples(bars(data), seq), spans)
    if not all(len(part.up) for part in parts):
        raise click.UsageError(f"expected samples in every span, got {[len(part.up) for part in parts]}")
    days = len(np.unique(parts[2].date))
    sizes = " / ".join(f"{len(part.up):,}" for part in parts)
    print(f"{sizes} samples at seq {seq}; test {spans.test} to {spans.end}, {days} days\n")
    if only_choose:
        return choose(parts, seeds)
    calls = forecasts(parts, CHOSEN.get(kind, OTHERWISE), seeds)
    cases = {name: np.stack([counts(parts[2], one) for one in seeds_of]) for name, seeds_of in calls.items()}
    times = drawn_days(days)
    rows = {name: figures(case, cases["always up"][0], times) for name, case in cases.items()}
    print("\n".join(lines(rows, kind)))
    print(f"\n{verdict(rows[f'LSTM, mean of {seeds} seeds'], rows['always up'][0].value, days)}")


if __name__ == "__main__":
    main()
