"""Closes side by side: columns named as tickers, and those among them that may as well be something else."""

import re
from collections.abc import Collection
from pathlib import Path

from pricecast.data.parsing import ticker_of
from pricecast.data.texts.column_names import AmbiguousNamesError, field_of, is_close, is_nameless
from pricecast.text import listed

# Fields that are stocks, too. Beside so many tickers, one of them is no open or low: of which one would it be?
_STOCKS, _MANY = {"OPEN", "LOW"}, 5
# Words for what is computed from prices, or said of them.
_WORDS = {
    "AMOUNT", "AVERAGE", "AVG", "BENCHMARK", "CHANGE", "CHANGES", "CHG", "COUNT", "COUNTRY", "CURRENCY", "DIFF",
    "DIVIDEND", "DIVIDENDS", "EXCHANGE", "INDEX", "INDICATOR", "ISIN", "LOGRET", "MACD", "MARKET", "MARKETCAP",
    "MEAN", "MEDIAN", "MKT", "OPENINT", "PERCENT", "PORTFOLIO", "RANK", "RATIO", "RET", "RETS", "RETURN", "RETURNS",
    "RSI", "SECTOR", "SHARES", "SIGNAL", "SPLIT", "SPLITS", "SPREAD", "STD", "STDEV", "SUM", "TARGET", "TOTAL",
    "TRADES", "TURNOVER", "VARIANCE", "VOLATILITY", "VOLUMES", "VWAP", "WEIGHT", "YIELD",
}  # fmt: skip
_AVERAGE = re.compile(r"(S|E|W|H)?MA_?\d+")  # MA alone is Mastercard
_BARS = ("open", "high", "low", "close", "adj_close", "volume")


def of_closes(
    texts: list[str], date: int, path: Path | str, asked: Collection[str]
) -> dict[int, tuple[str, str]] | None:
    """Return ticker and close by column, where all columns but the date are named as tickers, in upper case.

    Args:
        texts: the names of the columns.
        date: the date's position.
        path: of the file, for messages.
        asked: tickers; a name that may be something else is taken for a ticker only where it is one of them.

    Raises:
        AmbiguousNamesError: none was asked for, and some names may be tickers or something else.
    """
    others = {i: text for i, text in enumerate(texts) if i != date and not is_nameless(text, i)}
    if not all(ticker_of(text) == text and re.search("[A-Z]", text) for text in others.values()):
        return None
    doubtful = {i: text for i, text in others.items() if _is_doubtful(text)}
    if len(others) - len(doubtful) >= _MANY and len(stocks := _STOCKS & {*doubtful.values()}) == len(doubtful):
        doubtful = {i: text for i, text in doubtful.items() if text not in stocks}
    sure = [text for i, text in others.items() if i not in doubtful]
    if _is_long(others, doubtful, sure, asked):
        return None
    if doubtful and not asked:
        raise AmbiguousNamesError(_two_readings(next(iter(doubtful.values())), sure, path))
    return {i: (text, "close") for i, text in others.items() if i not in doubtful or text in asked}


def _is_long(others: dict[int, str], doubtful: dict[int, str], sure: list[str], asked: Collection[str]) -> bool:
    """Return True if the names are the fields of one table, beside what else a table may have."""
    if not sure:
        return not others or not {*doubtful.values()} <= {*asked}
    fields = [text for text in others.values() if field_of(text)]
    has_close = any(map(is_close, fields))
    return has_close and (len(fields) > 1 or (bool(asked) and not {*sure} & {*asked}))


def _is_doubtful(text: str) -> bool:
    parts = [text, *re.split(r"[_.-]", text)]
    is_word = any(part.rstrip("0123456789") in _WORDS or field_of(part) in _BARS for part in parts)
    return is_word or bool(field_of(text) or _AVERAGE.fullmatch(text))


def _two_readings(name: str, tickers: list[str], path: Path | str) -> str:
    field = field_of(name)
    other = f"the {field} of {listed(tickers, 3)}" if field else "no price, but a return or total"
    return (
        f"expected columns of tickers alone beside the date in {path}, got {name}, which is a ticker or {other}: "
        f"ask for the tickers, such as --tickers {','.join(tickers[:3])}, or remove or rename the column"
    )
