"""The pipeline: download, transform, train each model, evaluate them together, audit, in one process."""

from typing import Any

import click

from flow_steps.cli import options
from flow_steps.cli.click_classes import Group
from flow_steps.cli.commands import FLOWS, STEPS

CHAIN = tuple(name for name in STEPS if name != "backtest")  # what this flow runs


EXAMPLES = (
    "--tickers MSFT --models naive,har",
    "--source csv --path prices.csv --horizon 10",
    "tune --models har --n-trials 12",
)


@click.group(cls=Group, commands={**STEPS, **FLOWS}, invoke_without_command=True, examples=EXAMPLES)
@options.stack(
    *options.DATA, options.models, options.all_params, options.lookback, options.epochs, options.lstm_units,
    options.per_ticker, options.mondrian, options.online, options.early_stopping, options.seed, options.refit,
    options.headline_horizon, options.vis, options.reuse,
)  # fmt: skip
@click.pass_context
def main(context: click.Context, **params: Any) -> None:
    """Honest, calibrated market price forecasts.

    Without a command: download, transform, train, evaluate and a quick audit in one go.
    """
    if context.invoked_subcommand is None:
        _run(params)


def _run(params: dict[str, Any]) -> None:
    # Here, because `--help` and typing mistakes need not wait for MLflow.
    from flow_steps.pipeline.candidate import check_given
    from flow_steps.pipeline.choice import choose

    given = params["model_params"]
    names, lacking = choose(params["models"], given)
    check_given(names, params, params["max_lookback"])
    from flow_steps.pipeline.flow import pipeline  # MLflow, which takes seconds

    with pipeline("main", params) as flow:
        flow.left_out.update(lacking)
        dataset = flow.dataset()
        trained = flow.train_all(dataset, {name: {"model_params": given.get(name, {})} for name in names})
        flow.evaluate(trained, dataset)
