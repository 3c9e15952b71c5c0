"""The page of `--help`: options in groups, examples that can be typed, and the version."""

import click

from pricecast._version import __version__

PACKAGE = "pricecast"
WIDTH = 100  # of the widest page; a narrower terminal has its own
# Titles of the groups, in reading order, with the names of their options; of the rest, such as --help, the last.
GROUPS = {
    "Inputs": ("prices", "dataset", "forecasts", "experiments"),
    "Data": ("source", "tickers", "start", "end", "date_end", "path", "strict", "allow_splits"),
    "Dataset": (
        "horizon", "max_lookback", "valid_size", "test_size", "valid_start", "test_start", "scaler", "target",
    ),
    "Models": (
        "model", "models", "model_params", "lookback", "epochs", "lstm_units", "per_ticker", "mondrian", "online",
        "early_stopping", "seed", "refit",
    ),
    "Search": ("seeds", "n_trials", "timeout", "timesteps", "walk_forward", "storage"),
    "Evaluation": (
        "metric", "headline_horizon", "folds", "share", "window", "refit_every", "left_out", "trials", "quick",
    ),
    "Output": (
        "previous_time_window", "next_time_window", "above", "format", "vis", "reuse",
    ),
}  # fmt: skip
_OTHERS = "Other options"


def write_options(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Write the options of a command, those of a group below its title."""
    groups = {name: title for title, names in GROUPS.items() for name in names}
    rows: dict[str, list[tuple[str, str]]] = {title: [] for title in (*GROUPS, _OTHERS)}
    for param in command.get_params(ctx):
        if record := param.get_help_record(ctx):
            rows[groups.get(param.name or "", _OTHERS)].append(record)
    for title, records in rows.items():
        if records:
            with formatter.section(title):
                formatter.write_dl(records)


def write_examples(examples: tuple[str, ...], ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Write examples as they are to be typed for this program."""
    if examples:
        program = ctx.command_path
        start = f"python {program}" if program.partition(" ")[0].endswith(".py") else program
        with formatter.section("Examples"), formatter.indentation():
            for example in examples:
                formatter.write(f"{' ' * formatter.current_indent}{start} {example}\n")


def version_option() -> click.Option:
    """Return the option `--version`, which shows the version and ends the program."""
    return click.Option(
        ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
        help="Show the version and exit.",
    )  # fmt: skip


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"{PACKAGE} {__version__}")
        ctx.exit()
