"""Stress test: bundles that somebody else wrote and sealed anew, through the doors that the steps use."""

import io
import json
import os
import pickle
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import skops.io
import yaml
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import FunctionTransformer

from flow_steps import evaluate
from flow_steps.runs import artifacts
from pricecast.errors import InputError
from pricecast.files import digest_file, write_json
from serving.load import load
from tests.support import hostile_models
from tests.support.stores import finished
from tests.support.stress import Count, answer, one_text, spread

FORECASTER = Path("artifacts/forecaster")
WEIGHTS = FORECASTER / "model" / "weights.safetensors"
SCALER = FORECASTER / "scaler_X.skops"


class Payload:
    """A pickle that leaves a canary behind when it is read."""

    def __init__(self, canary: Path):
        self.canary = canary

    def __reduce__(self):
        return Path.touch, (self.canary,)


def edit(folder: Path, change: Callable[[dict], object], name: str = "MLmodel") -> None:
    """Changes a YAML or JSON file of a bundle."""
    about = yaml.safe_load((folder / name).read_text(encoding="utf-8"))
    change(about)
    (folder / name).write_text(json.dumps(about) if name.endswith("json") else yaml.safe_dump(about), "utf-8")


def flavor(folder: Path, **settings: object) -> None:
    """Changes what MLmodel says of the pyfunc."""
    edit(folder, lambda about: about["flavors"]["python_function"].update(settings))


def touch(canary: Path) -> str:
    """Source that leaves the canary, and a pyfunc loader behind it."""
    return f"from pathlib import Path\nPath({str(canary)!r}).touch()\ndef _load_pyfunc(path): return None\n"


def a_pickled_model(folder: Path, canary: Path) -> None:
    """The format of MLflow's default: python_model.pkl."""
    (folder / "python_model.pkl").write_bytes(pickle.dumps(Payload(canary)))
    flavor(folder, loader_module="mlflow.pyfunc.model", python_model="python_model.pkl")
    edit(folder, lambda about: about["flavors"]["python_function"].pop("model_code_path"))


def a_pickle_of_scikit_learn(folder: Path, canary: Path) -> None:
    (folder / "model.pkl").write_bytes(pickle.dumps(Payload(canary)))
    flavor(folder, loader_module="mlflow.sklearn", model_path="model.pkl", predict_fn="predict")
    sklearn = {"pickled_model": "model.pkl", "serialization_format": "pickle", "sklearn_version": "1.9.1"}
    edit(folder, lambda about: about["flavors"].update(sklearn=sklearn))


def a_loader_of_its_own(folder: Path, canary: Path) -> None:
    (folder / "code" / "evil_loader.py").write_text(touch(canary), encoding="utf-8")
    flavor(folder, loader_module="evil_loader")


def a_loader_inside_the_package(folder: Path, canary: Path) -> None:
    (folder / "code" / "pricecast" / "evil.py").write_text(touch(canary), encoding="utf-8")
    flavor(folder, loader_module="pricecast.evil")


def another_code_folder(folder: Path, canary: Path) -> None:
    (folder / "artifacts" / "evil_code").mkdir()
    (folder / "artifacts" / "evil_code" / "evil_module.py").write_text(touch(canary), encoding="utf-8")
    flavor(folder, code="artifacts/evil_code", loader_module="evil_module")


def a_changed_model_file(folder: Path, canary: Path) -> None:
    source = (folder / "model.py").read_text(encoding="utf-8")
    (folder / "model.py").write_text(source + touch(canary), encoding="utf-8")


def another_model_file(folder: Path, canary: Path) -> None:
    source = (folder / "model.py").read_text(encoding="utf-8")
    (folder / "other.py").write_text(source + touch(canary), encoding="utf-8")
    flavor(folder, model_code_path="other.py")


