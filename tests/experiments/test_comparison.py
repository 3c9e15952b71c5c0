"""The comparison of experiments: its figures against the scores, its words against the figures."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pricecast import defaults
from pricecast.evaluation.scores import at_horizon, reference_of, score
from pricecast.experiments.comparison import SCORES, Comparison, compare
from pricecast.experiments.config import Experiment
from pricecast.experiments.recommendation import CHOSEN_BY
from pricecast.experiments.trainings import TrainedExperiment, Training
from pricecast.report import plots
from pricecast.report.summary import WIDTH, experiment_blocks
from pricecast.statistics.significance import holm
from tests.support.forecast_samples import sample_forecasts


def scores_of(crps: dict[str, float]) -> pd.DataFrame:
    """Real scores whose CRPS are set; naive's is 1."""
    names = ("naive", *crps)
    scores = score(sample_forecasts(models=names, days=60))
    for name, value in {"naive": 1.0, **crps}.items():
        scores.loc[(name, 1), "crps"] = value
    return scores


def seed(label, train=(3.0, 2.0, 1.0), valid=(3.0, 1.05, 1.1), seconds=10.0):
    curve = pd.DataFrame({"epoch": range(1, len(train) + 1), "train_loss": train, "val_loss": valid})
    kept = int(np.argmin(valid))
    summary = {"final_train_loss": train[kept], "final_val_loss": valid[kept], "converged_epoch": kept + 1.0}
    return Training(label, curve, {**summary, "runtime_sec": seconds})


def experiment(name, model="lstm"):
    return Experiment(name, f"about {name}", model, {})


def trained(name, count=3, epochs=10, **about):
    return TrainedExperiment(
        experiment(name), [seed(f"{name} seed {number}", **about) for number in range(count)], True, epochs
    )


def close(**more) -> tuple[list[TrainedExperiment], pd.DataFrame]:
    """A and B whose seeds overlap."""
    values = {"A": (0.90, 0.96, 0.93), "B": (0.92, 0.95, 0.98)}
    crps = {f"{name} seed {number}": value for name, own in values.items() for number, value in enumerate(own)}
    return [trained("A"), trained("B", **more)], scores_of(crps)


def said(found: Comparison) -> str:
    return " ".join(found.sentences)


def test_naive_stands_first_and_figures_are_means_over_seeds():
    experiments, scores = close()
    found = compare(experiments, scores, "crps")
    assert found.table["experiment"].tolist() == ["naive", "A", "B"]
    rows = found.table.set_index("experiment")
    assert rows.at["naive", "test_crps"] == 1.0
    assert rows.at["A", "test_crps"] == pytest.approx(0.93)
    assert rows.at["A", "test_crps_sd"] == pytest.approx(np.std([0.90, 0.96, 0.93], ddof=1))
    assert rows.loc["A", ["final_train_loss", "final_val_loss", "converged_epoch", "runtime_sec"]].tolist() == [
        2.0, 1.05, 2, 10,
    ]  # fmt: skip
    first = at_horizon(scores, 1)
    for name in SCORES:
        own = [first.loc[f"B seed {number}", name] for number in range(3)]
        assert rows.at["B", f"test_{name}"] == pytest.approx(np.mean(own), nan_ok=True), name
    assert found.seeds["label"].tolist() == [f"{name} seed {number}" for name in "AB" for number in range(3)]


def test_a_lead_within_seed_noise_is_called_so():
    found = compare(*close(), "crps")
    p = stats.ttest_ind([0.90, 0.96, 0.93], [0.92, 0.95, 0.98], equal_var=False).pvalue
    assert f"A's lead is no more than seed noise to B (p = {p:.2f})".replace("0.", ".") in said(found)
    assert (
        "Of the experiments, A has the lowest CRPS on the test days: 0.93 (standard deviation over 3 seeds 0.03), "
        "7.0 % below" in said(found)
    )


def test_a_lead_beyond_seed_noise_is_called_so_after_holm():
    values = {"A": (0.90, 0.901, 0.902), "B": (0.95, 0.951, 0.952), "C": (0.9, 0.91, 0.92)}
    crps = {f"{name} seed {number}": value for name, own in values.items() for number, value in enumerate(own)}
    found = compare([trained(name) for name in values], scores_of(crps), "crps")
    pairs = (("A", "B"), ("A", "C"), ("B", "C"))
    adjusted = holm(np.array([stats.ttest_ind(values[a], values[b], equal_var=False).pvalue for a, b in pairs]))
    assert adjusted[0] < 0.05 < adjusted[1]
    assert "no more than seed noise to C" in said(found)
    assert "more than seed noise to B" in said(found)


def test_one_seed_tells_nothing_of_noise():
    found = compare([trained("A", 1), trained("B", 1)], scores_of({"A seed 0": 0.9, "B seed 0": 0.95}), "crps")
    assert "How much of its lead to B is seed noise is not known from one training: --seeds 3 tells." in said(found)
    assert np.isnan(found.table["test_crps_sd"]).all()


def test_what_was_trained_once_hides_no_noise_of_the_others():
    forest = TrainedExperiment(
        experiment("E", "ensemble"), [Training("E", pd.DataFrame(), {"runtime_sec": 1.0})], random=True
    )
    experiments, scores = close()
    values = {
        str(label): scores.at[(label, 1), "crps"] for label, step in scores.index if step == 1 and label != "naive"
    }
    found = compare([*experiments, forest], scores_of({**values, "E": 0.97}), "crps")
    assert "A's lead is no more than seed noise to B" in said(found)
    assert "How much of its lead to E is seed noise is not known from one training." in said(found)


