"""The chain with models that fail: each is left out with its reason, and the rest is judged."""

import html
import json

import pytest
from click import Abort
from mlflow import MlflowClient

from flow_steps.runs import artifacts, lookup
from main import main as pipeline
from pricecast import models
from pricecast.files import read_json
from pricecast.forecasting import fitting
from pricecast.models import naive
from tests.pipeline.test_pipeline import fail, named, parent_of, succeed, tag
from tests.support.failing_models import ALL, FAILING, dropped_in, reason
from tests.support.market_samples import small_dataset
from tests.support.stores import inside

# MLflow declares a relation in a way that SQLAlchemy 2.1 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
SMALL = ("--source", "synthetic", "--path", "gbm", "--max-lookback", "20", "--horizon", "1", "--vis", "false")
EVERY = ("--models", ",".join(["naive", "drift", *ALL]))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("failing")
    (folder / "models").mkdir()
    (folder / "store").mkdir()
    with inside(folder / "store"), dropped_in(folder / "models"):
        yield folder


@pytest.fixture(scope="module")
def first(home):
    """A pipeline of two sound models among all that fail: what it printed, and its runs."""
    return succeed(*SMALL, *EVERY).output, newest_tree()


def newest_tree():
    """The runs of the newest pipeline, the parent first."""
    runs = MlflowClient().search_runs(["0"], order_by=["start_time ASC"], max_results=1000)
    parents = [number for number, run in enumerate(runs) if parent_of(run) is None]
    return runs[parents[-1] :]


def unwrapped(text):
    return " ".join(text.split())


def test_the_parent_and_the_sound_models_finish_and_the_others_fail(first):
    _, runs = first
    trained = {run.data.params["model"]: run for run in runs if run.info.run_name.startswith("train ")}
    assert {name for name, run in trained.items() if run.info.status == "FAILED"} == FAILING.keys()
    others = [run for run in runs if run.info.run_name.removeprefix("train ") not in FAILING]
    assert {run.info.status for run in others} == {"FINISHED"}
    judged = {tag(run, "model") for run in runs if tag(run, "step") == "judge model"}
    assert judged == {"naive", "ewma", "drift"}
    for run in runs:
        if run.info.status == "FAILED":
            assert not lookup.model_ids(run.info.run_id)


@pytest.mark.parametrize("name", ALL)
def test_the_reason_stands_wherever_one_looks(first, name):
    output, runs = first
    judged = f"runs:/{named(runs, 'evaluate').info.run_id}"
    why = reason(name)
    verdict = read_json(artifacts.fetch(f"{judged}/verdict.json"))
    assert verdict["left_out"][name].startswith(why)
    assert name in verdict["sentence"].rpartition("Left out: ")[2]
    page = unwrapped(html.unescape(artifacts.fetch(f"{judged}/report.html").read_text(encoding="utf-8")))
    assert page.count(f"Left out: {why}") == 2  # before all else, and below the leaderboard
    assert f"- Left out: {why}" in unwrapped(output)
    for run in (runs[0], named(runs, "evaluate")):
        assert [line for line in tag(run, "left_out").splitlines() if line.startswith(why)]
    assert name not in artifacts.fetch(f"{judged}/leaderboard.csv").read_text(encoding="utf-8")
    assert "Traceback" not in output


@pytest.mark.parametrize("name", ALL)
def test_the_run_that_failed_has_reason_and_traceback(first, name):
    _, runs = first
    run = named(runs, f"train {name}" if name in FAILING else "evaluate")
    assert reason(name) in tag(run, "left_out")
    trace = artifacts.fetch(f"runs:/{run.info.run_id}/failures/{name}.txt").read_text(encoding="utf-8")
    assert trace.startswith("Traceback")


@pytest.mark.slow
def test_a_model_that_failed_is_tried_again_and_the_rest_is_reused(first, monkeypatch):
    log = []
    monkeypatch.setattr("flow_steps.pipeline.chain._log.info", lambda text, *values: log.append(text % values))
    assert succeed(*SMALL, *EVERY).output.count("Left out") == first[0].count("Left out")
    done = dict(line.split(": ", 1) for line in log)
    again = {name.removeprefix("train ") for name, what in done.items() if what != "reused"}
    # The evaluation met failures of its own; what it found is the same, so that its audit holds.
    assert again == {*FAILING, "evaluate"}


@pytest.mark.slow
def test_another_set_of_models_is_another_evaluation(first, monkeypatch):
    log = []
    monkeypatch.setattr("flow_steps.pipeline.chain._log.info", lambda text, *values: log.append(text % values))
    for wanted in ("naive,drift", "naive,drift,singular", "naive,drift,singular"):
        log.clear()
        output = succeed(*SMALL, "--models", wanted).output
        assert ("singular" in output) == ("singular" in wanted)
    assert log[-2:] == ["evaluate: reused", "audit: reused"]
    keys = {tag(run, "key") for run in MlflowClient().search_runs(["0"]) if tag(run, "step") == "evaluate"} - {None}
    assert len(keys) == 2


