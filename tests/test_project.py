"""Promises that the project's files make each other: MLproject, conda.yaml, imports, one declaration per option."""

import ast
import re
import tomllib
from graphlib import TopologicalSorter
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from flow_steps.cli.commands import FLOWS, STEPS
from main import main as pipeline
from pricecast import models
from tests.reliability.counts import HEAD, ROWS
from tests.support.mlproject import block, commands

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("pricecast", "flow_steps", "serving")
STRESS_TESTS = [
    path for path in sorted((ROOT / "tests" / "reliability").glob("*.py"))
    if not path.stem.startswith("test_") and path.stem not in ("__init__", "counts")
]  # fmt: skip
# Which package may import which, besides itself: the library, the bundle, the packages of the steps.
_BELOW_MODELS = ("base", "data", "dataset", "statistics")
_BELOW_EVALUATION = (*_BELOW_MODELS, "models", "forecasting")
LAYERS = {
    "base": (),
    "data": ("base",),
    "dataset": ("base", "data"),
    "statistics": ("base",),
    "models": _BELOW_MODELS,
    "forecasting": (*_BELOW_MODELS, "models"),
    "evaluation": _BELOW_EVALUATION,
    "experiments": (*_BELOW_EVALUATION, "evaluation"),
    "audit": _BELOW_EVALUATION,
    "report": (*_BELOW_EVALUATION, "evaluation", "experiments", "audit"),
    "api": (*_BELOW_EVALUATION, "evaluation", "report"),
    "serving": ("base", "dataset", "models", "forecasting"),
    "safety": (),
    "cli": ("safety",),
    "runs": ("safety", "cli"),
    "reuse": ("safety", "cli", "runs"),
    "pipeline": ("safety", "cli", "runs", "reuse"),
    "tuning": ("safety", "cli", "runs", "reuse", "pipeline"),
    "steps": ("safety", "cli", "runs", "reuse", "pipeline", "tuning"),
}
# These stand on the library and on the bundle, whatever layer of it.
STEP_LAYERS = ("safety", "cli", "runs", "reuse", "pipeline", "tuning", "steps")
# `python -m pricecast` is the command line, which stands above the library.
COMMAND = ROOT / "pricecast" / "__main__.py"
SOURCES = [
    *sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py") if path != COMMAND), ROOT / "main.py",
]  # fmt: skip
# What the pipeline itself passes from step to step.
WIRES = {"prices", "dataset", "model", "left_out", "forecasts", "quick",
    "trials", "folds", "share", "window", "refit_every", "experiments", "seeds", "metric", "n_trials",
    "timeout", "timesteps", "walk_forward", "storage", "date_end", "previous_time_window",
    "next_time_window", "above", "format",
}  # fmt: skip


def entry_points():
    return yaml.safe_load((ROOT / "MLproject").read_text(encoding="utf-8"))["entry_points"]


def layer_of(module):
    """The row of `LAYERS` that a module of ours belongs to, None for anybody else's."""
    top, *inner = module.split(".")
    if top == "serving":
        return top
    if top not in ("pricecast", "flow_steps"):
        return None
    return (
        inner[0]
        if inner and (ROOT / top / inner[0]).is_dir()
        else {"pricecast": "base", "flow_steps": "steps"}[top]
    )


def is_package(path):
    return (path / "__init__.py").is_file()


