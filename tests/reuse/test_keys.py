"""The key of a step, by mutation: what it depends on changes it, nothing else does."""

import ast
import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.utils.validation import MAX_TAG_VAL_LENGTH

from flow_steps.cli.commands import FLOWS, STEPS
from flow_steps.cli.types import text
from flow_steps.pipeline import chain
from flow_steps.reuse import closure, fits, keys
from flow_steps.runs import artifacts
from flow_steps.tuning.optimize import study_name
from flow_steps.tuning.trial import Task
from pricecast import models
from pricecast.errors import InputError
from pricecast.files import write_parquet
from tests.support.fitted_samples import data, made
from tests.support.market_samples import market

ROOT = Path(__file__).resolve().parents[2]
PARAMS = {"horizon": 5, "target": "return", "seed": 0}
INPUTS = {"dataset": "0" * 64}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the project's packages that a test may change."""
    for name in closure.PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(closure, "ROOT", tmp_path)
    return tmp_path


def parts(step="train", params=PARAMS, inputs=INPUTS, model="naive"):
    plugins = (f"pricecast.models.{model}",) if step == "train" else ()
    return keys.parts(step, params, inputs, (f"flow_steps.{step}", *plugins))


def touch(path):
    path.write_text(path.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")


def changed(before, after):
    difference = keys.difference(before, after)
    assert bool(difference) == (keys.key(before) != keys.key(after))
    return difference


def released(patch, name):
    """Another version of a library."""
    real = closure._version
    patch.setattr(closure, "_version", lambda other: "0.0" if other == name else real(other))


def typed(step, **params):
    return chain.typed({**STEPS, **FLOWS}[step], params)


def test_the_same_project_elsewhere_has_the_same_key(project, monkeypatch):
    elsewhere = parts()
    monkeypatch.setattr(closure, "ROOT", ROOT)
    assert changed(parts(), elsewhere) == []


@pytest.mark.parametrize("name", PARAMS)
def test_a_changed_parameter_changes_the_key(name):
    assert changed(parts(), parts(params={**PARAMS, name: "other"})) == [f"param {name}"]


def test_a_new_parameter_changes_the_key():
    assert changed(parts(), parts(params={**PARAMS, "dropout": 0.1})) == ["param dropout"]


def test_a_number_and_its_text_are_different_values():
    # That is why every value goes through the step's own options first.
    assert changed(parts(), parts(params={**PARAMS, "horizon": "5"})) == ["param horizon"]


def test_typed_values_do_not_depend_on_how_they_were_given():
    as_text = typed("transform", prices="p", horizon="5", valid_size=".150", target="return")
    assert as_text == typed("transform", prices="p", horizon=5, valid_size=0.15)
    assert (as_text["horizon"], as_text["valid_size"]) == (5, 0.15)


def test_switches_and_json_have_one_spelling():
    one = typed("train", dataset="d", model="lstm", model_params='{"b": 1,  "a": 2}', refit="True")
    other = typed("train", dataset="d", model="lstm", model_params='{"a":2,"b":1}', refit=True)
    assert one == other
    assert one["refit"] is True


def test_lists_and_json_may_come_as_text_or_as_they_are():
    as_text = typed("backtest", dataset="d", models="har, naive", model_params='{"har": {"log": true}}')
    assert as_text == typed("backtest", dataset="d", models=("har", "naive"), model_params={"har": {"log": True}})
    assert (as_text["models"], as_text["model_params"]) == (("har", "naive"), {"har": {"log": True}})
    assert [text(as_text[name]) for name in ("models", "model_params")] == ["har,naive", '{"har": {"log": true}}']


def test_values_that_look_like_options_stay_values():
    assert typed("download", path="--seed=3")["seed"] == 0
    assert typed("download", path="-P x=1")["path"] == "-P x=1"


def test_what_a_step_does_not_know_is_left_out():
    assert "models" not in typed("download", source="sample", models="naive,lstm")


def test_a_changed_step_changes_its_key(project):
    before = parts()
    touch(project / "flow_steps" / "train.py")
    assert changed(before, parts()) == ["code flow_steps.train"]


def test_a_changed_package_file_changes_the_key(project):
    before = parts()
    touch(project / "pricecast" / "__init__.py")
    assert changed(before, parts()) == ["code pricecast"]


def test_a_librarys_version_changes_the_key(monkeypatch):
    before = parts()
    released(monkeypatch, "scipy")
    assert changed(before, parts()) == ["version of scipy"]


def test_the_number_of_threads_changes_the_key(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = parts()
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert changed(before, parts()) == ["machine threads"]


def test_an_inputs_digest_changes_the_key():
    assert changed(parts(), parts(inputs={"dataset": "1" * 64})) == ["input dataset"]


def test_steps_of_equal_parameters_have_different_keys():
    assert "step" in changed(parts("transform", inputs={}), parts("evaluate", inputs={}))


def test_one_byte_of_a_csv_file_changes_the_key_of_its_download(tmp_path):
    inputs = importlib.import_module("flow_steps.download").STEP.inputs
    file = tmp_path / "A.csv"
    file.write_bytes(b"date,open,high,low,close\n2020-01-02,1,1,1,1\n")
    params = typed("download", source="csv", path=str(tmp_path))
    before = inputs(params)
    assert before == inputs(params)
    file.write_bytes(file.read_bytes().replace(b"02,1,", b"02,2,"))
    one_byte = inputs(params)
    assert one_byte != before
    (tmp_path / "B.csv").write_bytes(b"")
    assert inputs(params) not in (before, one_byte)


@pytest.mark.parametrize("source", ["sample", "synthetic"])
def test_a_source_without_files_does_not_depend_on_the_working_directory(source, tmp_path, monkeypatch):
    inputs = importlib.import_module("flow_steps.download").STEP.inputs
    monkeypatch.chdir(tmp_path)
    before = inputs(typed("download", source=source))
    (tmp_path / "mlflow.db").write_bytes(b"grows with every run")
    assert inputs(typed("download", source=source)) == before


def test_a_live_download_has_a_key_only_with_a_closed_end():
    inputs = importlib.import_module("flow_steps.download").STEP.inputs
    assert inputs(typed("download", source="yahoo", tickers="AAPL")) is None
    assert inputs(typed("download", source="yahoo", tickers="AAPL", end="2199-01-01")) is None
    assert inputs(typed("download", source="yahoo", tickers="AAPL", end="2020-01-31")) is not None


def test_the_log_names_a_few_of_many_parts():
    assert keys.describe(["a", "b"]) == "a, b"
    assert keys.describe(list("abcdef"), limit=4) == "a, b, c, d and 2 more"


def test_what_was_repaired_is_part_of_transforms_key(monkeypatch, tmp_path):
    from flow_steps import transform

    prices = tmp_path / "prices.parquet"
    prices.write_bytes(b"the same")
    found = []
    for report in ({"findings": []}, {"findings": [{"kind": "duplicate"}]}):
        monkeypatch.setattr(transform.artifacts, "quality_of", lambda uri, report=report: report)
        found.append(transform.STEP.inputs({"prices": str(prices)}))
    assert found[0]["prices"] == found[1]["prices"]
    assert found[0]["quality"] != found[1]["quality"]


# --- exactly what must run again ---------------------------------------------------------------------------

TRAIN = {"train naive", "train har", "train lstm", "train xgboost"}
JUDGED = {"evaluate", "backtest"}
# A study trains and forecasts on the past, a fit of a backtest in a fold; an audit fits and forecasts, too.
FITTED = TRAIN | JUDGED | {"audit", "fit har", "study xgboost"}
ALL = {"download", "transform"} | FITTED
NONE = set()
LSTM = {"train lstm", "evaluate"}
XGBOOST = {"train xgboost", "study xgboost"}

# A file, and what runs again when a line of comment is added to it.
FILES = {
    # Plumbing, for which RUN_FORMAT stands: a new option of compare, say.
    "flow_steps/cli/options.py": NONE,
    "flow_steps/compare.py": NONE,
    "flow_steps/runs/tracking.py": NONE,
    "flow_steps/tune.py": NONE,
    "flow_steps/train.py": TRAIN,
    "flow_steps/backtest.py": {"backtest"},
    # Data.
    "pricecast/data/sources/sample.py": {"download"},
    "pricecast/data/sources/yahoo.py": NONE,
    # A bundle cleans raw bars by the same rules, so whatever makes or runs one counts them.
    "pricecast/data/quality/oddities.py": ALL - {"transform"},
    "pricecast/data/texts/date_formats.py": ALL - {"transform"},
    "pricecast/data/reading.py": NONE,  # of files, and the sample is none
    "pricecast/dataset/features.py": ALL - {"download"},
    "pricecast/dataset/lacking.py": ALL - {"download"},
    "pricecast/errors.py": ALL,
    "pricecast/table_checks.py": ALL,
    "pricecast/dataset/scalers.py": ALL - {"download"},
    # Models.
    "pricecast/models/lstm.py": LSTM,
    "pricecast/models/_torch.py": LSTM,
    "pricecast/models/_trees.py": XGBOOST,
    "pricecast/models/har.py": {"train har", "evaluate", "backtest", "audit", "fit har"},
    "pricecast/models/ewma.py": JUDGED,  # the judge wants it beside every model
    "pricecast/models/sarima.py": NONE,
    "pricecast/models/_catalog.py": FITTED,
    "pricecast/statistics/conformal.py": FITTED,
    "pricecast/statistics/over_horizons.py": FITTED,
    "pricecast/forecasting/executors/local.py": {"backtest"},
    "pricecast/experiments/search.py": {"study xgboost"},
    "pricecast/experiments/search_space.py": {"study xgboost"},
    "serving/model.py": TRAIN | {"evaluate", "backtest"},
    "serving/bundle.py": TRAIN | {"evaluate", "backtest"},
    "serving/check.py": {"evaluate", "audit"},
    "serving/untrusted.py": {"evaluate", "audit"},
    # Judging: a wording, a colour, a picture, a template, the summary.
    "pricecast/evaluation/verdict.py": JUDGED,
    "pricecast/report/plots/style.py": JUDGED,
    "pricecast/report/plots/training.py": JUDGED,
    "pricecast/report/report.html.jinja": JUDGED,
    "pricecast/report/summary.py": JUDGED,
    "pricecast/report/comparison_report.py": NONE,  # that of compare
    "pricecast/report/eda.py": NONE,  # the notebooks'
    # The public calls, which no step makes.
    "pricecast/__init__.py": ALL,
    "pricecast/api/forecasts.py": NONE,
    "pricecast/_version.py": NONE,
    "pricecast/audit/checks.py": {"audit"},
    "pricecast/report/audit_page.html.jinja": {"audit"},
}
LIBRARIES = {
    "numpy": ALL,
    "polars": ALL - {"download"},
    "scipy": ALL - {"download"},  # transform has it by way of scikit-learn
    "exchange-calendars": ALL - {"transform"},
    "bokeh-sampledata": {"download"},
    "yfinance": NONE,
    "xgboost-cpu": XGBOOST,
    "torch": LSTM,
    "matplotlib": JUDGED,
    "mlflow": TRAIN | {"evaluate", "backtest"},
    "flask": NONE,  # MLflow's server
    "click": NONE,
    "optuna": NONE,  # a trial is worth the same, whoever proposed it
}


class Cases:
    """One call of every step, of a fit and of a study, on real artifacts in a folder."""

    def __init__(self, folder):
        self.dataset = data().save(folder / "dataset")
        self.prices = write_parquet(market(), folder / "prices.parquet")
        self.bundles = {name: str(made(name).save(folder / name)) for name in ("naive", "har", "lstm")}

    def of_step(self, name, changes, **own):
        module = importlib.import_module(f"flow_steps.{name}")
        return lambda: chain._parts(module.STEP, typed(name, **{**changes, **own}))

    def calls(self, changes):
        """Parts of the key of each; `changes` are options of the command around it."""
        dataset, bundles = str(self.dataset), ",".join(self.bundles.values())
        trained = [title.removeprefix("train ") for title in sorted(TRAIN)]
        task = Task("xgboost", {}, data(), typed("tune", **changes))
        return {
            "download": self.of_step("download", changes, source="sample"),
            "transform": self.of_step("transform", changes, prices=self.prices),
            **{f"train {name}": self.of_step("train", changes, dataset=dataset, model=name) for name in trained},
            "evaluate": self.of_step("evaluate", changes, dataset=dataset, models=bundles),
            "backtest": self.of_step("backtest", changes, dataset=dataset, models="har"),
            "audit": self.of_step("audit", changes, dataset=dataset, models=self.bundles["har"], quick=True),
            "fit har": lambda: fits._code(artifacts.digest(dataset), ("har",)),
            "study xgboost": lambda: study_name(task, dataset),
        }

    def keys(self, **changes):
        return {name: make() for name, make in self.calls(changes).items()}


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield Cases(tmp_path_factory.mktemp("cases"))


@pytest.fixture(scope="module")
def before(cases):
    return cases.keys()


@pytest.fixture
def again(cases, before):
    """Calls that run again: their keys differ from those of before."""

    def names(**changes):
        now = cases.keys(**changes)
        assert now.keys() == ALL
        return {name for name in ALL if now[name] != before[name]}

    return names


def test_nothing_has_changed(project, again):
    assert again() == NONE


@pytest.mark.parametrize("file", FILES)
def test_a_changed_file_reruns_exactly_what_it_shapes(project, again, file):
    touch(project / file)
    assert again() == FILES[file]


@pytest.mark.parametrize("name", LIBRARIES)
def test_another_version_of_a_library_reruns_exactly_what_uses_it(monkeypatch, again, name):
    assert closure._version(name) != "not installed"
    released(monkeypatch, name)
    assert again() == LIBRARIES[name]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"horizon": "05", "vis": "yes", "seed": 0, "models": "naive"}, NONE),
        ({"horizon": "6"}, {"transform"}),
        ({"seed": "1"}, {"download", "backtest", "study xgboost"} | TRAIN),
        ({"vis": "false"}, JUDGED),
        ({"metric": "rmse", "n_trials": "50"}, {"study xgboost"}),
        ({"n_trials": "50", "storage": "sqlite:///other.db", "reuse": "false"}, NONE),
    ],
)
def test_an_option_reruns_exactly_what_takes_it(again, changes, expected):
    assert again(**changes) == expected


