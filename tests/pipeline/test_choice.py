"""The default models are taken as far as they are installed; a model that is named has to be."""

import pytest

from flow_steps import backtest
from flow_steps.cli.commands import STEPS
from flow_steps.cli.options import MODELS
from flow_steps.main import main
from flow_steps.pipeline.choice import choose, resolve
from pricecast.errors import InputError
from pricecast.models import _catalog

SAYS = "lstm needs torch, which is not installed (pip install 'pricecast[torch]')"


@pytest.fixture
def without_torch(monkeypatch):
    installed = _catalog._is_installed
    monkeypatch.setattr(_catalog, "_is_installed", lambda name: name != "torch" and installed(name))


def default_of(command):
    return next(option for option in command.params if option.name == "models").default


def test_the_commands_have_these_defaults():
    assert {default_of(main), default_of(STEPS["backtest"])} == {",".join(MODELS)}


def test_the_default_leaves_out_what_is_not_installed_and_says_so(without_torch, caplog):
    names, left_out = choose(MODELS, {})
    assert names == ["naive", "ewma", "drift"]
    assert {name: failure.reason for name, failure in left_out.items()} == {"lstm": SAYS}
    assert f"left out: {SAYS}" in caplog.text
    assert backtest._names({"models": MODELS}) == ["naive", "ewma", "drift"]


def test_a_model_that_is_named_has_to_be_installed(without_torch):
    for named in (("lstm",), ("naive", "lstm")):
        with pytest.raises(InputError, match=r"lstm needs torch, .* \(pip install 'pricecast\[torch\]'\)"):
            choose(named, {})


def test_a_message_names_the_extras_that_have_the_packages(monkeypatch):
    monkeypatch.setattr(_catalog, "_is_installed", lambda name: False)
    assert _catalog.lacks("lstm_keras").endswith("(pip install 'pricecast[models,torch]')")


def test_with_all_installed_the_default_is_whole():
    assert resolve(MODELS) == (list(MODELS), [])
