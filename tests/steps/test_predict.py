"""predict as a command: with a model that is fitted now, and with a saved one."""

import csv
import io
import json

import pandas as pd
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

from flow_steps.predict import UNJUDGED
from main import main as pipeline
from tests.support.market_samples import market
from tests.support.stores import inside
from tests.support.walked import place

# MLflow declares a relation in a way that SQLAlchemy 2.1 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
LATER = (("AAA", 720), ("BBB", 720))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("predict")
    with pytest.MonkeyPatch.context() as patch, inside(folder):
        for name in ("MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"):
            patch.delenv(name, raising=False)
        bars = market(LATER)
        bars.to_csv(folder / "bars.csv", index=False)
        yield folder


def call(*words):
    done = CliRunner().invoke(pipeline, ["predict", *words])
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    return done.stdout


def refusal(*words):
    done = CliRunner().invoke(pipeline, ["predict", *words])
    assert done.exit_code == 1, done.output
    return done.output.strip().splitlines()[-1]


def newest(step="predict"):
    query = f"tags.`pricecast.step` = '{step}'"
    return MlflowClient().search_runs(["0"], query, order_by=["start_time DESC"])[0]


def bars_of(*words):
    return [*("--source", "csv", "--path", "bars.csv"), *words]


@pytest.fixture(scope="module")
def judged(home):
    """The evaluation of a pipeline on all but the last 20 days."""
    end = f"{market(LATER)['date'].sort_values().unique()[-21]:%Y-%m-%d}"
    done = CliRunner().invoke(
        pipeline, [*bars_of("--end", end), "--models", "naive,har", "--horizon", "3", "--max-lookback", "20"]
    )
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    return newest("evaluate"), done.stdout


def test_a_model_that_is_fitted_now_says_that_nothing_has_judged_it(home):
    text = call(*bars_of("--model", "naive", "--next-time-window", "2", "--previous-time-window", "30"))
    assert text.index("Read from csv: AAA, BBB") < text.index("AAA, from the last close") < text.index(UNJUDGED)
    folder, run = place(newest()), newest()
    table = pd.read_csv(folder / "forecast.csv")
    assert table[["ticker", "horizon"]].to_numpy().tolist() == [["AAA", 1], ["AAA", 2], ["BBB", 1], ["BBB", 2]]
    kept = pd.read_parquet(folder / "forecasts.parquet")
    assert kept["q05"].tolist() == pytest.approx(table["lower_90"].tolist())
    history = pd.read_csv(folder / "history.csv")
    closes = market(LATER).groupby("ticker").tail(30)["close"]
    assert history["close"].tolist() == pytest.approx(closes.tolist())
    found = json.loads((folder / "forecast.json").read_text(encoding="utf-8"))
    assert found["trust"] == [UNJUDGED]
    assert [row["date"] for row in found["forecast"]] == table["date"].tolist()
    assert sorted(path.name for path in (folder / "plots").iterdir()) == ["forecast_AAA.svg", "forecast_BBB.svg"]
    assert run.inputs.dataset_inputs[0].dataset.name == "prices"
    assert UNJUDGED in run.data.tags["mlflow.note.content"]


def test_programs_read_csv_or_json_and_nothing_else(home):
    words = bars_of("--model", "naive", "--tickers", "BBB", "--above", "100", "--vis", "false")
    (first, *others) = csv.DictReader(io.StringIO(call(*words, "--format", "csv")))
    assert len(others) == 4
    found = json.loads(call(*words, "--format", "json"))
    assert {"model", "trust", "forecast"} == found.keys()
    assert [row["horizon"] for row in found["forecast"]] == [1, 2, 3, 4, 5]
    assert float(first["p_above"]) == pytest.approx(found["forecast"][0]["p_above"])
    assert {row["level"] for row in found["forecast"]} == {100.0}
    assert not (place(newest()) / "plots").exists()


