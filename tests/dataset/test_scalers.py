"""Scalers are scikit-learn's to the last bit, and their files are skops' own."""

import io
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import skops.io
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, RobustScaler, StandardScaler

from pricecast.dataset import skops_file
from pricecast.dataset.scalers import SCALERS, Scaler, Scalers
from pricecast.errors import InputError
from tests.support.market_samples import same_bits
from tests.support.skops_files import canonical
from tests.support.stress import ROOT

ESTIMATORS = {"standard": StandardScaler, "minmax": MinMaxScaler, "robust": RobustScaler}


def rows(n, columns, seed=0):
    X = np.random.default_rng(seed).normal(3, 2, (n, columns))
    X[:, 0] = 7.0  # a constant has no scale
    return X


def file_of(scaler, folder):
    Scalers(scaler, scaler).save(folder)
    return folder / "scaler_X.skops"


def refusal(data, folder):
    for name in "Xy":
        (folder / f"scaler_{name}.skops").write_bytes(data)
    with pytest.raises(InputError, match="expected a scaler at") as refused:
        Scalers.load(folder)
    return str(refused.value)


@pytest.mark.parametrize("kind", SCALERS)
def test_a_scaler_gives_the_bits_of_scikit_learn_before_and_after_it_was_saved(tmp_path, kind):
    X, other = rows(90, 7), rows(50, 7, seed=1) * 100
    other[3, 2] = np.nan
    theirs, ours = ESTIMATORS[kind]().fit(X), Scaler.fit(kind, X)
    file_of(ours, tmp_path)
    for scaler in (ours, Scalers.load(tmp_path).X):
        assert (scaler.kind, scaler.columns) == (kind, 7)
        assert same_bits(scaler.transform(other), theirs.transform(other))
        assert same_bits(scaler.inverse_transform(other), theirs.inverse_transform(other))
    assert np.isfinite(other[4]).all()  # the arguments are as they were


# One column or a hundred rows: then scalers hold a number twice, which skops writes as one object.
@pytest.mark.parametrize(("n", "columns"), [(300, 24), (90, 7), (90, 1), (5, 5)])
@pytest.mark.parametrize("kind", SCALERS)
def test_the_file_is_that_of_skops_and_its_bytes_depend_on_its_content(tmp_path, kind, n, columns):
    X = rows(n, columns)
    ours = file_of(Scaler.fit(kind, X), tmp_path / "a").read_bytes()
    assert ours == canonical(ESTIMATORS[kind]().fit(X))
    assert ours == file_of(Scaler.fit(kind, X), tmp_path / "b").read_bytes()
    assert ours != file_of(Scaler.fit(kind, X[:-1] + 1), tmp_path / "c").read_bytes()


@pytest.mark.parametrize("kind", SCALERS)
def test_skops_reads_the_file_as_the_scaler_of_scikit_learn(tmp_path, kind):
    X = rows(90, 7)
    loaded = skops.io.load(file_of(Scaler.fit(kind, X), tmp_path), trusted=[])
    expected = ESTIMATORS[kind]().fit(X)
    assert type(loaded) is type(expected)
    assert vars(loaded).keys() == vars(expected).keys()
    assert all(np.array_equal(value, vars(expected)[name]) for name, value in vars(loaded).items())
    assert same_bits(loaded.transform(X), expected.transform(X))


ODD = {
    "copy=False": ("standard", {"copy": False}),
    "another range": ("minmax", {"feature_range": (0, 2)}),
    "an attribute too many": ("robust", {"evil": 1}),
    "a table as output": ("standard", {"_sklearn_output_config": {"transform": "pandas"}}),
    "text for numbers": ("standard", {"scale_": "evil"}),
    "numbers of fewer bits": ("standard", {"mean_": np.zeros(7, np.float32)}),
    "a table for a row": ("standard", {"mean_": np.zeros((7, 1))}),
    "objects": ("standard", {"mean_": np.array([None] * 7)}),
    "more columns than there are": ("standard", {"n_features_in_": 10**9}),
    "half a row": ("standard", {"n_samples_seen_": np.float64(0.5)}),
    "no number of rows": ("standard", {"n_samples_seen_": np.float64("nan")}),
}