def test_a_model_without_seeds_is_compared_with_those_that_vary():
    alone = TrainedExperiment(
        experiment("H", "har"), [Training("H", pd.DataFrame(), {"runtime_sec": 1.0})], random=False
    )
    crps = {"A seed 0": 0.90, "A seed 1": 0.96, "A seed 2": 0.93, "H": 0.89}
    found = compare([trained("A"), alone], scores_of(crps), "crps")
    p = stats.ttest_1samp([0.90, 0.96, 0.93], 0.89).pvalue
    assert f"H's lead is no more than seed noise to A (p = {p:.2f})".replace("0.", ".") in said(found)
    assert "H fits" not in said(found)
    # Two that never vary differ by no seed noise at all.
    other = TrainedExperiment(
        experiment("L", "linear"), [Training("L", pd.DataFrame(), {"runtime_sec": 1.0})], random=False
    )
    both = compare([alone, other], scores_of({"H": 0.89, "L": 0.9}), "crps")
    assert "H's lead is more than seed noise to L (p < .001)" in said(both)


@pytest.mark.parametrize(
    ("losses", "word"),
    [
        ({"train": (3.0, 2.0, 1.0), "valid": (3.0, 2.1, 2.0)}, "overfits: best at epoch 3 of 10"),
        ({"train": (3.0, 2.0, 1.9), "valid": (3.0, 2.05, 2.9)}, "and 41 % above its best when it stopped"),
        ({"train": (3.0, 2.0, 1.9), "valid": (3.0, 2.05, 2.06)}, "A fits about as well on validation"),
        ({"train": (3.0, 2.0, 1.9), "valid": (3.0, 2.0, 1.95), "epochs": 3}, "A underfits: it was still improving"),
    ],
)
def test_the_fit_is_read_off_the_losses(losses, word):
    epochs = losses.pop("epochs", 10)
    found = compare([trained("A", 1, epochs, **losses)], scores_of({"A seed 0": 0.9}), "crps")
    assert word in said(found)


def test_training_without_validation_has_no_fit_to_judge():
    one = seed("A")
    blind = Training("A", one.curve.drop(columns="val_loss"), {"converged_epoch": 3.0, "runtime_sec": 1.0})
    found = compare([TrainedExperiment(experiment("A"), [blind])], scores_of({"A": 0.9}), "crps")
    assert "A had no validation loss" in said(found)


def test_what_validation_would_have_chosen_is_said():
    assert "would have chosen B instead" in said(compare(*close(valid=(3.0, 0.9, 1.0)), "crps"))
    assert "would have chosen the same" in said(compare(*close(valid=(3.0, 1.9, 2.0)), "crps"))
    (first, second), scores = close(valid=(3.0, 0.9, 1.0))
    assert "validation loss, which" not in said(compare([first, replace(second, loss="mse")], scores, "crps"))


def test_nothing_is_recommended_that_does_not_beat_naive_by_more_than_chance():
    found = compare(*close(), "crps")
    reference = reference_of(at_horizon(close()[1], 1))
    assert found.sentences[-1] == (
        f"Recommendation: none. A beats {reference} by more than chance in 0 of 3 trainings; take {reference}'s "
        "forecast."
    )


@pytest.mark.parametrize(("winners", "chosen", "count"), [("AB", "A", 3), ("B", "B", 3), ("A", "A", 3)])
def test_of_those_that_seeds_cannot_tell_apart_one_that_mostly_beats_the_reference_is_recommended(
    winners, chosen, count
):
    experiments, scores = close()
    for each in experiments:
        for one in each.trainings if each.experiment.name in winners else each.trainings[:1]:
            scores.loc[(one.label, 1), ["ref_dm_crps", "ref_dm_p_crps_holm"]] = (-9.0, 0.001)
    found = compare(experiments, scores, "crps")
    other = "AB".replace(chosen, "")
    assert found.sentences[-1] == (
        f"Recommendation: {chosen}, which beats naive by more than chance in {count} of 3 trainings; seeds cannot "
        f"tell it from {other}."
    )


def test_every_metric_that_may_be_asked_for_has_its_words():
    assert tuple(CHOSEN_BY) == defaults.METRICS


@pytest.mark.parametrize(("metric", "label"), [("rmse", "RMSE"), ("mape", "MAPE")])
def test_the_best_is_chosen_by_the_metric_that_is_asked_for(metric, label):
    experiments, scores = close()
    for number in range(3):
        scores.loc[(f"B seed {number}", 1), metric] = 0.0001 * (number + 1)
    found = compare(experiments, scores, metric)
    assert found.sentences[0].startswith(f"Of the experiments, B has the lowest {label}")


def test_the_terminal_has_room_for_the_table_and_the_file_has_all_of_it():
    found = compare(*close(), "crps")
    short, whole = ("\n\n".join(experiment_blocks(found, whole)) for whole in (False, True))
    assert max(map(len, short.splitlines())) <= WIDTH
    for text in (short, whole):
        table = [line for line in text.splitlines() if line.startswith("|")]
        assert [line.split("|")[1].strip() for line in table] == ["model", "-" * 5, "naive", "A", "B"]
    assert "0.9300 ± 0.03" in whole
    assert "MAE" in whole
    assert "MAE" not in short


def test_the_picture_has_a_line_for_each_seed_and_one_name_for_each_experiment():
    curves = {each.experiment.name: [one.curve for one in each.trainings] for each in close()[0]}
    figure = plots.convergence({**curves, "H": [pd.DataFrame()]})
    assert figure is not None
    training, validation = figure.axes
    assert [len(training.lines), len(validation.lines)] == [6, 6]
    assert [text.get_text() for text in training.get_legend().get_texts()] == ["A", "B"]
    assert plots.convergence({"H": [pd.DataFrame()]}) is None