def test_a_judged_models_refit_forecasts_from_later_bars_of_the_same_source(judged):
    evaluation, printed = judged
    (address,) = {word for word in printed.split() if word.startswith(f"runs:/{evaluation.info.run_id}/")}
    text = call("--model", address)
    assert UNJUDGED not in text
    verdict = json.loads((place(evaluation) / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["trust"][0] in text.replace("\n  ", " ")
    found = pd.read_csv(place(newest()) / "forecast.csv")
    assert set(found["cutoff"]) == {f"{market(LATER)['date'].max():%Y-%m-%d}"}
    assert found["horizon"].max() == 3
    seen = pd.read_csv(place(evaluation) / "forecast.csv")
    assert seen["cutoff"].max() < found["cutoff"].min()
    again = call("--model", address, "--date-end", seen["cutoff"].iloc[0], "--format", "csv")
    same = pd.read_csv(io.StringIO(again))
    pd.testing.assert_frame_equal(same.drop(columns="model"), seen.drop(columns="model"), rtol=1e-9)


def test_days_that_the_model_has_seen_and_days_beyond_it_are_refused(judged):
    address = next(word for word in judged[1].split() if word.endswith("_refit"))
    seen = pd.read_csv(place(judged[0]) / "forecast.csv")["cutoff"].iloc[0]
    early = f"{pd.Timestamp(seen) - pd.Timedelta(days=30):%Y-%m-%d}"
    assert f"expected bars up to {seen}" in refusal("--model", address, "--date-end", early)
    assert "at most the 3 trading days ahead" in refusal("--model", address, "--next-time-window", "4")


def judged_har():
    """URI of the har that the pipeline judged, before its refit."""
    return next(
        f"models:/{output.model_id}"
        for run in MlflowClient().search_runs(["0"], "tags.`pricecast.step` = 'train'")
        for output in run.outputs.model_outputs
        if run.data.params["model"] == "har"
        and "refit" not in MlflowClient().get_logged_model(output.model_id).name
    )


def test_a_saved_model_repeats_what_its_judgement_found(judged):
    verdict = json.loads((place(judged[0]) / "verdict.json").read_text(encoding="utf-8"))
    taken = verdict["recommended"] == "har"
    sentence = verdict["trust"][0] if taken else verdict["models"]["har"]["sentence"]
    assert sentence in " ".join(call("--model", judged_har(), "--vis", "false").replace("\n  ", " ").split("\n"))


def test_what_nobody_has_judged_says_so(judged, home):
    folder = home / "other"
    folder.mkdir()
    others = market((("AAA", 720), ("BBB", 720), ("CCC", 720)))
    others.to_csv(folder / "three.csv", index=False)
    text = call("--model", judged_har(), "--path", "other/three.csv", "--tickers", "CCC", "--vis", "false")
    assert "Trained on AAA, BBB, not on CCC: nothing tells how far to trust it there." in text
    call(*bars_of("--model", "naive", "--vis", "false"))
    fitted = newest("train").outputs.model_outputs[0].model_id
    assert "Judged on nothing that this store knows of" in call("--model", f"models:/{fitted}", "--vis", "false")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--model", "classical"), "classical"),
        (("--model", "naive", "--model-params", '{"a": 1}'), "'a'"),
        (("--model", "runs:/0123456789abcdef0123456789abcdef/har", "--model-params", '{"market": false}'), "saved"),
    ],
)
def test_mistakes_in_the_options_leave_no_run(home, words, line):
    before = len(MlflowClient().search_runs(["0"]))
    assert line in refusal(*bars_of(*words))
    assert len(MlflowClient().search_runs(["0"])) == before


@pytest.mark.usefixtures("judged")
def test_a_model_across_tickers_sees_all_that_it_learned_from():
    uri = judged_har()
    one = pd.read_csv(io.StringIO(call("--model", uri, "--tickers", "BBB", "--format", "csv")))
    both = pd.read_csv(io.StringIO(call("--model", uri, "--format", "csv")))
    assert set(one["ticker"]) == {"BBB"}
    assert one["lower_90"].tolist() == pytest.approx(both[both["ticker"] == "BBB"]["lower_90"].tolist())


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--model", "harr"), "'harr': did you mean har?"),
        (("--model", "runs:/0123456789abcdef0123456789abcdef/har"), "expected an artifact at runs:/0123"),
        (("--model", "naive", "--tickers", "XXX"), "XXX"),
    ],
)
def test_what_is_not_there_is_named_in_one_line(home, words, line):
    assert line in refusal(*bars_of(*words))