@pytest.mark.parametrize("odd", ODD)
def test_what_no_scaler_of_ours_holds_is_refused(tmp_path, odd):
    kind, attributes = ODD[odd]
    estimator = ESTIMATORS[kind]().fit(rows(90, 7))
    vars(estimator).update(attributes)
    refusal(canonical(estimator), tmp_path)


def test_files_that_are_not_what_was_written_are_refused(tmp_path):
    sound = file_of(Scaler.fit("standard", rows(90, 7)), tmp_path).read_bytes()
    files = skops_file.from_archive(sound)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    assert "a packed file" in refusal(packed.getvalue(), tmp_path)
    assert "BadZipFile" in refusal(b"no archive", tmp_path)
    assert "other parameters" in refusal(skops_file.to_archive({**files, "more.npy": b""}), tmp_path)
    assert "KeyError" in refusal(skops_file.to_archive({"more.npy": b""}), tmp_path)
    refusal(canonical(FunctionTransformer(np.log)), tmp_path)
    refusal(sound[:-30], tmp_path)
    twice = skops_file.to_archive({**files, "3.npy": files["3.npy"][:-1]})
    refusal(twice, tmp_path)
    deep = skops_file.to_archive({**files, skops_file.SCHEMA: b"[" * 100_000})
    assert "RecursionError" in refusal(deep, tmp_path)


def test_what_is_infinite_is_not_scaled():
    scaler = Scaler.fit("standard", rows(90, 2))
    for scale in (scaler.transform, scaler.inverse_transform):
        with pytest.raises(InputError, match="expected finite numbers to scale"):
            scale(np.array([[0.0, np.inf]]))


def test_only_a_fit_imports_scikit_learn(tmp_path):
    file_of(Scaler.fit("standard", rows(90, 2)), tmp_path)
    code = (
        "import sys; from pathlib import Path; from pricecast.dataset.scalers import Scalers\n"
        "folder = Path(sys.argv[1])\n"
        "made = Scalers.load(folder); made.save(folder); made.X.transform([[1, 2]])\n"
        "sys.exit(len({'sklearn', 'skops', 'torch'} & sys.modules.keys()))"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True, cwd=ROOT)


# --- columns that do not vary ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SCALERS)
@pytest.mark.parametrize(
    ("column", "size", "is_flat"),
    [
        ((0.76, 3e-10), 0.0, True),  # what a recursion has not quite forgotten
        ((100.0, 1e-12), 0.0, True),
        ((1e9, 10.0), 0.0, True),
        ((0.0, 1e-8), 1.0, True),  # rounding in a column of features
        ((0.0, 1e-8), 0.0, False),  # a price that small
        ((1e-8, 1e-10), 0.0, False),
        ((0.0, 1e-3), 1.0, False),
        ((100.0, 0.01), 1.0, False),
    ],
)
def test_a_column_that_does_not_vary_is_centred_and_not_scaled_up(kind, column, size, is_flat):
    mean, deviation = column
    X = mean + deviation * np.linspace(-1, 1, 101)[:, None]
    scaler = Scaler.fit(kind, X, size)
    scaled = scaler.transform(X)
    assert (np.ptp(scaled) <= 2.01 * deviation) == is_flat
    assert np.abs(scaled).max() <= 2
    np.testing.assert_allclose(scaler.inverse_transform(scaled), X, rtol=1e-12, atol=1e-15)
    plain = Scaler.fit(kind, X)
    if not is_flat:
        assert all(np.array_equal(plain.learned[key], value) for key, value in scaler.learned.items())


def test_a_column_that_does_not_vary_survives_its_file(tmp_path):
    X = np.column_stack([np.linspace(0, 1, 50), 1 + 1e-9 * np.linspace(0, 1, 50)])
    for kind in SCALERS:
        scalers = Scalers.fit(kind, X, X)
        scalers.save(tmp_path / kind)
        assert np.array_equal(Scalers.load(tmp_path / kind).X.transform(X), scalers.X.transform(X))