def planted(name: str) -> Callable[[Path, Path], None]:
    """A file that does not belong there."""

    def plant(folder: Path, canary: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(touch(canary).replace("\n", ";", 1), encoding="utf-8")

    return plant


def a_pickle_named_safetensors(folder: Path, canary: Path) -> None:
    (folder / WEIGHTS).write_bytes(pickle.dumps(Payload(canary)))


def a_pickle_named_npz(folder: Path, canary: Path) -> None:
    (folder / WEIGHTS.with_suffix(".npz")).write_bytes(pickle.dumps(Payload(canary)))


def a_pickle_inside_a_scaler(folder: Path, canary: Path) -> None:
    """A numpy array of objects is a pickle."""
    array = io.BytesIO()
    np.save(array, np.array([Payload(canary)], dtype=object), allow_pickle=True)
    rewrite_zip(folder / SCALER, {name: array.getvalue() for name in names_in(folder / SCALER) if "npy" in name})


def a_scaler_with_an_untrusted_type(folder: Path, canary: Path) -> None:
    (folder / SCALER).write_bytes(skops.io.dumps(FunctionTransformer(Path.touch)))


def a_trusted_type_that_is_no_scaler(folder: Path, canary: Path) -> None:
    (folder / SCALER).write_bytes(skops.io.dumps(LinearRegression()))


def a_scaler_that_unpacks_to_a_gigabyte(folder: Path, canary: Path) -> None:
    with zipfile.ZipFile(folder / SCALER, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("1.bin", "w") as file:
        for _ in range(1024):
            file.write(bytes(2**20))


def a_scaler_with_deep_json(folder: Path, canary: Path) -> None:
    rewrite_zip(folder / SCALER, {"schema.json": b"[" * 100_000})


def a_link_out(folder: Path, canary: Path) -> None:
    path = folder / FORECASTER / "model" / "state.json"
    outside = folder.parent / f"{folder.name}.json"
    path.rename(outside)
    path.symlink_to(outside)


def a_linked_folder(folder: Path, canary: Path) -> None:
    outside = folder.parent / f"{folder.name}.code"
    (folder / "code").rename(outside)
    (folder / "code").symlink_to(outside)


def a_pipe(folder: Path, canary: Path) -> None:
    os.mkfifo(folder / FORECASTER / "model" / "more.json")


def a_weights_file_of_a_gigabyte(folder: Path, canary: Path) -> None:
    os.truncate(folder / WEIGHTS, 2**30)


def thousands_of_files(folder: Path, canary: Path) -> None:
    for i in range(11_000):
        (folder / FORECASTER / "model" / f"s{i}.json").write_bytes(b"{}")


def folders_too_deep(folder: Path, canary: Path) -> None:
    (folder / FORECASTER / "model" / "/".join("d" * 100)).mkdir(parents=True)


def a_safetensors_header_of_eternity(folder: Path, canary: Path) -> None:
    (folder / WEIGHTS).write_bytes((2**63 - 1).to_bytes(8, "little") + b"{" * 100)


def a_yaml_tag(name: str) -> Callable[[Path, Path], None]:
    """YAML that calls a function where a loader lets it."""

    def plant(folder: Path, canary: Path) -> None:
        call = f"!!python/object/apply:subprocess.check_call [[touch, {str(canary)!r}]]"
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(f"utc_time_created: {call}\n")

    return plant


def a_yaml_bomb(folder: Path, canary: Path) -> None:
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)
    )
    (folder / "MLmodel").write_text(bomb + (folder / "MLmodel").read_text("utf-8"), encoding="utf-8")


def deep_yaml(folder: Path, canary: Path) -> None:
    (folder / "MLmodel").write_text("[" * 100_000, encoding="utf-8")


def deep_json(folder: Path, canary: Path) -> None:
    (folder / FORECASTER / "model" / "state.json").write_text("[" * 100_000, encoding="utf-8")


def an_artifact_from_outside(folder: Path, canary: Path) -> None:
    flavor(folder, artifacts={"forecaster": {"path": "../../../outside", "uri": "file:///etc"}})


def an_example_from_outside(folder: Path, canary: Path) -> None:
    edit(folder, lambda about: about["saved_input_example_info"].update(artifact_path="../../../../etc/passwd"))


def a_setting_that_we_do_not_know(folder: Path, canary: Path) -> None:
    flavor(folder, model_config={"run": "this"})


def forecaster(**fields: object) -> Callable[[Path, Path], None]:
    """A forecaster.json that asks for something else."""

    def plant(folder: Path, canary: Path) -> None:
        edit(folder, lambda about: about.update(fields), str(FORECASTER / "forecaster.json"))

    return plant


