"""The Yahoo source against a local server that speaks Yahoo's chart format; nothing leaves 127.0.0.1."""

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest
import tenacity

from pricecast import schema
from pricecast.data import sources
from pricecast.data.quality import clean
from pricecast.data.sources import Request, yahoo
from pricecast.errors import InputError
from tests.support.http_servers import QuietServer

SESSIONS = pd.DatetimeIndex(["2024-06-24", "2024-06-25", "2024-06-26", "2024-06-27", "2024-06-28"])
CLOSES = [10.0, 10.5, 10.2, 10.4, 10.6]
UNKNOWN = (404, {"chart": {"result": None, "error": {"code": "Not Found", "description": "No data found"}}})
LIMITED = (429, "Too Many Requests")
BROKEN = (502, "<html>Bad Gateway</html>")
FAILED = (500, {"finance": {"result": None, "error": {"code": "Internal Server Error"}}})


def chart(symbol, closes=CLOSES, sessions=SESSIONS, zone="America/New_York", adjusted=0.98, **events):
    """A page of /v8/finance/chart: bars stamped with the opening time in UTC seconds."""
    opening = (sessions + pd.Timedelta(hours=9.5)).tz_localize(zone)
    prices = [None if close is None else float(close) for close in closes]
    quote = {
        "open": prices, "low": [p and p * 0.99 for p in prices], "high": [p and p * 1.01 for p in prices],
        "close": prices, "volume": [p and 1000 for p in prices],
    }  # fmt: skip
    meta = {
        "currency": "USD", "symbol": symbol, "exchangeName": "NMS", "instrumentType": "EQUITY",
        "firstTradeDate": 345479400, "regularMarketTime": int(opening[-1].timestamp()), "gmtoffset": -14400,
        "timezone": "EDT", "exchangeTimezoneName": zone, "priceHint": 2, "dataGranularity": "1d", "range": "",
        "validRanges": ["1d", "5d", "1mo", "max"],
    }  # fmt: skip
    result = {
        "meta": meta,
        "timestamp": [int(moment.timestamp()) for moment in opening],
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": [p and p * adjusted for p in prices]}]},
    }
    return 200, {"chart": {"result": [result | ({"events": events} if events else {})], "error": None}}


class Yahoo(BaseHTTPRequestHandler):
    """Answers each ticker with its pages in turn, the last one from then on."""

    pages: dict = {}  # noqa: RUF012
    asked: list = []  # noqa: RUF012

    def do_GET(self):
        parts = urlsplit(self.path)
        ticker = parts.path.rpartition("/")[2]
        self.asked.append((ticker, {key: value[0] for key, value in parse_qs(parts.query).items()}))
        pages = self.pages.get(ticker, [UNKNOWN])
        status, body = pages.pop(0) if len(pages) > 1 else pages[0]
        payload = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address():
    server = QuietServer(Yahoo)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def server(address, monkeypatch):
    """yfinance pointed at the local server: no cookies, no caches on disk, no waiting."""
    import yfinance.base
    import yfinance.cache
    import yfinance.data
    import yfinance.scrapers.history

    Yahoo.pages, Yahoo.asked = {}, []
    point_at(monkeypatch, address)
    monkeypatch.setattr(yfinance.data.YfData, "_get_cookie_and_crumb", lambda *args: (None, "basic"))
    monkeypatch.setattr(yfinance.base, "_tz_info_fetch_ctr", 2)  # no second source of time zones
    monkeypatch.setattr(yfinance.cache._TzCacheManager, "_tz_cache", yfinance.cache._TzCacheDummy())
    monkeypatch.setattr(yahoo, "WAIT", tenacity.wait_none())
    return Yahoo


def point_at(monkeypatch, url):
    import yfinance.base
    import yfinance.scrapers.history

    monkeypatch.setattr(yfinance.base, "_BASE_URL_", url)
    monkeypatch.setattr(yfinance.scrapers.history, "_BASE_URL_", url)


def request(*tickers, start="2024-06-24", end="2024-06-28", as_of="2024-07-01 12:00"):
    dates = [None if text is None else pd.Timestamp(text) for text in (start, end)]
    return Request("yahoo", tickers, dates[0], dates[1], "", pd.Timestamp(as_of), 0)


def refused(asked):
    with pytest.raises(InputError) as caught:
        sources.load(asked)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_bars_arrive_raw_with_the_adjusted_close_beside(server):
    server.pages["MSFT"] = [chart("MSFT")]
    raw = sources.load(request("msft"))
    assert list(raw["date"]) == list(SESSIONS)
    assert list(raw["close"]) == CLOSES
    np.testing.assert_allclose(raw["adj_close"], np.array(CLOSES) * 0.98)
    assert list(raw["volume"]) == [1000] * 5
    _, report = clean(raw, as_of=pd.Timestamp("2024-07-01"), strict=True, allow_splits=False)
    assert report["findings"] == []


def test_the_question_names_every_day_wanted(server):
    server.pages["MSFT"] = [chart("MSFT")]
    sources.load(request("MSFT"))
    _, question = server.asked[-1]
    begin, stop = (
        pd.Timestamp(int(question[key]), unit="s", tz="America/New_York") for key in ("period1", "period2")
    )
    assert (begin, stop) == tuple(pd.Timestamp(day, tz="America/New_York") for day in ("2024-06-24", "2024-06-29"))
    assert question["interval"] == "1d"
    assert question["includePrePost"].lower() == "false"