def test_a_new_file_reruns_nothing(project, again):
    for name in ("pricecast/models/brandnew.py", "pricecast/data/sources/brandnew.py", "serving/new.py"):
        (project / name).write_text("import json\n", encoding="utf-8")
    assert again() == NONE


def test_another_format_of_runs_reruns_everything(monkeypatch, again):
    monkeypatch.setattr(keys, "RUN_FORMAT", keys.RUN_FORMAT + 1)
    assert again() == ALL


def test_another_python_reruns_everything(monkeypatch, again):
    monkeypatch.setattr(keys.platform, "python_version", lambda: "3.99.0")
    assert again() == ALL


def test_other_threads_rerun_everything_but_a_study(monkeypatch, again):
    # Several machines work at one study.
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert again() == ALL - {"study xgboost"}


@pytest.mark.parametrize(("file", "expected"), [("prices.parquet", {"transform"}), ("dataset/spec.json", FITTED)])
def test_one_byte_of_an_input_reruns_what_reads_it(cases, again, file, expected):
    path = cases.prices.parent / file
    content = path.read_bytes()
    path.write_bytes(content + b" ")
    try:
        assert again() == expected
    finally:
        path.write_bytes(content)


def test_another_training_reruns_what_reads_its_bundle(cases, again, monkeypatch):
    monkeypatch.setitem(cases.bundles, "har", cases.bundles["naive"])
    assert again() == {"evaluate", "audit"}


