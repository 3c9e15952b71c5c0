"""Tickers, and values and lists of the user's as they stand in a message."""

import pytest

from pricecast.errors import InputError
from pricecast.text import listed, parse_ticker, short


@pytest.mark.parametrize(
    "ticker",
    [
        "^GSPC", "BRK-B", "EURUSD=X", "BTC-USD", "0700.HK", "NASDAQ:ABEO", "BRK_B", "M&M.NS",
        "NIFTY_FIN_SERVICE.NS", "GC=F", "^NSEI", "ABR_D.US", "J&KBANK.NS", "GVT&D.NS", "DX-Y.NYB", "0P0000XYZ.L",
        "005930.KS", "^N225", "AAPL240119C00100000", "DATE", "NULL", "CON", "A",
    ],
)  # fmt: skip
def test_tickers_of_every_market_are_taken_in_any_case(ticker):
    assert parse_ticker(f" {ticker.lower()} ") == ticker


@pytest.mark.parametrize("text", [
    "", "A B", "A;B", "$(x)", "../x", "-A", "A\nB", "Ä", "A" * 25, "\u202eA", "A\0", "_A", "&A", ".A", "=A", "A/B",
    "A\\B", "A'B", 'A"B', "A`B", "A|B", "A>B", "A<B", "A*", "A%B", "A#B", "A+B", "A,B", "A\uff06B", "A\uff3fB",
    "\u0410APL", "\u0391APL", "\uff21APL", "AAP\u0131", "7\u0660", None, 7,
])  # fmt: skip
def test_anything_else_is_no_ticker(text):
    with pytest.raises(InputError, match="expected a ticker"):
        parse_ticker(text)


def test_a_long_list_is_cut_and_says_how_many_follow():
    tickers = [f"T{i}" for i in range(11)]
    assert listed(tickers) == "T0, T1, T2, T3, T4, T5, T6, T7 and 3 more"
    assert listed(tickers[:8]) == "T0, T1, T2, T3, T4, T5, T6, T7"
    assert listed(iter(tickers), 2) == "T0, T1 and 9 more"
    assert listed([]) == ""


def test_a_long_value_is_cut_and_says_how_long_it_was():
    assert short("A" * 38) == repr("A" * 38)
    assert short("A" * 50) == f"'{'A' * 39}... (52 characters)"
    assert short([1, 2]) == "[1, 2]"