def parameters(**values: object) -> Callable[[Path, Path], None]:
    """Hyperparameters that are not those of the weights."""

    def plant(folder: Path, canary: Path) -> None:
        edit(folder, lambda about: about["params"].update(values), str(FORECASTER / "forecaster.json"))

    return plant


EVIL: dict[str, Callable[[Path, Path], None]] = {
    made.__name__: made
    for made in (
        a_pickled_model, a_pickle_of_scikit_learn, a_loader_of_its_own, a_loader_inside_the_package,
        another_code_folder, a_changed_model_file, another_model_file, a_pickle_named_safetensors,
        a_pickle_named_npz, a_pickle_inside_a_scaler, a_scaler_with_an_untrusted_type,
        a_trusted_type_that_is_no_scaler, a_scaler_that_unpacks_to_a_gigabyte, a_scaler_with_deep_json, a_link_out,
        a_linked_folder, a_pipe, a_weights_file_of_a_gigabyte, thousands_of_files, folders_too_deep,
        a_safetensors_header_of_eternity,
        a_yaml_bomb, deep_yaml, deep_json, an_artifact_from_outside, an_example_from_outside,
        a_setting_that_we_do_not_know,
    )
} | {
    "an extra module": planted("code/evil.py"),
    "an extra library": planted("code/pricecast/evil.so"),
    "an extra path file": planted("code/evil.pth"),
    "a sitecustomize": planted("code/sitecustomize.py"),
    "a name that shadows a library": planted("code/torch/__init__.py"),
    "a tag in MLmodel": a_yaml_tag("MLmodel"),
    "a tag in conda.yaml": a_yaml_tag("conda.yaml"),
    "a model out of another package": forecaster(name="..sources.csv"),
    "a model by path": forecaster(name="../../evil"),
    "a model that is a list": forecaster(name=["naive"]),
    "a spec that is none": forecaster(spec={"target": "return"}),
    "a calibration that is none": forecaster(calibration="many"),
    "offsets of another shape": forecaster(calibration={"offsets": [[0.0]], "thresholds": {}, "rate": 0.0}),
    "a field too many": forecaster(loader="evil"),
    "a network of terabytes": parameters(hidden_dim=900_000_000),
    "a network without an end": parameters(num_layers=900_000_000),
}  # fmt: skip
# Those in which stock MLflow hangs, or which need gigabytes.
_HEAVY = {"a_pipe", "a_scaler_that_unpacks_to_a_gigabyte", "a_yaml_bomb", "a network of terabytes",
          "a network without an end", "a_weights_file_of_a_gigabyte"}  # fmt: skip
# Every load begins without what the last one imported, as a fresh server would.
_LOADER = """
import sys
import mlflow
path = list(sys.path)
for folder in sys.argv[1:]:
    try:
        mlflow.pyfunc.load_model(folder)
    except Exception as error:
        print(folder, type(error).__name__)
    sys.path[:] = path
    for name in [name for name in sys.modules if name.partition(".")[0] == "pricecast"]:
        del sys.modules[name]
"""


def ours(n: int | None, folder: Path, only: tuple[str, ...] = ()) -> Count:
    """Evil bundles in the store and beside it, and evil models; bad is what is not refused in one line, or runs."""
    chosen = list(only) or spread((*EVIL, *hostile_models.EVIL), n)
    counts = (
        _in_the_store([kind for kind in chosen if kind in EVIL], folder),
        apart_from_it([kind for kind in chosen if kind in hostile_models.EVIL], folder),
    )
    return Count(sum(count.tried for count in counts), [text for count in counts for text in count.bad])


def apart_from_it(chosen: Collection[str], folder: Path) -> Count:
    """Forecaster folders by their paths; each has to be refused in one line, at the latest where it forecasts."""
    bad: list[str] = []
    for kind in chosen:
        copy = folder / "model"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(hostile_models.sound(hostile_models.EVIL[kind][0], folder / "models"), copy)
        hostile_models.EVIL[kind][1](copy)
        reseal(copy)
        bad += one_text(kind, _enter(str(copy), _forecast))
    return Count(len(chosen), bad)


