"""Pictures of a forecasts table: one function per picture, each returns a matplotlib Figure.

Every picture shows the naive forecast beside the model's, and none of them touches pyplot's global state.
"""

import io
import textwrap
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from pricecast.errors import InputError
from pricecast.schema import INTERVALS, NAIVE, QUANTILE_COLUMNS, QUANTILE_LEVELS

GREY = "#767676"
INK = "#222222"
# Okabe and Ito's colours, told apart with any colour vision; the yellow is left out, it vanishes on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
# As many markers as make the pairs (colour, marker) differ for 42 models, and lines differ without colour.
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# A model that loses this many times naive's loss would press all others into one line.
ROOF = 1.25
PLATE = {"facecolor": "white", "edgecolor": "none", "pad": 2}
# Inches that a row of a legend takes; the first is part of a picture's height.
LEGEND_ROW, LEGEND_COLUMNS = 0.22, 6
# Points per scatter picture: more only make a darker blot, and cost time.
MAX_POINTS = 4000
WIDTH = 9.4
STYLE: dict[str, Any] = {
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "legend.frameon": False,
    "legend.fontsize": 10,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    # Names come from the user: a dollar sign in one is a dollar sign, not the start of a formula.
    "text.parse_math": False,
}
# Text as outlines looks the same everywhere; the fixed salt makes equal pictures equal files.
SVG_STYLE = {"svg.fonttype": "path", "svg.hashsalt": "pricecast", "savefig.dpi": 150}
_styled = matplotlib.rc_context(STYLE)


