"""The source of a command that was given a path."""

import os

import click
from click.core import ParameterSource

from pricecast.data import sources
from pricecast.errors import InputError

FILES = "csv"


def settle_source(ctx: click.Context) -> None:
    """Take a path without a source for one of files; refuse a source that has no use for a path.

    `mlflow run` passes every default on as if it were typed, so there the default source counts as none.

    Raises:
        click.BadParameter: the source would ignore the path, or does not exist.
    """
    given, path = ctx.params.get("source"), ctx.params.get("path")
    if given in (None, FILES) or not path:
        return
    option = next(each for each in ctx.command.params if each.name == "source")
    typed = ctx.get_parameter_source("source") == ParameterSource.COMMANDLINE
    if not given or (given == option.default and not (typed and "MLFLOW_RUN_ID" not in os.environ)):
        ctx.params["source"] = FILES
        return
    try:
        takes_path = sources.takes_path(given)
    except InputError as error:
        raise click.BadParameter(str(error), ctx, option) from error
    if not takes_path:
        raise click.BadParameter(
            f"expected no --path with --source {given}, which would ignore it: leave out --source, "
            "or --path", ctx, option,
        )  # fmt: skip