@pytest.mark.slow
def test_a_model_that_can_be_fitted_again_is_judged(first, monkeypatch):
    model = models.load("hungry")
    monkeypatch.setattr(model, "fit", naive.Model.fit)
    output = succeed(*SMALL, "--models", "naive,hungry").output
    assert "| hungry" in output
    assert "Left out" not in output


@pytest.mark.parametrize("names", ["singular,unsaved", pytest.param("lost,endless", marks=pytest.mark.slow)])
def test_an_error_where_no_model_is_left(first, names):
    said = fail(*SMALL, "--models", names)
    assert "expected a model that can be judged, got none of 2: " in said
    for name in names.split(","):
        assert reason(name)[:60] in said
    assert newest_tree()[0].info.status == "FAILED"


@pytest.mark.parametrize("names", ["naive,drift", pytest.param("drift", marks=pytest.mark.slow)])
def test_an_error_where_naive_fails(first, monkeypatch, names):
    def broken(*args):
        raise ArithmeticError("no memory of the past")

    monkeypatch.setattr(naive.Model, "predict", broken)
    assert "naive cannot be fitted: ArithmeticError: no memory of the past" in fail(
        *SMALL, "--models", names, "--reuse", "false"
    )
    assert newest_tree()[0].info.status == "FAILED"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--model-params", '{"drift": {"slope": 2}}'), "expected parameters of drift"),
        (("--models", "drift,moving_average", "--lookback", "21"), "expected a lookback of 1 to 20, got 21"),
        (("--models", "drift,lstm"), "expected a lookback of 1 to 20, got 60"),
        (("--models", "drift,nope"), "got 'nope': choose from these"),
    ],
)
def test_a_mistake_of_the_users_is_told_before_any_work(first, args, says):
    before = newest_tree()[0].info.run_id
    assert says in fail(*SMALL, "--models", "drift", *args)
    assert newest_tree()[0].info.run_id == before


def test_a_signal_stops_everything(first, monkeypatch):
    def stop(*args, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr("flow_steps.train.fit", stop)
    with pytest.raises(Abort):
        pipeline.main([*SMALL, *EVERY, "--reuse", "false"], standalone_mode=False)
    assert {run.info.run_name: run.info.status for run in newest_tree()}.items() >= {
        "SYN1 h=1": "KILLED", "train naive": "KILLED",
    }.items()  # fmt: skip
    assert not [run for run in newest_tree() if run.info.run_name == "train drift"]


def test_a_full_disk_is_no_models_failure(first, monkeypatch):
    def full(*args, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("flow_steps.train.fit", full)
    assert "expected room on the disk" in fail(*SMALL, *EVERY, "--reuse", "false")


# evaluate by itself


def test_one_of_several_given_models_may_fail_but_not_all(home, first):
    _, runs = first
    dataset = f"runs:/{named(runs, 'transform h=1 return').info.run_id}/dataset"
    sound, lost = (lookup.model_uri(named(runs, f"train {name}").info.run_id, name) for name in ("drift", "lost"))
    ask = ("evaluate", "--dataset", dataset, "--vis", "false", "--models")
    output = succeed(*ask, f"{lost},{sound}").output
    assert f"Left out: {reason('lost')}" in unwrapped(output)
    judged = [run for run in newest_tree() if tag(run, "step") == "judge model"]
    linked = {tag(run, "model"): MlflowClient().get_run(run.info.run_id).inputs.model_inputs for run in judged}
    assert [link.model_id for link in linked["drift"]] == [sound.removeprefix("models:/")]
    assert linked.keys() == {"drift", "naive", "ewma"}
    assert "expected a model that can be judged, got none of 1: lost cannot forecast" in fail(*ask, lost)


def test_a_bundle_that_its_loader_refuses_is_left_out_by_evaluate(home):
    """Such as an earlier version may have kept."""
    data = small_dataset(horizon=1)
    data.save(home / "dataset")
    fitted = fitting.fit("drift", {}, data)
    fitted.model.drift_ = {ticker: float("nan") for ticker in fitted.model.drift_}
    broken, sound = fitted.save(home / "broken"), fitting.fit("naive", {}, data).save(home / "sound")
    ask = ("evaluate", "--dataset", str(home / "dataset"), "--vis", "false", "--models")
    output = unwrapped(succeed(*ask, f"{broken},{sound}").output)
    assert f"Left out: drift of {broken} cannot be loaded: expected" in output
    assert "cannot be loaded" in fail(*ask, str(broken))


def test_what_was_left_out_before_is_told(home, first):
    _, runs = first
    dataset = f"runs:/{named(runs, 'transform h=1 return').info.run_id}/dataset"
    sound = lookup.model_uri(named(runs, "train drift").info.run_id, "drift")
    given = json.dumps({"knn": "knn cannot be fitted: it <b>fails</b>"})
    output = succeed(
        "evaluate", "--dataset", dataset, "--vis", "false", "--models", sound, "--left-out", given
    ).output
    assert "- Left out: knn cannot be fitted: it <b>fails</b>." in output
    page = artifacts.fetch(f"runs:/{newest_tree()[0].info.run_id}/report.html")
    assert "<b>fails" not in page.read_text(encoding="utf-8")