def styles(models: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Line style per model: naive grey and dashed, the others by their place in the alphabet."""
    others = sorted(set(models) - {NAIVE})
    looks: dict[str, dict[str, Any]] = {NAIVE: {"color": GREY, "marker": "", "linestyle": "--"}}
    for i, name in enumerate(others):
        looks[name] = {
            "color": PALETTE[i % len(PALETTE)],
            "marker": MARKERS[i % len(MARKERS)],
            "linestyle": "-",
        }
    return looks


@_styled
def fan_chart(forecasts: pd.DataFrame, model: str, ticker: str, days: int = 60) -> Figure:
    """Bands one step ahead over the last days, and the newest cutoff's path over all horizons.

    Args:
        forecasts: table with the columns of `schema.FORECASTS`.
        model: whose median and 50, 80 and 90 % bands to draw.
        ticker: whose prices to draw.
        days: trading days in the left panel.

    Raises:
        InputError: the table has no row of this model and ticker.
    """
    rows, naive = (_select(forecasts, name, ticker) for name in (model, NAIVE))
    first, newest, closes = rows["horizon"].min(), rows["cutoff"].max(), _closes(rows)
    colour = _colour(forecasts, model)
    fig, (past, future) = _panels(4.3, [5, 3])
    recent = rows[rows["horizon"] == first].tail(days)
    since = closes.index[closes.index <= newest][-min(days, 12) :][0]
    panels = (
        (past, recent, naive[naive["horizon"] == first].tail(days), closes[recent["date"].min() :]),
        (future, _path(rows, newest), _path(naive, newest), closes[since:]),
    )
    for ax, path, reference, known in panels:
        _bands(ax, path, colour)
        if model != NAIVE:
            ax.plot(reference["date"], reference["forecast"], "--", color=GREY, lw=1, label="naive median")
        ax.plot(path["date"], path["forecast"], color=colour, label=f"{model} median")
        ax.plot(known.index, known, ".-", color=INK, lw=1, ms=4, label="actual close")
        _date_axis(ax)
    past.set(title=f"{ticker}: {_ahead(first)}", ylabel="Price (currency of the quote)")
    future.axvline(newest, color=INK, lw=0.8, ls=":")
    future.set(title=f"From the close of {newest:%Y-%m-%d}")
    handles, labels = past.get_legend_handles_labels()
    fig.legend(handles[::-1], labels[::-1], loc="outside lower center", ncols=6, columnspacing=1.2)
    return fig


@_styled
def predicted_vs_actual(forecasts: pd.DataFrame, model: str) -> Figure:
    """Log returns in percent, forecast against outcome: single points, and means by tenth of the forecasts.

    Prices are left out on purpose: on a price level everybody looks good, the naive forecast included.

    Raises:
        InputError: the table has no row of this model.
    """
    rows = _outcomes(forecasts, model)
    fig, (cloud, means) = _panels(4.4, [1, 1])
    x, y = _log_return(rows, "forecast"), _log_return(rows, "actual")
    if len(rows):
        colour = _colour(forecasts, model)
        keep = _sample(len(rows))
        cloud.scatter(x.iloc[keep], y.iloc[keep], s=9, alpha=0.35, lw=0, color=colour, rasterized=True)
        reach = 1.05 * max(x.abs().max(), y.abs().max(), 0.1)
        cloud.set(xlim=(-reach, reach), ylim=(-reach, reach))
        cloud.locator_params(nbins=7)
        table = _binned(x, y, rows["date"])
        means.errorbar(
            table["x"], table["y"], yerr=1.96 * table["error"], fmt="o", color=colour, capsize=3, label=model
        )
    for ax, title in (
        (cloud, "Single forecasts, equal scales"),
        (means, "Mean outcome per tenth of forecasts"),
    ):
        ax.axhline(0, color=GREY, lw=1.2, ls="--", label="no skill: zero, as naive says")
        ax.axline((0, 0), slope=1, color=INK, lw=1, label="right on average: outcome = forecast")
        ax.set(title=title, xlabel="Forecast log return (%)", ylabel="Actual log return (%)")
        _note_if_empty(ax, rows)
    cloud.set_box_aspect(1)
    fig.legend(*means.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


@_styled
def residuals(forecasts: pd.DataFrame, model: str) -> Figure:
    """Where outcomes fall among the quantiles, and residuals over time in units of the 90 % interval.

    Raises:
        InputError: the table has no row of this model.
    """
    outcomes = {name: _outcomes(forecasts, name) for name in dict.fromkeys((model, NAIVE))}
    rows = outcomes[model]
    fig, (left, right) = _panels(4.0, [1, 1.25])
    edges = np.array([0.0, *QUANTILE_LEVELS, 1.0])
    if len(rows):
        colour, keep = _colour(forecasts, model), _sample(len(rows))
        left.bar(
            100 * edges[:-1], _density(rows), 100 * np.diff(edges), align="edge", color=_tint(colour, 0.55),
            edgecolor="white", label=model,
        )  # fmt: skip
        if model != NAIVE:
            left.stairs(_density(outcomes[NAIVE]), 100 * edges, color=GREY, ls="--", label=NAIVE)
        z = _standardised(rows)
        for hit, shade, size in ((z.abs() <= 1, 0.45, 8), (z.abs() > 1, 1.0, 16)):
            part = (rows["date"].iloc[keep][hit.iloc[keep]], z.iloc[keep][hit.iloc[keep]])
            right.scatter(*part, s=size, lw=0, color=_tint(colour, shade), rasterized=True)
        _date_axis(right)
    left.axhline(1, color=INK, lw=1, label="calibrated")
    left.set(title="Outcomes among the quantiles", xlabel="Forecast probability (%)", xticks=range(0, 101, 25))
    left.set(ylabel="Density (1 = as often as promised)")
    for level in (-1, 1):
        right.axhline(level, color=INK, lw=1)
    right.set(title=_outside(outcomes), ylabel="Residual (half 90 % intervals)")
    for ax in (left, right):
        _note_if_empty(ax, rows)
    fig.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=3)
    return fig


@_styled
def loss_curves(
    curves: Mapping[str, pd.DataFrame | None], looks: Mapping[str, dict[str, Any]] | None = None
) -> Figure | None:
    """Training and validation loss by epoch, one panel per model, the best epoch marked.

    Args:
        curves: per model a table `epoch, train_loss, val_loss`; None or empty for a model without epochs.
        looks: line styles of the other pictures (see `styles`), to give a model one colour throughout.

    Returns:
        The picture, or None when no model has epochs.
    """
    tables = {name: table for name, table in curves.items() if table is not None and len(table)}
    if not tables:
        return None
    looks = {**styles(tables), **(looks or {})}
    columns = min(3, len(tables))
    fig = Figure(figsize=(WIDTH, 3.4 * -(-len(tables) // columns)))
    axes = fig.subplots(-(-len(tables) // columns), columns, squeeze=False).ravel()
    for ax, (name, table) in zip(axes, tables.items(), strict=False):
        colour = looks[name]["color"]
        ax.plot(table["epoch"], table["train_loss"], "--", color=_tint(colour, 0.6), label="training")
        ax.plot(table["epoch"], table["val_loss"], color=colour, label="validation")
        if table["val_loss"].notna().any():
            best = table.iloc[int(np.nanargmin(table["val_loss"]))]
            ax.plot(best["epoch"], best["val_loss"], "o", ms=7, color=INK, label=f"best: {best['epoch']:.0f}")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set(title=name, xlabel="Epoch", ylabel="Loss (model's own unit)")
        ax.legend()
    for ax in axes[len(tables) :]:
        ax.set_axis_off()
    return fig


@_styled
def coverage(forecasts: pd.DataFrame) -> Figure:
    """Reliability per model: how much more or less often than promised the outcome fell below each quantile.

    The vertical axis is observed minus nominal frequency, because several models on one diagonal hide each
    other. The grey area holds 95 % of perfectly calibrated forecasts if the tickers of a day count as one
    observation, and so do days whose horizons overlap.
    """
    looks, nominal = styles(forecasts["model"].unique()), np.array(QUANTILE_LEVELS)
    known, counts = forecasts.loc[forecasts["actual"].notna(), ["horizon", "cutoff"]], _below(forecasts)
    first, last = forecasts["horizon"].min(), forecasts["horizon"].max()
    fig, axes = _panels(_tall(len(looks) + 1), [1, 1], sharey=True)
    for ax, rows, longest, title in (
        (axes[0], known[known["horizon"] == first], first, _ahead(first).capitalize()),
        (axes[1], known, last, "All horizons" if last > first else "All horizons (there is one)"),
    ):
        half = 196 * np.sqrt(nominal * (1 - nominal) / max(1, rows["cutoff"].nunique() // longest))
        ax.fill_between(100 * nominal, -half, half, color="#EDEDED", lw=0, label="chance alone")
        ax.axhline(0, color=INK, lw=1)
        shares = counts.loc[:longest].groupby("model", observed=True).sum()
        shares = shares[list(QUANTILE_COLUMNS)].div(shares["n"].where(shares["n"] > 0), axis=0)
        for name in _naive_last(shares.index):
            ax.plot(100 * nominal, 100 * (shares.loc[name] - nominal), **looks[name], label=name)
        ax.set(title=title, xlabel="Nominal level of the quantile (%)", xticks=[5, 25, 50, 75, 95])
        _note_if_empty(ax, rows)
    axes[0].set_ylabel("Observed minus nominal (% points)")
    reach = max(5.0, *(abs(limit) for limit in axes[0].get_ylim()))
    axes[0].set_ylim(-reach, reach)
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=LEGEND_COLUMNS)
    return fig


@_styled
def error_by_horizon(forecasts: pd.DataFrame) -> Figure:
    """RMSE of the median and mean pinball loss of the quantiles by horizon, both divided by naive's.

    Both are of log returns; under the horizons stands what the naive forecast scores, in percent. Models far above
    naive leave the picture, so that the others can be told apart; a line of text names them.
    """
    errors, looks = _errors(forecasts), styles(forecasts["model"].unique())
    fig, axes = _panels(_tall(len(looks)), [1, 1], sharey=True)
    shown = [0.98, 1.02]
    for ax, column, title in (
        (axes[0], "rmse", "Point: RMSE of the median"),
        (axes[1], "pinball", "Distribution: mean pinball loss"),
    ):
        table = errors[column].unstack("model")
        reference = table[NAIVE] if NAIVE in table else table.max(axis=1)
        ratios = table.div(reference, axis=0)
        for name in _naive_last(ratios.columns):
            ax.plot(ratios.index, ratios[name], **looks[name], label=name)
        far = _far(ratios.max())
        near = ratios.drop(columns=far).to_numpy()
        shown += near[np.isfinite(near)].tolist()
        if far:
            names = textwrap.fill(f"Above: {', '.join(far)}", 44)
            ax.text(
                0.99, 0.98, names, ha="right", va="top", transform=ax.transAxes, color=INK, fontsize=9, bbox=PLATE
            )
        ax.set_xticks(table.index, [f"{h}\n{value:.2f} %" for h, value in reference.items()])
        ax.set(title=title, xlabel="Horizon (trading days), and naive's loss")
        ax.margins(x=0.08)
        _note_if_empty(ax, errors)
    axes[0].set_ylabel("Loss / naive's (below 1 is better)")
    margin = 0.12 * (max(shown) - min(shown))
    axes[0].set_ylim(min(shown) - margin, max(shown) + margin)
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=LEGEND_COLUMNS)
    return fig


@lru_cache(maxsize=32)
def svg(figure: Figure) -> bytes:
    """A picture as SVG; drawn once, for the report and for the file beside it."""
    buffer = io.BytesIO()
    with matplotlib.rc_context(SVG_STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def save(figure: Figure | None, path: Path) -> Path | None:
    """Writes a picture as SVG; None (see `loss_curves`) writes nothing."""
    if figure is None:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(svg(figure))
    return path


def _far(worst: "pd.Series[float]") -> list[str]:
    """Models whose largest loss relative to naive's is beyond the picture, if there is one that is not."""
    others = worst.drop(NAIVE, errors="ignore")
    return sorted(map(str, others.index[others > ROOF])) if (others <= ROOF).any() else []


def _select(forecasts: pd.DataFrame, model: str, ticker: str | None = None) -> pd.DataFrame:
    # The ticker first: of 600 tickers it leaves few rows for the other comparisons.
    rows = forecasts if ticker is None else forecasts[forecasts["ticker"] == ticker]
    rows = rows[rows["model"] == model]
    if rows.empty:
        what = f"the model {model}" + ("" if ticker is None else f" and the ticker {ticker}")
        raise InputError(f"expected forecasts of {what}, got none: choose a model and a ticker of this table")
    return rows if ticker is None else rows.sort_values(["cutoff", "horizon"])


def _outcomes(forecasts: pd.DataFrame, model: str) -> pd.DataFrame:
    """Rows of a model at the shortest horizon whose outcome is known."""
    first = forecasts["horizon"] == forecasts["horizon"].min()
    # The horizon first: comparing numbers is cheap, comparing names is not.
    rows = _select(forecasts[first], model)
    return rows[rows["actual"].notna()]


def _closes(rows: pd.DataFrame) -> "pd.Series[float]":
    """Closes by date that a table of one ticker knows, as last close or as outcome."""
    dates = pd.DatetimeIndex([*rows["cutoff"], *rows["date"]])
    closes = pd.Series([*rows["last_close"], *rows["actual"]], index=dates).dropna()
    return closes[~closes.index.duplicated()].sort_index()


def _path(rows: pd.DataFrame, cutoff: pd.Timestamp) -> pd.DataFrame:
    """One cutoff's forecasts by horizon, led by the known close, where every quantile is that close."""
    columns = ["date", "forecast", *QUANTILE_COLUMNS]
    path = rows.loc[rows["cutoff"] == cutoff, [*columns, "last_close"]]
    start = path.iloc[[0]].assign(date=cutoff, **dict.fromkeys(columns[1:], path["last_close"].iloc[0]))
    return pd.concat([start, path])[columns]


def _bands(ax: Any, rows: pd.DataFrame, colour: str) -> None:
    for (percent, low, high), share in zip(reversed(INTERVALS), (0.16, 0.32, 0.5), strict=True):
        tint = _tint(colour, share)
        ax.fill_between(rows["date"], rows[low], rows[high], color=tint, lw=0, label=f"{percent} %")


def _binned(x: "pd.Series[float]", y: "pd.Series[float]", dates: "pd.Series[Any]") -> pd.DataFrame:
    """Mean forecast, mean outcome and its standard error per tenth of the forecasts.

    Tickers of one day move together, so the error is that of the daily means.
    """
    tenth = pd.qcut(x, 10, labels=False, duplicates="drop").fillna(0)
    daily = pd.DataFrame({"x": x, "y": y, "bin": tenth, "date": dates}).groupby(["bin", "date"]).mean()
    bins = daily.groupby("bin")
    return bins.mean().assign(error=bins["y"].sem().fillna(0))


def _density(rows: pd.DataFrame) -> np.ndarray:
    """Observed over promised frequency of each gap between neighbouring quantiles."""
    above = (rows[list(QUANTILE_COLUMNS)].to_numpy() < rows[["actual"]].to_numpy()).sum(axis=1)
    counts = np.bincount(above, minlength=len(QUANTILE_LEVELS) + 1)
    return counts / max(1, len(rows)) / np.diff([0.0, *QUANTILE_LEVELS, 1.0])


def _standardised(rows: pd.DataFrame) -> "pd.Series[float]":
    """Log residual in units of its side of the 90 % interval: beyond one is outside."""
    residual = _log_return(rows, "actual") - _log_return(rows, "forecast")
    _, low, high = INTERVALS[-1]
    edge = rows[high].where(residual > 0, rows[low])
    width = (_log_return(rows.assign(edge=edge), "edge") - _log_return(rows, "forecast")).abs()
    return residual / width.where(width > 0)


def _outside(outcomes: Mapping[str, pd.DataFrame]) -> str:
    percent, low, high = INTERVALS[-1]
    shares = [
        f"{name} {100 * (1 - rows['actual'].between(rows[low], rows[high]).mean()):.1f} %"
        for name, rows in outcomes.items()
        if len(rows)
    ]
    return f"Outside the {percent} % interval: " + ", ".join(shares or ["unknown"])


def _below(forecasts: pd.DataFrame) -> pd.DataFrame:
    """How many known outcomes lay at or below each quantile, and how many are known, by horizon and model."""
    counts = forecasts[list(QUANTILE_COLUMNS)].ge(forecasts["actual"], axis=0)
    counts["n"] = forecasts["actual"].notna()
    return counts.groupby([forecasts["horizon"], forecasts["model"]], observed=True).sum()


def _naive_last(models: Iterable[Any]) -> list[str]:
    """Names in drawing order: naive on top of the others, so that it stays visible."""
    return sorted(map(str, models), key=lambda name: (name == NAIVE, name))


def _errors(forecasts: pd.DataFrame) -> pd.DataFrame:
    """RMSE and mean pinball loss of log returns in percent, by horizon and model, of known outcomes."""
    actual = forecasts["actual"].to_numpy()
    pinball = np.zeros(len(forecasts))
    for level, column in zip(QUANTILE_LEVELS, QUANTILE_COLUMNS, strict=True):
        over = 100 * np.log(actual / forecasts[column].to_numpy())
        pinball += np.maximum(level * over, (level - 1) * over) / len(QUANTILE_LEVELS)
    square = (100 * np.log(actual / forecasts["forecast"].to_numpy())) ** 2
    losses = pd.DataFrame({"rmse": square, "pinball": pinball}, index=forecasts.index)
    table = losses.groupby([forecasts["horizon"], forecasts["model"]], observed=True).mean().dropna()
    return table.assign(rmse=np.sqrt(table["rmse"]))


def _log_return(rows: pd.DataFrame, column: str) -> "pd.Series[float]":
    return pd.Series(100 * np.log(rows[column] / rows["last_close"]), index=rows.index)


def _sample(count: int) -> np.ndarray:
    """Positions of at most MAX_POINTS rows, the same ones every time."""
    if count <= MAX_POINTS:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, MAX_POINTS, replace=False))


def _colour(forecasts: pd.DataFrame, model: str) -> str:
    return str(styles(forecasts["model"].unique())[model]["color"])


def _tint(colour: str, share: float) -> tuple[float, ...]:
    """A colour mixed with white; unlike transparency it prints and does not add up."""
    return tuple(1 - share * (1 - part) for part in to_rgb(colour))


def _panels(height: float, widths: list[float], sharey: bool = False) -> tuple[Figure, Any]:
    fig = Figure(figsize=(WIDTH, height))
    return fig, fig.subplots(1, len(widths), width_ratios=widths, sharey=sharey)


def _tall(entries: int) -> float:
    """Height of a picture whose legend has so many entries."""
    return 4.2 + LEGEND_ROW * max(0, -(-entries // LEGEND_COLUMNS) - 1)


def _date_axis(ax: Any) -> None:
    locator = AutoDateLocator(minticks=3, maxticks=6)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def _ahead(horizon: int) -> str:
    return f"{horizon} trading day{'' if horizon == 1 else 's'} ahead"


def _note_if_empty(ax: Any, rows: pd.DataFrame) -> None:
    if rows.empty:
        ax.text(0.5, 0.6, "No outcome is known yet", ha="center", transform=ax.transAxes, color=INK)