def name_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def is_module(name):
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or is_package(path)


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path):
    """The modules that a file names in its imports, those inside functions too."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def offenders(paths, forbidden):
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in paths
        for name in imports(path)
        if any(name == other or name.startswith(f"{other}.") for other in forbidden)
    ]


def dotted(node):
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def calls(path):
    return [dotted(node.func) for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)]


def is_command(path):
    """True if a file takes its `main` from the commands, under its own name, and runs it before it imports more."""
    start = f"from flow_steps.cli.commands import {path.stem} as main\n\nif __name__ == '__main__':\n    main()"
    body = [node for node in tree_of(path).body if not isinstance(node, ast.Expr)]
    return "\n\n".join(map(ast.unparse, body[:2])) == start


def in_package(name):
    return [path for path in SOURCES if path.relative_to(ROOT).parts[0] == name]


def test_mlproject_says_what_the_click_options_say():
    wanted = yaml.safe_load(block())["entry_points"]
    assert entry_points() == wanted, f"paste this into MLproject:\n\n{block()}"


def test_parameters_stand_in_mlproject_in_the_order_of_the_options():
    wanted = yaml.safe_load(block())["entry_points"]
    found = {name: list(entry["parameters"]) for name, entry in entry_points().items()}
    assert found == {name: list(entry["parameters"]) for name, entry in wanted.items()}


def test_every_step_file_with_a_command_is_an_entry_point():
    files = {path.stem for path in (ROOT / "flow_steps").glob("*.py") if is_command(path)}
    assert files == {*STEPS, *FLOWS} == entry_points().keys() - {"main"}


def test_placeholders_stand_bare():
    # MLflow quotes values for the shell; quotes of our own around a placeholder would undo that.
    for name, entry in entry_points().items():
        assert not set("\"'`$;&|") & set(entry["command"]), name
        words = entry["command"].split()
        holders = [word for word in words if "{" in word or "}" in word]
        assert all(re.fullmatch(r"\{[a-z_]+\}", word) for word in holders), name
        assert {word.strip("{}") for word in holders} == entry["parameters"].keys(), name


def test_every_option_has_a_default_or_is_an_input():
    for name, entry in entry_points().items():
        required = {key for key, value in entry["parameters"].items() if "default" not in value}
        assert required <= {"prices", "dataset", "model", "models", "experiments"}, name
    assert all("default" in value for value in entry_points()["main"]["parameters"].values())


def test_there_are_no_flags():
    # A command template cannot leave a flag out.
    assert not [(name, p.name) for name, command in commands().items() for p in command.params if p.is_flag]


def pins_of(lock):
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def test_the_locks_are_within_what_the_package_allows():
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = package["optional-dependencies"]
    core = [*package["dependencies"], *extras["torch"], *extras["models"]]
    for lock, lines in {
        "requirements.lock": core,
        "requirements-dev.lock": [*core, *chain(*extras.values())],
    }.items():
        pins = pins_of(lock)
        outside = [line for line in lines if not allows(line, pins)]
        assert outside == [], f"{lock}: make lock"
    assert pins_of("requirements.lock").items() <= pins_of("requirements-dev.lock").items()
    # Another version is gigabytes of GPU libraries, and other weights.
    assert extras["torch"] == [f"torch=={pins_of('requirements.lock')['torch']}"]


def allows(line, pins):
    requirement = Requirement(line)
    return requirement.specifier.contains(pins[canonicalize_name(requirement.name)])


def test_every_package_that_a_model_needs_is_in_the_core_or_in_the_extra_that_its_message_names():
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {extra: {Requirement(line).name for line in lines} for extra, lines in (
        ("core", package["dependencies"]), *package["optional-dependencies"].items())}  # fmt: skip
    for name in models.names():
        extras = {*models.about(name).requires} - named["core"]
        assert extras & {"torch"} <= named["torch"], name
        assert extras - {"torch"} <= named["models"], name


def test_conda_pins_what_the_lock_pins():
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    conda = yaml.safe_load((ROOT / "conda.yaml").read_text(encoding="utf-8"))["dependencies"]
    extras = package["optional-dependencies"]
    wanted = [Requirement(line) for line in (*package["dependencies"], *extras["torch"], *extras["models"])]
    pins = pins_of("requirements.lock")
    assert conda[-1] == {"pip": [f"{each.name}=={pins[canonicalize_name(each.name)]}" for each in wanted]}
    lowest = package["requires-python"].removeprefix(">=")
    assert [entry for entry in conda[:-1] if entry.startswith("python")] == [f"python={lowest}"]


def test_mlproject_takes_its_environment_from_conda_yaml():
    assert yaml.safe_load((ROOT / "MLproject").read_text(encoding="utf-8"))["conda_env"] == "conda.yaml"


def test_every_package_of_the_project_is_installed_with_it():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert set(settings["packages"]["find"]["include"]) == {f"{name}*" for name in PACKAGES}
    folders = {path.parent for path in SOURCES if path.parent != ROOT}
    assert [str(folder) for folder in folders if not is_package(folder)] == []


def test_the_library_knows_no_front_end():
    front_ends = ("mlflow", "click", "streamlit", "airflow", "feast", "flow_steps", "serving", "main")
    assert offenders(in_package("pricecast"), front_ends) == []


def test_imports_run_one_way_through_the_layers():
    upwards = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in SOURCES
        if (own := layer_of(name_of(path)))
        for name in imports(path)
        if is_module(name) and (layer := layer_of(name)) and layer not in (own, *LAYERS[own])
        and not (own in STEP_LAYERS and layer not in STEP_LAYERS)
    ]  # fmt: skip
    assert upwards == []


def test_steps_import_no_step():
    steps = [f"flow_steps.{name}" for name in (*STEPS, *FLOWS)]
    assert offenders(in_package("flow_steps"), [*steps, "main"]) == []


def test_no_module_imports_itself_through_others():
    modules = {name_of(path): path for path in SOURCES}
    graph = {
        name: {other for other in imports(path) if other in modules and other != name}
        for name, path in modules.items()
    }
    TopologicalSorter(graph).prepare()  # raises for a cycle, and names it


def test_the_folders_show_the_architecture():
    tops = (ROOT / "pricecast", ROOT / "flow_steps")
    assert {path.name for top in tops for path in top.iterdir() if is_package(path)} == LAYERS.keys() - {
        "base", "serving", "steps"
    }  # fmt: skip
    files, entries = ({path.stem for path in top.glob("*.py")} - {"__init__", "__main__"} for top in tops)
    assert len(files) <= 12, files
    assert entries == {*STEPS, *FLOWS, "main"}
    assert LAYERS.keys() <= {path.name for path in (ROOT / "tests").iterdir() if is_package(path)}


def test_the_bundle_imports_only_the_library():
    assert offenders(in_package("serving"), ("flow_steps", "main", "click")) == []


def test_main_knows_only_the_steps():
    files = [ROOT / "flow_steps" / "main.py", ROOT / "main.py", COMMAND]
    assert offenders(files, ("pricecast", "serving", "pandas", "numpy", "mlflow")) == []
    assert [sorted({*imports(path)}) for path in files[1:]] == [["flow_steps.main", "flow_steps.main.main"]] * 2


def test_no_import_is_relative():
    # keys.closure follows absolute names: a relative import would be missing from a step's key.
    assert [path.name for path in SOURCES for name in imports(path) if name.startswith(".")] == []


def test_nothing_is_stored_in_a_format_that_can_run_code():
    unsafe = ("pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal")
    # joblib's processes are welcome, its files are not.
    assert offenders(SOURCES, unsafe) == [
        f"pricecast/forecasting/executors/local.py imports joblib{name}"
        for name in ("", ".Parallel", ".cpu_count", ".delayed")
    ]
    loaders = {"torch.load", "torch.save", "np.load", "numpy.load", "pd.read_pickle", "eval", "exec"}
    assert [f"{path.name}: {name}" for path in SOURCES for name in calls(path) if name in loaders] == []
    assert not [path.name for path in SOURCES if "to_pickle" in path.read_text(encoding="utf-8")]


def test_nothing_prints():
    assert [path.name for path in SOURCES if "print" in calls(path)] == []


def test_no_tracking_uri_or_experiment_is_set_in_code():
    settings = ("set_tracking_uri", "set_experiment", "set_registry_uri")
    found = [name for path in SOURCES for name in calls(path) if name.rpartition(".")[2] in settings]
    assert found == []


@pytest.mark.parametrize("step", [*STEPS, *FLOWS])
def test_main_and_the_steps_share_names_types_and_defaults(step):
    ours = {option.name: option for option in pipeline.params}
    theirs = {option.name: option for option in commands()[step].params}
    assert theirs.keys() - ours.keys() <= WIRES
    # `--models` takes names to train or tune, or addresses to judge or audit; a saved model knows its source.
    for name in ours.keys() & theirs.keys() - {"models"} - ({"source"} if step == "predict" else set()):
        shared = (ours[name], theirs[name])
        assert len({option.default for option in shared}) == 1, name
        assert len({repr(option.type) for option in shared} - {"<unknown>"}) <= 1 or (
            type(ours[name].type) is type(theirs[name].type)
        ), name


def test_every_option_of_main_is_of_use_to_some_step():
    used = {option.name for step in STEPS for option in commands()[step].params}
    assert {option.name for option in pipeline.params} - used == {"reuse"}


def test_the_choices_are_those_of_the_library():
    from pricecast.dataset.features import FEATURES
    from pricecast.dataset.scalers import SCALERS

    choices = {option.name: option.type for option in STEPS["transform"].params}
    assert list(choices["scaler"].choices) == list(SCALERS)
    assert list(choices["target"].choices) == list(FEATURES)


def test_every_stress_test_and_every_way_of_it_is_a_row_of_the_table():
    rows = {(row.file, way) for row in ROWS for way in (row.ours, row.stock) if way}
    assert {file for file, _ in rows} == {path.stem for path in STRESS_TESTS}
    ways = {
        (path.stem, keyword.arg)
        for path in STRESS_TESTS
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and dotted(node.func) == "answer"
        for keyword in node.keywords
    }
    # Which cases of a row the fast tests choose.
    assert ways - {("kills", "few"), ("starts", "few"), ("environment", "few")} == rows


def test_the_docs_show_a_row_for_every_stress_test():
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    table = text.partition("<!-- table -->\n")[2].partition("\n<!-- end -->")[0]
    assert table.startswith(f"{HEAD}\n")
    shown = [tuple(line.strip("| ").split(" | "))[::5] for line in table.splitlines()[2:]]
    assert shown == [(row.what, row.bad) for row in ROWS]


def test_the_benchmark_of_overhead_times_calls_that_are_there():
    from benchmarks.overhead import WORK, home

    assert [
        name for step, names in WORK.items() for name in names if not callable(getattr(home(step, name), name))
    ] == []


def test_docstrings_open_with_a_verb_or_a_noun():
    files = [*SOURCES, *(ROOT / "benchmarks").glob("*.py"), *(ROOT / "tests").rglob("*.py")]
    question = re.compile(r'"""(What|How|Whether|Where|Who)\b')
    assert [str(path) for path in files if question.search(path.read_text(encoding="utf-8"))] == []