# --- names that stand in strings ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pricecast.models.gone", "serving.gone", "flow_steps.gone", "json", "gone"])
def test_a_module_that_is_not_there_is_named(name):
    with pytest.raises(InputError, match=f"expected a file of the module {name} that a step's key names"):
        keys.parts("train", {}, {}, ("flow_steps.train", name))


@pytest.mark.parametrize(
    "line",
    [
        "import pricecast.gone",
        "from pricecast.gone import something",
        'importlib.import_module("pricecast.gone")',
        "def late():\n    import pricecast.gone",
    ],
)
def test_an_import_that_is_not_there_is_named_with_its_file(project, line):
    path = project / "pricecast" / "data" / "calendars.py"
    path.write_text(f"{path.read_text(encoding='utf-8')}\nimport importlib\n{line}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"the module pricecast\.gone that pricecast\.data\.calendars names"):
        parts()


def test_a_module_that_is_imported_by_its_name_counts(project):
    path = project / "pricecast" / "data" / "calendars.py"
    line = 'importlib.import_module("pricecast.report.eda_plots")'
    path.write_text(f"{path.read_text(encoding='utf-8')}\nimport importlib\n{line}\n", encoding="utf-8")
    assert {
        "code pricecast.report.eda_plots",
        "code pricecast.report.eda",
        "version of matplotlib",
    } <= parts().keys()


def test_only_models_and_sources_are_imported_by_a_name_that_is_made_up():
    # Nothing else can be: the key of a step would not see it. Models and sources are plugins of the steps, and the
    # public calls are made by none.
    importing = ("importlib.import_module", "import_module", "__import__")
    made_up = [
        f"{path.relative_to(ROOT)}: {ast.unparse(node.args[0])}"
        for package in ("pricecast", "serving")
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in importing
        if not isinstance(node.args[0], ast.Constant)
    ]
    assert made_up == [
        "pricecast/__init__.py: _HOMES[name]",
        "pricecast/data/sources/__init__.py: f'{__name__}.{source}'",
        "pricecast/models/__init__.py: f'{__name__}.{name}'",
        "pricecast/models/_catalog.py: PACKAGE",
    ]


def test_a_library_that_is_not_installed_is_a_part_of_the_key(project):
    path = project / "pricecast" / "data" / "calendars.py"
    path.write_text(f"{path.read_text(encoding='utf-8')}\nimport brandnew.thing\n", encoding="utf-8")
    assert parts()["version of brandnew"] == "not installed"


def test_no_library_is_imported_for_a_key():
    code = """
import sys
from flow_steps.reuse import keys
found = keys.parts("train", {}, {}, ("flow_steps.train", "pricecast.models.lstm_keras", "serving.model"))
assert {"version of keras", "version of h5py", "version of mlflow"} <= found.keys()
print(*{"keras", "h5py", "mlflow", "sklearn", "torch"} & sys.modules.keys())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_tag_holds_the_parts_of_a_walk_of_all_models():
    modules = (f"pricecast.models.{name}" for name in models.names())
    found = keys.parts("backtest", PARAMS, INPUTS, ("flow_steps.backtest", *modules))
    assert keys.unpack(keys.pack(found)) == found
    assert len(keys.pack(found)) <= MAX_TAG_VAL_LENGTH * 2 // 3
