"""The sample that comes with the package bokeh_sampledata: AAPL, FB, GOOG, IBM and MSFT, 2000 to 2013.

Public-domain daily bars, open to close as quoted on the day, with an adjusted close.
"""

import pandas as pd

from pricecast.data.sources import Request

LIVE = False
TAKES_PATH = False
TICKERS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")


def fetch(request: Request) -> pd.DataFrame:
    """Return all bars of the sample, or AAPL's where no ticker is asked for."""
    from bokeh_sampledata import stocks

    tickers = TICKERS if request.tickers else TICKERS[:1]
    frames = [pd.DataFrame(getattr(stocks, ticker)).assign(ticker=ticker) for ticker in tickers]
    bars = pd.concat(frames, ignore_index=True)
    return bars.assign(date=pd.to_datetime(bars["date"], format="%Y-%m-%d"))
