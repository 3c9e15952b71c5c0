"""Files of experiments: what they may say, and what is refused in one line."""

from pathlib import Path

import pytest

from pricecast import models
from pricecast.errors import InputError
from pricecast.experiments.config import Experiment, read
from tests.support.stress import ROOT


def file(folder: Path, text: str) -> Path:
    path = folder / "experiments.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_file_that_comes_with_the_project_has_the_three_settings():
    found = {each.name: each for each in read(ROOT / "experiments" / "abc.yaml")}
    names = ("learning_rate", "hidden_dim", "num_layers", "dropout", "patience", "epochs", "batch_size")
    assert {name: [each.params[key] for key in names] for name, each in found.items()} == {
        "A": [0.005, 64, 2, 0.1, 10, 100, 32],
        "B": [0.01, 128, 3, 0.05, 15, 150, 32],
        "C": [0.02, 256, 3, 0.15, 20, 200, 32],
    }
    assert all(each.description and each.model == "lstm" for each in found.values())
    assert all(each.params.keys() <= models.parameters("lstm").keys() for each in found.values())


def test_a_power_of_ten_is_a_number(tmp_path):
    (found,) = read(file(tmp_path, "A: {params: {learning_rate: 1e-3, clip: 2.5E+1, epochs: 3}}"))
    assert found.params == {"learning_rate": 0.001, "clip": 25.0, "epochs": 3}


def test_what_is_left_out_is_the_default(tmp_path):
    (found,) = read(file(tmp_path, "plain: {}"))
    assert found == Experiment("plain", "", "lstm", {})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "1 to 26 experiments by name"),
        ("[1, 2]", "1 to 26 experiments by name"),
        ("\n".join(f"e{i}: {{}}" for i in range(27)), "1 to 26 experiments by name"),
        ("A: {model: [", "a YAML file of experiments"),
        ("A: {}\nA: {}", "'A' stands there twice"),
        ("A: {params: {epochs: 1, epochs: 2}}", "'epochs' stands there twice"),
        ("? [1]\n: {}", "a YAML file of experiments"),
        ("A: !!python/object/apply:os.system [ls]", "a YAML file of experiments"),
        ("1: {}", "a name of letters"),
        ("a b: {}", "a name of letters"),
        ("naive: {}", "a name of letters"),
        ("A: lstm", "a description and a model in words"),
        ("A: {colour: red}", "a description and a model in words"),
        ("A: {description: 3}", "a description and a model in words"),
        ("A: {params: [1]}", "a description and a model in words"),
        ("A: {description: \"a\\nb\"}", "printable characters on one line"),
        ("A: {model: oracle}", "oracle"),
        ("A: {params: {depth: 3}}", "depth"),
        ("A: {params: {epochs: many}}", "epochs"),
        ("A: {params: {seed: 1}}", "expected no seed"),
    ],
)  # fmt: skip
def test_what_is_no_experiment_is_refused(tmp_path, text, complaint):
    with pytest.raises(InputError, match=complaint) as caught:
        read(file(tmp_path, text))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_file_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match="a YAML file of experiments"):
        read(tmp_path / "missing.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="a YAML file of experiments"):
        read(tmp_path / "binary.yaml")
