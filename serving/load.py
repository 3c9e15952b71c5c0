"""The one way from a bundle to a forecaster: check it, then read it with the installed library."""

from pathlib import Path

from pricecast.errors import InputError
from pricecast.forecasting.forecaster import Forecaster
from serving.check import check, forecaster_folder
from serving.untrusted import odd


def load(folder: Path) -> Forecaster:
    """Check a bundle or a forecaster folder, and load the forecaster; no code of a bundle is executed.

    Raises:
        InputError: `check` refuses the folder, or its content makes no forecaster.
    """
    check(folder)
    try:
        return Forecaster.load(forecaster_folder(folder))
    except InputError:
        raise
    # Whatever a library stumbles over in data that somebody else wrote, the answer is the same.
    except Exception as error:
        raise odd(folder, f"{type(error).__name__}: {error}") from error