def _in_the_store(chosen: list[str], folder: Path) -> Count:
    bad: list[str] = []
    if not chosen:
        return Count(0)
    with finished(folder) as client:
        (model,) = client.search_logged_models(["0"], filter_string="name = 'lstm'")
        place = Path(model.artifact_location.removeprefix("file://"))
        for kind in chosen:
            copy, canary = evil(place, folder / "evil", kind)
            sound = place.rename(place.with_name("sound"))
            try:
                shutil.copytree(copy, place, symlinks=True, copy_function=_copy)
                faults = [text for uri in (f"models:/{model.model_id}", str(copy)) for text in _enter(uri)]
            finally:
                shutil.rmtree(place)
                sound.rename(place)
            bad += one_text(kind, faults + (["ran"] if canary.exists() else []))
    return Count(len(chosen), bad)


def stock(n: int | None, folder: Path) -> Count:
    """Loads the same bundles with MLflow, pickles forbidden; bad are those that ran what came with them."""
    with finished(folder) as client:
        (model,) = client.search_logged_models(["0"], filter_string="name = 'lstm'")
    place = Path(model.artifact_location.removeprefix("file://"))
    light = spread([kind for kind in EVIL if kind not in _HEAVY], n)
    made = [evil(place, folder / "evil", kind) for kind in light]
    environment = {**os.environ, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", "PYTHONPATH": ""}
    command = [sys.executable, "-c", _LOADER, *(str(copy) for copy, _ in made)]
    subprocess.run(command, env=environment, check=True, capture_output=True, cwd=folder)
    ran = [kind for kind, (_, canary) in zip(light, made, strict=True) if canary.exists()]
    return Count(len(light), ran)


def evil(sound: Path, folder: Path, kind: str) -> tuple[Path, Path]:
    """A sealed copy of a bundle with one thing changed, and the canary that it is after."""
    copy = folder / kind.replace(" ", "_") / "bundle"
    shutil.rmtree(copy.parent, ignore_errors=True)
    shutil.copytree(sound, copy)
    canary = copy.parent / "canary"
    EVIL[kind](copy, canary)
    for sealed in (copy / FORECASTER, copy):
        reseal(sealed)
    return copy, canary


def reseal(folder: Path) -> None:
    """A manifest as `seal` writes it, over whatever there is."""
    files = [path for path in folder.rglob("*") if path.is_file() and path != folder / "manifest.json"]
    write_json({path.relative_to(folder).as_posix(): digest_file(path) for path in files}, folder / "manifest.json")


def names_in(path: Path) -> list[str]:
    """The files of a zip file."""
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def rewrite_zip(path: Path, changed: dict[str, bytes]) -> None:
    """Replaces files of a zip file."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**content, **changed}.items():
            archive.writestr(name, data)


def _copy(source: str, target: str) -> None:
    if Path(source).is_fifo():
        os.mkfifo(target)
    else:
        shutil.copyfile(source, target)


def _enter(uri: str, last: Callable[[str], object] | None = None) -> list[str]:
    """Error of reading a bundle as evaluate does; the last door, loading, is where some only close."""
    texts = []
    for door in (artifacts.digest, artifacts.bundle_folder, artifacts.model_id, _plugins):
        texts += _mistakes(door, uri, must_refuse=False)
    return texts + _mistakes(last or _load, uri, must_refuse=True)


def _load(uri: str) -> object:
    return load(artifacts.bundle_folder(uri))


def _forecast(uri: str) -> None:
    hostile_models.forecast(load(artifacts.bundle_folder(uri)))


def _plugins(uri: str) -> object:
    return evaluate.STEP.plugins({"models": (uri,)})


def _mistakes(door: Callable[[str], object], uri: str, must_refuse: bool) -> list[str]:
    try:
        door(uri)
    except InputError as error:
        return [] if str(error).isprintable() and len(str(error)) < 2000 else [f"{door.__name__}: no short line"]
    except Exception as error:
        return [f"{door.__name__}: {type(error).__name__}"]
    return [f"{door.__name__}: let through"] if must_refuse else []


if __name__ == "__main__":
    answer(ours=ours, stock=stock)
