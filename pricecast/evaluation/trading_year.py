"""Number of days in a year on which tickers trade, counted from their own dates."""

import numpy as np
import pandas as pd

CALENDAR_YEAR = 365.25
# Sessions of a year by days of the week: exchanges close on some 9 holidays, markets without a weekend on none.
SESSIONS = {5: 252.0, 6: 302.4, 7: 365.0}


def days_a_year(table: pd.DataFrame) -> float:
    """Count the days of a year on which at least one ticker trades.

    Cutoffs may be missing: a bar stands for the days from its cutoff to its date, and all bars together for the
    days that at least one of them covers. Where that is less than a year, holidays and the ends of weeks would
    count too much or too little: then it is the number of sessions that is usual for the days of the week on which
    each ticker trades regularly. A special session on a Saturday is none of these.

    Args:
        table: `ticker`, and `cutoff` and `date` of its forecasts one day ahead.

    Returns:
        About 252 for stocks, 365 for coins, and 365 for both together, as some of them trade on any day.
    """
    start, end = (table[name].to_numpy().astype("datetime64[D]").astype(int) for name in ("cutoff", "date"))
    order = np.argsort(start, kind="stable")
    start, end = start[order], end[order]
    seen = np.maximum.accumulate(np.append(start[:1], end[:-1]))
    covered = np.maximum(end - np.maximum(start, seen), 0).sum()
    if covered >= CALENDAR_YEAR:
        return float(CALENDAR_YEAR * len(np.unique(end)) / covered)
    return SESSIONS[_days_a_week(table)]


def _days_a_week(table: pd.DataFrame) -> int:
    """Count the days of the week on which any ticker trades regularly: at least every other week; 5 to 7."""
    counts = pd.crosstab(table["ticker"], pd.DatetimeIndex(table["date"]).dayofweek).reindex(
        columns=range(7), fill_value=0
    )
    regular = counts.ge(counts.max(axis=1) / 2, axis=0).any().to_numpy()
    if regular[5:].all():
        return 7
    return 6 if regular[5:].any() and regular[:5].all() else 5
