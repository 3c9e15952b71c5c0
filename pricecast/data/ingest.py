"""Download of a clean prices table from a source."""

import logging
from typing import Any

import pandas as pd

from pricecast.data import quality, sources
from pricecast.data.sources import Request

_log = logging.getLogger(__name__)


def download(
    request: Request, *, strict: bool = False, allow_splits: bool = False
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Fetch bars, then repair, drop or refuse what is wrong with them, and count it.

    Args:
        request: source, tickers and dates.
        strict: refuse whatever would be repaired or dropped.
        allow_splits: report moves that look like unadjusted splits instead of refusing them.

    Returns:
        The prices table and the quality report, with the source and in lines what its files were taken for.

    Raises:
        InputError: the source has nothing, or the bars are broken beyond repair.
    """
    raw = sources.load(request)
    prices, report = quality.clean(
        raw,
        as_of=request.as_of,
        strict=strict,
        allow_splits=allow_splits,
        until=request.end or (request.as_of if sources.is_live(request.source) else None),
    )
    for finding in report["findings"]:
        _log.info(
            "%s: %d bars %s, for example %s",
            finding["kind"], finding["count"], finding["action"], finding["examples"][0],
        )  # fmt: skip
    return prices, {**report, "source": request.source, sources.RECOGNISED: raw.attrs.get(sources.RECOGNISED, [])}
