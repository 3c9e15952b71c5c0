"""Model files that fail, each in a way of its own, to be dropped beside the sound ones."""

import importlib
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pricecast import models

HEAD = '''
"""A model that fails."""

import numpy as np

from pricecast.errors import InputError
from pricecast.models import Forecast, floats, naive, read_state, write_state


class Model(naive.Model):
    family = ""
'''
# The body of each model, and what its reason has to say.
FAILING = {
    "singular": (
        """
    def fit(self, panel, train, valid, on_epoch=None):
        np.linalg.inv(np.zeros((2, 2)))
""",
        "singular cannot be fitted: LinAlgError: Singular matrix",
    ),
    "hungry": (
        """
    def fit(self, panel, train, valid, on_epoch=None):
        raise MemoryError
""",
        "hungry cannot be fitted: MemoryError",
    ),
    "buggy": (
        """
    def fit(self, panel, train, valid, on_epoch=None):
        raise RuntimeError("no such\\ncolumn <b>")
""",
        "buggy cannot be fitted: RuntimeError: no such column <b>",
    ),
    "diverged": (
        """
    def fit(self, panel, train, valid, on_epoch=None):
        raise InputError("expected losses that stay finite, got nan: choose a learning rate below 1")
""",
        "diverged cannot be fitted: expected losses that stay finite, got nan: choose a learning rate below 1",
    ),
    "nothing": (
        """
    def predict(self, panel, origins):
        return Forecast(np.full((len(origins), panel.spec.horizon), np.nan))
""",
        "nothing cannot be fitted: expected forecasts of nothing that are log returns within 300",
    ),
    "negative": (
        """
    def predict(self, panel, origins):
        zeros = np.zeros((len(origins), panel.spec.horizon))
        return Forecast(zeros, sigma=zeros - 0.01)
""",
        "negative cannot be fitted: expected forecasts of negative that are log returns",
    ),
    "misshapen": (
        """
    def predict(self, panel, origins):
        return Forecast(np.zeros(len(origins)))
""",
        "misshapen cannot be fitted: expected forecasts of misshapen that are log returns",
    ),
    "unsaved": (
        """
    def save(self, folder):
        write_state(folder, {"numbers": np.zeros(2)})
""",
        "unsaved cannot be saved and loaded again: TypeError: Object of type ndarray is not JSON serializable",
    ),
    "unloadable": (
        """
    def save(self, folder):
        write_state(folder, {"norms": [float("nan")]})

    def load(self, folder):
        self.norms_ = floats(read_state(folder)["norms"], folder, 1)
        return self
""",
        "unloadable cannot be saved and loaded again: expected ",
    ),
    "unmade": (
        """
    def __init__(self):
        raise ZeroDivisionError
""",
        "unmade cannot be made: ZeroDivisionError",
    ),
    "unimportable": (
        """
    raise OSError("libgomp.so.1: cannot open shared object file")
""",
        "unimportable cannot be imported: OSError: libgomp.so.1: cannot open shared object file",
    ),
}
# Fails after the fit, beyond the dates that it was calibrated on.
LATE = {
    "endless": (
        """
    def predict(self, panel, origins):
        late = panel.dates[origins] >= np.datetime64(panel.spec.test_start)
        return Forecast(np.where(late, np.inf, 0.0)[:, None] * np.ones(panel.spec.horizon))
""",
        "endless cannot forecast: expected forecasts of endless that are log returns within 300",
    ),
    "lost": (
        """
    def predict(self, panel, origins):
        if (panel.dates[origins] >= np.datetime64(panel.spec.test_start)).any():
            raise IndexError("out of bounds.")
        return super().predict(panel, origins)
""",
        "lost cannot forecast: IndexError: out of bounds",
    ),
}
ALL = {**FAILING, **LATE}


def reason(name: str) -> str:
    """The beginning of the reason of a failing model."""
    return ALL[name][1]


@contextmanager
def dropped_in(folder: Path, names: Collection[str] = tuple(ALL)) -> Iterator[Path]:
    """Failing models among the models of this process; yields the folder of their files."""
    for name in names:
        (folder / f"{name}.py").write_text(HEAD + ALL[name][0], encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "__path__", [*models.__path__, str(folder)])
        importlib.invalidate_caches()
        yield folder
    for name in names:
        sys.modules.pop(f"pricecast.models.{name}", None)
        models.__dict__.pop(name, None)
