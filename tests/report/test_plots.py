import itertools
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pricecast.errors import InputError
from pricecast.evaluation.by_fold import by_fold
from pricecast.evaluation.pit import pit_counts
from pricecast.report import plots
from pricecast.report.plots.narrow import _stacked
from pricecast.report.plots.rows import MAX_POINTS
from pricecast.report.plots.style import FAINT, GREY, WIDTH, columns_for
from pricecast.schema import FORECASTS, NAIVE, QUANTILE_COLUMNS
from tests.support.forecast_samples import sample_forecasts

CURVE = pd.DataFrame({"epoch": [1, 2, 3], "train_loss": [3.0, 2.0, 1.0], "val_loss": [3.0, 1.5, 2.0]})


@pytest.fixture(scope="module")
def forecasts() -> pd.DataFrame:
    return sample_forecasts(days=80)


def in_folds(table: pd.DataFrame, count: int = 4) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A table cut into folds by date, and its scores by fold."""
    place = table["cutoff"].rank(method="dense").astype(int) - 1
    table = table.assign(fold=1 + place * count // (place.max() + 1))
    return table, by_fold(table)


def draw_all(table: pd.DataFrame, model: str) -> list[Figure]:
    made = [
        plots.fan_chart(table, model, table["ticker"].iloc[0]),
        plots.predicted_vs_actual(table, model),
        plots.residuals(table, model),
        plots.coverage(table),
        plots.error_by_horizon(table),
    ]
    for figure in made:
        figure.draw_without_rendering()
    return made


def labels(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def line(figure: Figure, label: str, panel: int = 0) -> np.ndarray:
    return np.asarray(
        next(line for line in figure.axes[panel].lines if line.get_label() == label).get_ydata(), float
    )


def test_the_sample_is_a_forecasts_table(forecasts: pd.DataFrame) -> None:
    assert list(forecasts.columns) == list(FORECASTS)
    assert not forecasts.duplicated(["ticker", "cutoff", "horizon", "model"]).any()
    assert (forecasts[list(QUANTILE_COLUMNS)].diff(axis=1).iloc[:, 1:] > 0).all(axis=None)
    newest = forecasts[forecasts["cutoff"] == forecasts["cutoff"].max()]
    assert newest["actual"].isna().all()
    assert forecasts["actual"].notna().mean() > 0.9
    pd.testing.assert_frame_equal(forecasts, sample_forecasts(days=80))


@pytest.mark.parametrize("model", ["naive", "lstm"])
def test_every_picture_shows_naive_and_has_labelled_axes(forecasts: pd.DataFrame, model: str) -> None:
    for figure in draw_all(forecasts, model):
        texts = " ".join([*labels(figure), *(ax.get_title(loc="left") for ax in figure.axes)])
        assert "naive" in texts
        assert all(ax.get_title(loc="left") for ax in figure.axes)
        assert figure.axes[0].get_ylabel()


@pytest.mark.parametrize(
    "table",
    [
        sample_forecasts(tickers=("AAPL",), horizons=1, days=40),
        sample_forecasts(tickers=("AAPL",), models=("naive",), horizons=2, days=12),
        sample_forecasts(tickers=("AAPL",), days=1),
        sample_forecasts(days=20).assign(actual=np.nan),
        sample_forecasts(days=20).astype({"ticker": "category", "model": "category"}),
        sample_forecasts(days=20, models=("naive", *(f"m{i:02}" for i in range(20)))),
        sample_forecasts(days=30).query("horizon == 5"),
    ],
    ids=["one horizon", "naive only", "one cutoff", "no outcome", "categories", "20 models", "h=5 only"],
)
def test_odd_tables_still_draw(table: pd.DataFrame) -> None:
    before = table.copy(deep=True)
    assert len(draw_all(table, str(table["model"].iloc[-1]))) == 5
    pd.testing.assert_frame_equal(table, before)


def test_the_fan_starts_at_the_newest_close_and_ends_at_the_last_horizon(forecasts: pd.DataFrame) -> None:
    fan = line(plots.fan_chart(forecasts, "lstm", "MSFT"), "lstm median")
    rows = forecasts[(forecasts["ticker"] == "MSFT") & (forecasts["model"] == "lstm")]
    newest = rows[rows["cutoff"] == rows["cutoff"].max()].sort_values("horizon")
    np.testing.assert_array_equal(fan, [newest["last_close"].iloc[0], *newest["forecast"]])


def test_the_fan_shows_as_many_days_as_asked(forecasts: pd.DataFrame) -> None:
    assert len(line(plots.fan_chart(forecasts, "lstm", "MSFT", days=25), "lstm median", 1)) == 25


def test_the_fans_are_those_of_each_ticker_with_the_last_interval_in_figures(forecasts: pd.DataFrame) -> None:
    figure = plots.fans(forecasts, "lstm", ["AAPL", "MSFT"], {"MSFT": forecasts["cutoff"].max()})
    for panel, ticker in enumerate(("AAPL", "MSFT")):
        alone = line(plots.fan_chart(forecasts, "lstm", ticker), "lstm median")
        np.testing.assert_array_equal(line(figure, "lstm median", panel), alone)
        rows = forecasts[(forecasts["ticker"] == ticker) & (forecasts["model"] == "lstm")]
        last = rows.sort_values(["cutoff", "horizon"]).iloc[-1]
        title = figure.axes[panel].get_title(loc="left").split("\n")
        assert title[0] == f"{ticker} {last['last_close']:,.2f}"
        assert title[1] == f"in 5 days {last['q05']:,.2f} to {last['q95']:,.2f}"
        assert title[2:] == ([f"adjusted up to {forecasts['cutoff'].max():%Y-%m-%d}"] if ticker == "MSFT" else [])


def overlaps(figure: Figure) -> bool:
    """True if labels of an axis lie on each other."""
    figure.draw_without_rendering()
    return any(
        one.overlaps(other)
        for ax in figure.axes
        for axis in (ax.xaxis, ax.yaxis)
        for one, other in itertools.combinations(
            [label.get_window_extent() for label in axis.get_ticklabels() if label.get_text()], 2
        )
    )


@pytest.mark.parametrize(("horizons", "smaller"), [(1, 1e4), (10, 1), (60, 1e3)])
def test_no_labels_of_an_axis_lie_on_each_other(horizons: int, smaller: float) -> None:
    table = sample_forecasts(days=40, horizons=horizons, models=("naive", "lstm"))
    # Forecasts that hardly move have long numbers on their axis.
    table["forecast"] = table["last_close"] * (table["forecast"] / table["last_close"]) ** (1 / smaller)
    drawn = [
        plots.fan_chart(table, "lstm", "AAPL"), plots.fans(table, "lstm", ["AAPL", "MSFT"], {}),
        plots.predicted_vs_actual(table, "lstm"), plots.error_by_horizon(table),
    ]  # fmt: skip
    for figure in drawn:
        assert not overlaps(figure)
        with _stacked(figure):
            assert not overlaps(figure)


def state(figure: Figure) -> list[object]:
    """All that stacking the panels of a figure changes for a while."""
    panels = [(ax.get_title(loc="left"), ax.get_ylabel(), ax.get_subplotspec()) for ax in figure.axes]
    numbered = [ax.yaxis.get_tick_params().get("labelleft", True) for ax in figure.axes]
    return [*panels, numbered, list(figure.get_size_inches()), list(figure.legends)]


def test_on_a_narrow_screen_panels_stand_below_one_another_and_go_back(forecasts: pd.DataFrame) -> None:
    for figure in draw_all(forecasts, "lstm"):
        before = state(figure)
        with _stacked(figure):
            figure.draw_without_rendering()
            boxes = [ax.get_window_extent() for ax in figure.axes]
            assert all(upper.y0 > lower.y1 for upper, lower in itertools.pairwise(boxes))
            whole = [text for ax in figure.axes for text in (ax.yaxis.label, ax._left_title)]
            assert all(ax.get_ylabel() for ax in figure.axes)
            for text in [*whole, *(box for legend in figure.legends for box in legend.get_texts())]:
                extent = text.get_window_extent()
                assert extent.x0 >= 0
                assert extent.y0 >= 0
                assert extent.x1 <= figure.bbox.width + 1
                assert extent.y1 <= figure.bbox.height + 1
        assert state(figure) == before


def test_a_single_horizon_has_one_panel_of_coverage_and_naives_line() -> None:
    table = sample_forecasts(days=40, horizons=1)
    assert len(plots.coverage(table).axes) == 1
    across = [one for one in plots.error_by_horizon(table).axes[0].lines if list(one.get_ydata()) == [1, 1]]
    assert len(across) == 1


def test_coverage_equals_a_hand_written_count(forecasts: pd.DataFrame) -> None:
    figure = plots.coverage(forecasts)
    known = forecasts[forecasts["actual"].notna() & (forecasts["model"] == "lstm")]
    for panel, rows in ((0, known[known["horizon"] == 1]), (1, known)):
        share = np.mean([actual <= q25 for actual, q25 in zip(rows["actual"], rows["q25"], strict=True)])
        assert line(figure, "lstm", panel)[2] == pytest.approx(100 * (share - 0.25))


def test_errors_are_relative_to_naive(forecasts: pd.DataFrame) -> None:
    figure = plots.error_by_horizon(forecasts)
    known = forecasts[forecasts["actual"].notna() & (forecasts["horizon"] == 2)]
    square = np.log(known["actual"] / known["forecast"]) ** 2
    rmse = np.sqrt(square.groupby(known["model"]).mean())
    assert line(figure, "lstm")[1] == pytest.approx(rmse["lstm"] / rmse["naive"])
    np.testing.assert_array_equal(line(figure, "naive"), np.ones(5))


def test_models_far_above_naive_do_not_press_the_others_into_one_line(forecasts: pd.DataFrame) -> None:
    rows = forecasts[forecasts["model"] == "lstm"]
    columns = ["forecast", *QUANTILE_COLUMNS]
    far = rows.assign(model="lagging", **{name: 1.3 * rows[name] for name in columns})
    figure = plots.error_by_horizon(pd.concat([forecasts, far]))
    alone = plots.error_by_horizon(forecasts)
    for ax, without in zip(figure.axes, alone.axes, strict=True):
        assert [text.get_text() for text in ax.texts] == ["Above: lagging"]
        assert not without.texts
        low, high = ax.get_ylim()
        assert high < 1.3
        near = [one for one in ax.lines if one.get_label() != "lagging"]
        assert all((low < np.asarray(one.get_ydata(), float)).all() for one in near)
        assert all((np.asarray(one.get_ydata(), float) < high).all() for one in near)
    assert "lagging" in labels(figure)
    # Where nobody is near, there is nothing to make room for.
    only = plots.error_by_horizon(pd.concat([forecasts[forecasts["model"] == "naive"], far]))
    assert only.axes[0].get_ylim()[1] > line(only, "lagging").max()


def test_a_long_legend_makes_a_picture_taller_and_cuts_nothing_off() -> None:
    table = sample_forecasts(days=20, models=("naive", *(f"m{i:02}" for i in range(20))))
    for draw in (plots.coverage, plots.error_by_horizon):
        figure = draw(table)
        figure.draw_without_rendering()
        heights = [ax.get_window_extent().height for ax in figure.axes]
        assert min(heights) > 0.5 * 4.2 * figure.dpi
        assert all(ax.yaxis.label.get_window_extent().y1 <= figure.bbox.height for ax in figure.axes)


def test_legends_are_no_wider_than_the_picture() -> None:
    names = ("naive", *(f"a_model_with_a_long_name_{i:02}" for i in range(9)))
    for draw in (plots.coverage, plots.error_by_horizon):
        figure = draw(sample_forecasts(days=20, horizons=2, models=names))
        figure.draw_without_rendering()
        (box,) = [legend.get_window_extent() for legend in figure.legends]
        assert box.x0 >= 0
        assert box.x1 <= WIDTH * figure.dpi
    assert columns_for(["a", "b"]) == 2
    assert columns_for([]) == 1


def test_skill_by_fold_is_one_minus_the_ratio_of_losses(forecasts: pd.DataFrame) -> None:
    table, folds = in_folds(forecasts)
    figure = plots.skill_by_fold(folds, table, ["lstm", "drift", "ewma"])
    own = folds[folds["horizon"] == 1].set_index(["model", "fold"])["crps"]
    expected = [100 * (1 - own["lstm", fold] / own[NAIVE, fold]) for fold in (1, 2, 3, 4)]
    np.testing.assert_allclose(line(figure, "lstm"), expected)
    np.testing.assert_array_equal(line(figure, NAIVE), [0, 0])
    starts = table.groupby("fold")["cutoff"].min()
    ticks = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert ticks == [*(f"{date:%Y-%m-%d}" for date in starts), f"{table['cutoff'].max():%Y-%m-%d}"]
    middle = next(one for one in figure.axes[0].lines if one.get_label() == "lstm").get_xdata()
    assert all(starts[fold] < pd.Timestamp(middle[fold - 1]) for fold in (1, 2, 3, 4))
    assert labels(figure) == [*reversed(["naive", "ewma", "drift", "lstm"][1:]), "naive"]


def test_models_that_are_not_to_be_coloured_are_grey_lines_with_one_label() -> None:
    names = [f"m{i:02}" for i in range(20)]
    table, folds = in_folds(sample_forecasts(days=40, horizons=1, models=("naive", *names)))
    figure = plots.skill_by_fold(folds, table[table["model"].isin(["naive", *names[:3]])], names)
    grey = [one for one in figure.axes[0].lines if one.get_color() == FAINT]
    assert len(grey) == 17
    assert sorted(labels(figure)) == ["17 others", *names[:3], "naive"]


def test_a_fold_far_below_leaves_the_picture_and_is_named(forecasts: pd.DataFrame) -> None:
    rows = forecasts[forecasts["model"] == "lstm"]
    columns = ["forecast", *QUANTILE_COLUMNS]
    far = rows.assign(model="lagging", **{name: 1.3 * rows[name] for name in columns})
    table, folds = in_folds(pd.concat([forecasts, far]))
    figure = plots.skill_by_fold(folds, table, ["lstm", "lagging"])
    (text,) = [text.get_text() for text in figure.axes[0].texts]
    assert text == "Lower in some folds: lagging"
    low, high = figure.axes[0].get_ylim()
    assert low > -50
    assert all((low < line(figure, "lstm")) & (line(figure, "lstm") < high))


@pytest.mark.parametrize("count", [2, 8, 30])
def test_any_number_of_folds_can_be_read(forecasts: pd.DataFrame, count: int) -> None:
    table, folds = in_folds(forecasts, count)
    figure = plots.skill_by_fold(folds, table, ["lstm"])
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
    assert len(boxes) <= 11
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(boxes))
    assert len(line(figure, "lstm")) == count


def test_the_histogram_of_outcomes_is_that_of_their_probabilities(forecasts: pd.DataFrame) -> None:
    panel = plots.residuals(forecasts, "lstm").axes[0]
    rows = pit_counts(forecasts).query("horizon == 1").set_index(["model", "bin"])["share"]
    bars = [bar.get_height() for bar in panel.patches if isinstance(bar, Rectangle)]
    np.testing.assert_allclose(bars, [rows["lstm", place] / 10 for place in range(1, 11)])
    naive = next(patch for patch in panel.patches if patch.get_label() == NAIVE)
    np.testing.assert_allclose(naive.get_data().values, [rows[NAIVE, place] / 10 for place in range(1, 11)])


def test_residuals_count_what_lies_outside(forecasts: pd.DataFrame) -> None:
    rows = forecasts[(forecasts["horizon"] == 1) & (forecasts["model"] == "ewma")].dropna()
    outside = ((rows["actual"] < rows["q05"]) | (rows["actual"] > rows["q95"])).mean()
    title = plots.residuals(forecasts, "ewma").axes[1].get_title(loc="left")
    assert f"ewma {100 * outside:.1f} %" in title.replace("\N{NO-BREAK SPACE}", " ")


def test_the_best_epoch_is_marked() -> None:
    figure = plots.loss_curves({"lstm": CURVE, "drift": None, "ewma": CURVE.head(0)})
    assert figure is not None
    (panel,) = figure.axes
    assert panel.lines[-1].get_label() == "best: 2"


def test_validation_losses_that_are_all_missing_mark_nothing() -> None:
    figure = plots.loss_curves({"lstm": CURVE.assign(val_loss=np.nan)})
    assert figure is not None
    assert len(figure.axes[0].lines) == 1


def test_a_training_without_early_stopping_has_one_curve() -> None:
    figure = plots.loss_curves({"lstm": CURVE.drop(columns="val_loss")})
    assert figure is not None
    (line,) = figure.axes[0].lines
    assert line.get_label() == "training"


@pytest.mark.parametrize("curves", [{}, {"drift": None}, {"drift": CURVE.head(0)}])
def test_no_epochs_no_picture(curves: dict[str, pd.DataFrame | None]) -> None:
    assert plots.loss_curves(curves) is None


def test_saving_writes_a_picture_or_nothing(tmp_path: Path) -> None:
    path = plots.save(plots.loss_curves({"lstm": CURVE}), tmp_path / "new" / "loss.svg")
    assert path is not None
    assert path.read_bytes().startswith(b"<?xml")
    assert plots.save(None, tmp_path / "none.svg") is None
    assert not (tmp_path / "none.svg").exists()


def test_styles_are_stable_and_distinct() -> None:
    names = [f"m{i:02}" for i in range(40)]
    looks = plots.styles([*names, "naive"])
    assert looks == plots.styles(["naive", *reversed(names)])
    assert looks["naive"]["color"] == GREY
    assert len({(look["color"], look["marker"]) for look in looks.values()}) == 41


@pytest.mark.parametrize(("model", "ticker"), [("nope", "AAPL"), ("lstm", "NOPE")])
def test_an_unknown_name_is_a_clear_error(forecasts: pd.DataFrame, model: str, ticker: str) -> None:
    with pytest.raises(InputError, match=r"(nope|NOPE).*got none"):
        plots.fan_chart(forecasts, model, ticker)


def test_many_tickers_stay_fast_and_draw_the_same_sample() -> None:
    table = sample_forecasts(
        tickers=[f"T{i:03}" for i in range(150)], models=("naive", "lstm"), days=60, horizons=2
    )
    start = time.perf_counter()
    first, second = (plots.predicted_vs_actual(table, "lstm").axes[0].collections[0] for _ in range(2))
    assert time.perf_counter() - start < 3
    assert len(first.get_offsets()) == MAX_POINTS
    np.testing.assert_array_equal(first.get_offsets(), second.get_offsets())