def test_without_a_start_the_whole_history_is_asked_for(server):
    server.pages["MSFT"] = [chart("MSFT")]
    assert len(sources.load(request("MSFT", start=None, end=None))) == 5
    begin = pd.Timestamp(int(server.asked[-1][1]["period1"]), unit="s")
    assert begin.year == 1927


def test_several_tickers_and_zones(server):
    server.pages["MSFT"] = [chart("MSFT")]
    server.pages["7203.T"] = [chart("7203.T", zone="Asia/Tokyo")]
    raw = sources.load(request("MSFT", "7203.T"))
    assert list(raw["ticker"].unique()) == ["MSFT", "7203.T"]
    assert list(raw.loc[raw["ticker"].eq("7203.T"), "date"]) == list(SESSIONS)


@pytest.mark.parametrize(("as_of", "bars"), [("2024-06-28 15:00", 4), ("2024-06-28 20:00", 5)])
def test_a_bar_whose_session_is_open_is_dropped(server, caplog, as_of, bars):
    server.pages["MSFT"] = [chart("MSFT")]
    with caplog.at_level(logging.WARNING, logger="pricecast"):
        assert len(sources.load(request("MSFT", end=None, as_of=as_of))) == bars
    assert ("dropped the bar of 2024-06-28" in caplog.text) == (bars == 4)


def test_only_unfinished_bars_are_an_error(server):
    server.pages["MSFT"] = [chart("MSFT", CLOSES[-1:], SESSIONS[-1:])]
    assert "only unfinished bars" in refused(request("MSFT", start="2024-06-28", as_of="2024-06-28 15:00"))


def test_a_split_event_changes_no_price(server):
    # Yahoo has divided the earlier prices already; the event must not divide them again.
    when = int(pd.Timestamp("2024-06-26 09:30", tz="America/New_York").timestamp())
    split = {str(when): {"date": when, "numerator": 4, "denominator": 1, "splitRatio": "4:1"}}
    dividend = {str(when): {"date": when, "amount": 0.2}}
    server.pages["MSFT"] = [chart("MSFT", splits=split, dividends=dividend)]
    raw = sources.load(request("MSFT"))
    assert list(raw["close"]) == CLOSES
    assert list(raw.columns) == list(schema.PRICES)
    _, report = clean(raw, as_of=pd.Timestamp("2024-07-01"), strict=True, allow_splits=False)
    assert report["findings"] == []


def test_rows_without_prices_are_left_to_the_quality_rules(server):
    server.pages["MSFT"] = [chart("MSFT", [10.0, None, 10.2, 10.4, 10.6])]
    raw = sources.load(request("MSFT"))
    prices, _ = clean(raw, as_of=pd.Timestamp("2024-07-01"), strict=False, allow_splits=False)
    assert len(prices) == 4


@pytest.mark.parametrize("asked_before", [0, 2])
def test_an_unknown_ticker_is_named_at_once(server, address, monkeypatch, caplog, asked_before):
    # yfinance looks for the time zone of its first unknown tickers in a second place.
    import yfinance.scrapers.quote

    monkeypatch.setattr(yfinance.scrapers.quote, "_QUOTE_SUMMARY_URL_", f"{address}/v10/finance/quoteSummary")
    monkeypatch.setattr(yfinance.scrapers.quote, "_QUERY1_URL_", address)
    monkeypatch.setattr(yfinance.base, "_tz_info_fetch_ctr", asked_before)
    server.pages["MSFT"] = [chart("MSFT")]
    assert "got NOPE" in refused(request("MSFT", "NOPE"))
    assert "Retrying" not in caplog.text


@pytest.mark.parametrize("trouble", [LIMITED, BROKEN, FAILED])
def test_trouble_that_passes_is_retried(server, caplog, trouble):
    # yfinance asks twice at each error, so these are two failures of ours.
    server.pages["MSFT"] = [trouble] * 4 + [chart("MSFT")]
    with caplog.at_level(logging.WARNING, logger="pricecast"):
        assert len(sources.load(request("MSFT"))) == 5
    assert "Retrying" in caplog.text


def test_trouble_between_two_questions_of_one_attempt_is_retried(server):
    server.pages["MSFT"] = [chart("MSFT"), BROKEN, BROKEN, chart("MSFT")]
    assert len(sources.load(request("MSFT"))) == 5


@pytest.mark.parametrize("trouble", [LIMITED, BROKEN, FAILED])
def test_lasting_trouble_ends_after_the_attempts(server, trouble):
    server.pages["MSFT"] = [trouble]
    assert f"after {yahoo.ATTEMPTS} attempts: try again later" in refused(request("MSFT"))
    assert len(server.asked) == 2 * yahoo.ATTEMPTS


def test_no_connection_is_an_error_of_one_line(server, monkeypatch):
    point_at(monkeypatch, "http://127.0.0.1:9")
    assert "try again later" in refused(request("MSFT"))


def test_an_empty_answer_is_an_error(server):
    status, page = chart("MSFT")
    page["chart"]["result"][0].pop("timestamp")
    page["chart"]["result"][0]["indicators"] = {"quote": [{}]}
    server.pages["MSFT"] = [(status, page)]
    assert "got MSFT" in refused(request("MSFT"))
    server.pages["MSFT"] = [chart("MSFT", [None] * 5)]
    assert "got none" in refused(request("MSFT"))


def test_mistakes_that_need_no_network(server):
    assert "--tickers" in refused(request())
    assert "nothing has traded" in refused(request("MSFT", start="2025-01-01", end=None))
    assert server.asked == []
