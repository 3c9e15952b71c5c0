"""The gallery of file formats: one small table as many programs write it, each with what must come of it.

Everything is made up. docs/your-data.md shows the formats to users; tests/data/test_file_formats.py loads them.
"""

import gzip
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

OHLC = ["open", "high", "low", "close"]
DAYS = pd.DatetimeIndex(
    ["2024-01-11", "2024-01-12", "2024-01-16", "2024-01-17", "2024-02-05", "2024-02-06"]
)  # Monday 15 is a holiday of New York; some days are above the 12th
# Above 1,000 where thousands can be marked, with two decimals.
AAPL = pd.DataFrame(
    {
        "date": DAYS, "ticker": "AAPL",
        "open": [1181.25, 1182.5, 1182.16, 1181.27, 1188.15, 1186.86],
        "high": [1187.05, 1186.74, 1184.26, 1182.93, 1189.25, 1189.31],
        "low": [1179.15, 1181.19, 1180.93, 1180.3, 1185.84, 1186.05],
        "close": [1185.59, 1185.92, 1183.63, 1182.68, 1187.68, 1189.3],
        "volume": [49128400.0, 40444700.0, 65603000.0, 47317400.0, 69668800.0, 43490800.0],
    }
)  # fmt: skip
MSFT = AAPL.assign(ticker="MSFT", **{name: AAPL[name] * 2 for name in OHLC}, volume=AAPL["volume"] + 100)
BOTH = pd.concat([AAPL, MSFT], ignore_index=True)
BARS, CLOSES = [*OHLC, "volume"], ["close"]


@dataclass(frozen=True)
class Format:
    """A format of files.

    Attributes:
        what: it is.
        name: of the file.
        make: its content.
        fields: that must come of it, and no others.
        table: that they must equal; None where it must be refused.
        says: words of what is logged or of the refusal.
        tickers: asked for.
    """

    what: str
    name: str
    make: Callable[[], bytes]
    fields: list[str] | None = None
    table: pd.DataFrame | None = None
    says: str = ""
    tickers: tuple[str, ...] = ()


def rows(
    table=AAPL,
    *,
    date="%Y-%m-%d",
    point=".",
    thousands="",
    dollar="",
    unit="",
    names=("Date", "Open", "High", "Low", "Close", "Volume"),
    fields=("date", *OHLC, "volume"),
    mark=",",
    newest_first=False,
    header=True,
):
    """The table as text."""
    lines = [mark.join(names)] if header else []
    for row in (table[::-1] if newest_first else table).to_dict("records"):
        cells = []
        for field in fields:
            if field == "date":
                cell = date(row["date"]) if callable(date) else row["date"].strftime(date)
            elif field == "volume":
                cell = f"{row['volume']:,.0f}".replace(",", thousands)
            elif field in OHLC:
                cell = dollar + f"{row[field]:,.2f}".replace(",", "_").replace(".", point).replace("_", thousands)
                cell += unit
            else:
                cell = str(row.get(field, field))
            cells.append(f'"{cell}"' if mark in cell else cell)
        lines.append(mark.join(cells))
    return "\n".join(lines) + "\n"


def text(content, encoding="utf-8"):
    return lambda: content.encode(encoding)


def zipped(**contents):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name.replace("__", "."), content)
    return target.getvalue()


def beside(*names):
    """Closes of AAPL beside columns of the same numbers under other names."""
    return rows(names=("DATE", "AAPL", *names), fields=("date", "close", *["close"] * len(names)))


def since_1970(factor, hours=0):
    return lambda day: str(int((day.value / 1e9 + hours * 3600) * factor))


def short(volume):
    return f"{volume / 1e6:.4f}M" if volume > 5e7 else f"{volume / 1e3:.1f}K"


def wide(fields, name, first="Date"):
    """One column for a ticker and field, with names by a function of both."""
    header = [first, *(name(ticker, field) for ticker in ("AAPL", "MSFT") for field in fields)]
    lines = [",".join(f'"{cell}"' if "," in cell else cell for cell in header)]
    for i, day in enumerate(DAYS):
        cells = [f"{table[field].iloc[i]:.2f}" for table in (AAPL, MSFT) for field in fields]
        lines.append(",".join([f"{day:%Y-%m-%d}", *cells]))
    return "\n".join(lines) + "\n"


def levels(*, ticker_first=False, blank_label=False):
    """As yfinance.download(...).to_csv() writes it."""
    pairs = [(field, ticker) for field in ("close", "high", "low", "open", "volume") for ticker in ("AAPL", "MSFT")]
    fields = ["" if blank_label else "Price", *(field.title() for field, _ in pairs)]
    tickers = ["Ticker", *(ticker for _, ticker in pairs)]
    lines = [tickers, fields] if ticker_first else [fields, tickers]
    lines.append(["Date", *([""] * len(pairs))])
    for i, day in enumerate(DAYS):
        of = {"AAPL": AAPL, "MSFT": MSFT}
        lines.append([f"{day:%Y-%m-%d}", *(repr(float(of[ticker][field].iloc[i])) for field, ticker in pairs)])
    return "\n".join(map(",".join, lines)) + "\n"


def frame_of_levels(*, ticker_first=False):
    """As yfinance.download returns it."""
    wanted = BOTH.pivot(index="date", columns="ticker", values=BARS)
    wanted.columns = wanted.columns.set_names(["Price", "Ticker"]).set_levels(
        ["Open", "High", "Low", "Close", "Volume"], level=0
    )
    wanted.index.name = "Date"
    return wanted.swaplevel(axis=1).sort_index(axis=1) if ticker_first else wanted


def parquet(frame):
    target = io.BytesIO()
    frame.to_parquet(target)
    return target.getvalue()


def investing():
    lines = ['"Date","Price","Open","High","Low","Vol.","Change %"']
    for row in AAPL[::-1].itertuples():
        cells = [f"{row.date:%b %d, %Y}", *(f"{x:,.2f}" for x in (row.close, row.open, row.high, row.low))]
        lines.append(",".join(f'"{cell}"' for cell in [*cells, short(row.volume), "-0.52%"]))
    return "\n".join(lines) + "\n"


def binance(header):
    lines = ["open_time,open,high,low,close,volume,close_time,quote_volume,count,a,b,ignore"] if header else []
    for row in AAPL.itertuples():
        start = row.date.value // 10**6
        lines.append(
            f"{start},{row.open},{row.high},{row.low},{row.close},{row.volume},{start + 86_399_999},1.5,9,1,1,0"
        )
    return "\n".join(lines) + "\n"


def stooq_bulk():
    lines = ["<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>"]
    for row in AAPL.itertuples():
        lines.append(
            f"AAPL.US,D,{row.date:%Y%m%d},000000,{row.open},{row.high},{row.low},{row.close},{row.volume},0"
        )
    return "\n".join(lines) + "\n"


def with_lines(after, *lines, content=None):
    """Lines put in after a line of the plain text; -1 for its end."""
    every = (content or rows()).splitlines()
    place = len(every) if after < 0 else after
    return "\n".join([*every[:place], *lines, *every[place:]]) + "\n"


def excel(header_row=0, footer=()):
    target = io.BytesIO()
    table = AAPL.drop(columns="ticker").rename(columns=str.title)
    with pd.ExcelWriter(target, engine="openpyxl") as writer:
        table.to_excel(writer, index=False, startrow=header_row, sheet_name="Prices")
        sheet = writer.sheets["Prices"]
        for i in range(header_row):
            sheet.cell(row=i + 1, column=1, value="Apple Inc.")
        for cell in footer:
            sheet.append([cell])
    return target.getvalue()


SEMICOLON = {"mark": ";", "point": ",", "date": "%d.%m.%Y"}
STOOQ_POLISH = ("Data", "Otwarcie", "Najwyzszy", "Najnizszy", "Zamkniecie", "Wolumen")
NO_VOLUME = {"names": ("Date", "Open", "High", "Low", "Close"), "fields": ("date", *OHLC)}
CLOSE = {"names": ("Date", "Close"), "fields": ("date", "close")}
EXCEL = {
    "excel": Format("a workbook of Excel", "AAPL.xlsx", excel, BARS, AAPL, "Excel"),
    "excel_titles": Format("with titles above", "AAPL.xlsx", lambda: excel(3), BARS, AAPL, "Excel"),
    "excel_footer": Format("with a footer", "AAPL.xlsx", lambda: excel(0, ["Source: nobody"]), BARS, AAPL, "Excel"),
}
FORMATS: dict[str, Format] = {
    "plain": Format("a plain table", "AAPL.csv", text(rows()), BARS, AAPL, "comma; 6 bars of AAPL"),
    "semicolon": Format("semicolons", "AAPL.csv", text(rows(mark=";")), BARS, AAPL, "semicolon"),
    "tab": Format("tabs", "AAPL.tsv", text(rows(mark="\t")), BARS, AAPL, "tab"),
    "bar": Format("bars", "AAPL.txt", text(rows(mark="|")), BARS, AAPL, "bar"),
    "european": Format(
        "semicolons, decimal commas, day first", "AAPL.csv", text(rows(**SEMICOLON)), BARS, AAPL,
        "semicolon, dates day-first, decimal comma",
    ),
    "european_thousands": Format(
        "thousands marked with points", "AAPL.csv", text(rows(**SEMICOLON, thousands=".")), BARS, AAPL,
        "decimal comma, thousands marked",
    ),
    "swiss": Format("thousands marked with apostrophes", "AAPL.csv", text(rows(thousands="'")), BARS, AAPL),
    "french": Format(
        "thousands marked with thin spaces", "AAPL.csv", text(rows(**SEMICOLON, thousands="\u202f")), BARS, AAPL
    ),
    "quoted_comma": Format(
        "decimal commas in quotes between commas", "AAPL.csv", text(rows(point=",")), BARS, AAPL, "decimal comma"
    ),
    "thousands": Format(
        "thousands in quotes", "AAPL.csv", text(rows(thousands=",")), BARS, AAPL, "thousands marked"
    ),
    "dollar": Format("dollars", "AAPL.csv", text(rows(dollar="$")), BARS, AAPL),
    "month_first": Format(
        "the month first", "AAPL.csv", text(rows(date="%m/%d/%Y")), BARS, AAPL, "dates month-first"
    ),
    "day_first": Format("the day first", "AAPL.csv", text(rows(date="%d/%m/%Y")), BARS, AAPL, "dates day-first"),
    "month_names": Format("months by name", "AAPL.csv", text(rows(date="%d-%b-%Y")), BARS, AAPL),
    "weekday_names": Format("days by name", "AAPL.csv", text(rows(date="%A, %B %d, %Y")), BARS, AAPL),
    "compact": Format("dates as digits", "AAPL.csv", text(rows(date="%Y%m%d")), BARS, AAPL),
    "metatrader": Format(
        "MetaTrader 5", "AAPL.csv",
        text(rows(date="%Y.%m.%d", mark="\t", names=("<DATE>", "<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<VOL>"))),
        BARS, AAPL, "tab",
    ),
    "seconds": Format("seconds since 1970", "AAPL.csv", text(rows(date=since_1970(1))), BARS, AAPL, "since 1970"),
    "milliseconds": Format("milliseconds", "AAPL.csv", text(rows(date=since_1970(1e3))), BARS, AAPL, "since 1970"),
    "tradingview": Format(
        "TradingView: the opening of each session in seconds", "NASDAQ_AAPL, 1D.csv",
        text(rows(date=since_1970(1, 14.5), names=("time", *OHLC, "Volume"))), BARS, AAPL, "since 1970",
    ),
    "berlin_midnights": Format(
        "midnights of Berlin in seconds", "AAPL.csv", text(rows(date=since_1970(1, -1))), BARS, AAPL,
        "of the day that follows in the east",
    ),
    "berlin_midnights_iso": Format(
        "midnights of Berlin, written in UTC", "AAPL.csv",
        text(rows(date=lambda day: f"{day - pd.Timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}")), BARS, AAPL,
        "of the day that follows in the east",
    ),
    "zones": Format(
        "local times with their offset", "AAPL.csv", text(rows(date="%Y-%m-%d 00:00:00-05:00")), BARS, AAPL
    ),
    "descending": Format("the newest first", "AAPL.csv", text(rows(newest_first=True)), BARS, AAPL, "newest first"),
    "bom": Format("a byte order mark", "AAPL.csv", text(rows(), "utf-8-sig"), BARS, AAPL),
    "utf_16": Format("UTF-16", "AAPL.txt", text(rows(mark="\t"), "utf-16"), BARS, AAPL, "UTF-16, tab"),
    "utf_16_unmarked": Format("UTF-16 without a mark", "AAPL.csv", text(rows(), "utf-16-le"), BARS, AAPL, "UTF-16"),
    "windows": Format("line ends of Windows", "AAPL.csv", text(rows().replace("\n", "\r\n")), BARS, AAPL),
    "old_mac": Format("line ends of old Macs", "AAPL.csv", text(rows().replace("\n", "\r")), BARS, AAPL),
    "gzip": Format("gzip", "AAPL.csv.gz", lambda: gzip.compress(rows().encode()), BARS, AAPL, "gzip, comma"),
    "zip": Format("zip", "AAPL.zip", lambda: zipped(AAPL__csv=rows()), BARS, AAPL, "zip, comma"),
    "zip_named_within": Format(
        "a zip file of another name", "download.zip", lambda: zipped(AAPL__csv=rows()), BARS, AAPL, "6 bars of AAPL"
    ),
    "zip_of_data": Format(
        "a zip file of a text that tells no name", "AAPL.zip", lambda: zipped(data__csv=rows()), BARS, AAPL,
        "6 bars of AAPL",
    ),
    "zip_of_nothing": Format(
        "a zip file that tells no name at all", "download.zip",
        lambda: zipped(HistoricalData_1700000000000__csv=rows()), says="name the file after its ticker",
    ),
    "index": Format(
        "an index in front", "AAPL.csv",
        text(rows(names=("", "Date", *map(str.title, OHLC), "Volume"), fields=("7", "date", *OHLC, "volume"))),
        BARS, AAPL,
    ),
    "index_of_dates": Format(
        "dates as an index without a name", "AAPL.csv",
        text(rows(names=("", *map(str.title, OHLC), "Volume"))), BARS, AAPL,
    ),
    "footer": Format(
        "lines below the bars", "AAPL.csv",
        text(with_lines(-1, "", "* Close adjusted for splits.", "Source: nobody, 2024", "Download,1/2")), BARS,
        AAPL, "left out 4 lines below the bars",
    ),
    "summary": Format(
        "a row of averages at the end", "AAPL.csv", text(with_lines(-1, "Average,1,2,3,4,5")), BARS, AAPL,
        "left out 1 lines below the bars",
    ),
    "nulls": Format(
        "a row of null", "AAPL.csv", text(with_lines(3, "2024-01-13,null,null,null,null,null")), BARS, AAPL
    ),
    "dividends": Format(
        "dividends and splits among the rows, as on Yahoo's pages", "AAPL.csv",
        text(with_lines(3, "2024-01-12,0.24 Dividend", "2024-01-12,4:1 Stock Splits,,,,")), BARS, AAPL,
        "left out 2 dividends or splits",
    ),
    "event_columns": Format(
        "columns of dividends and splits", "AAPL.csv",
        text(rows(names=("Date", *map(str.title, OHLC), "Volume", "Dividends", "Stock Splits"),
                  fields=("date", *OHLC, "volume", "0.0", "0.0"))), BARS, AAPL,
    ),
    "percent": Format(
        "a column of percents", "AAPL.csv",
        text(rows(names=("Date", *map(str.title, OHLC), "Volume", "Change %"),
                  fields=("date", *OHLC, "volume", "-0.5%"))), BARS, AAPL,
    ),
    "yfinance": Format("yfinance's lines of names", "prices.csv", text(levels()), BARS, BOTH, "3 lines of names"),
    "yfinance_by_ticker": Format(
        "the same by ticker", "prices.csv", text(levels(ticker_first=True)), BARS, BOTH, "3 lines of names"
    ),
    "yfinance_old": Format("the same of 2023", "prices.csv", text(levels(blank_label=True)), BARS, BOTH),
    "yfinance_long": Format(
        "yfinance's table, stacked", "prices.csv",
        text(rows(BOTH, names=("Date", "Ticker", *map(str.title, OHLC), "Volume"),
                  fields=("date", "ticker", *OHLC, "volume"))), BARS, BOTH, "12 bars of AAPL, MSFT",
    ),
    "yfinance_parquet": Format(
        "yfinance's table as parquet", "prices.parquet", lambda: parquet(frame_of_levels()), BARS, BOTH, "wide"
    ),
    "stooq": Format("Stooq's web download", "aapl_d.csv", text(rows()), BARS, AAPL),
    "stooq_polish": Format("the same in Polish", "aapl_d.csv", text(rows(names=STOOQ_POLISH)), BARS, AAPL),
    "stooq_bulk": Format(
        "Stooq's bulk files", "aapl.us.txt", text(stooq_bulk()), BARS, AAPL.assign(ticker="AAPL.US")
    ),
    "nasdaq": Format(
        "Nasdaq.com", "HistoricalData_1700000000000.csv",
        text(rows(date="%m/%d/%Y", dollar="$", newest_first=True, names=("Date", "Close/Last", "Volume", "Open",
                  "High", "Low"), fields=("date", "close", "volume", "open", "high", "low"))), BARS, AAPL,
        "close from Close/Last", tickers=("AAPL",),
    ),
    "nasdaq_nameless": Format(
        "the same without a ticker", "HistoricalData_1700000000000.csv", text(rows()),
        says="name the file after its ticker",
    ),
    "investing": Format(
        "Investing.com", "AAPL Historical Data.csv", text(investing()), BARS, AAPL, "close from Price"
    ),
    "binance": Format("Binance's klines", "AAPL-1d-2024-01.csv", text(binance(True)), BARS, AAPL),
    "binance_headless": Format(
        "Binance's klines without names", "AAPL-1d-2024-01.csv", text(binance(False)), BARS, AAPL, "klines"
    ),
    "alpha_vantage": Format(
        "Alpha Vantage", "daily_AAPL.csv",
        text(rows(names=("timestamp", *(f"{i}. {name}" for i, name in enumerate([*OHLC, "volume"], 1))),
                  newest_first=True)), BARS, AAPL,
    ),
    "quandl": Format(
        "Quandl", "prices.csv",
        text(rows(BOTH, names=("ticker", "date", *OHLC, "volume", "ex-dividend", "split_ratio", "adj_open"),
                  fields=("ticker", "date", *OHLC, "volume", "0.0", "1.0", "7"))), BARS, BOTH,
    ),
    "quandl_nse": Format(
        "Quandl's table of India", "AAPL.csv",
        text(rows(names=("Date", "Open", "High", "Low", "Last", "Close", "Total Trade Quantity", "Turnover (Lacs)"),
                  fields=("date", "open", "high", "low", "7", "close", "volume", "9"))), BARS, AAPL,
    ),
    "ariva": Format(
        "German names", "AAPL.csv",
        text(rows(**SEMICOLON, names=("Datum", "Erster", "Hoch", "Tief", "Schlusskurs", "Stuecke"))), BARS, AAPL,
    ),
    "umlauts": Format(
        "German names with umlauts, and a turnover beside the volume", "AAPL.csv",
        text(rows(**SEMICOLON, thousands=".", names=("Datum", "Er\u00f6ffnung", "Hoch", "Tief", "Schluss",
                  "St\u00fcck", "Volumen"), fields=("date", *OHLC, "volume", "7"))), BARS, AAPL,
        "close from Schluss, volume from St\u00fcck",
    ),
    "umlauts_apart": Format(
        "the same with the dots as characters of their own", "AAPL.csv",
        text(rows(**SEMICOLON, names=("Datum", "Ero\u0308ffnung", "Hoch", "Tief", "Schluss", "Stu\u0308ck"))), BARS,
        AAPL, "volume from Stu\u0308ck",
    ),
    "polish_accents": Format(
        "Polish names with accents", "AAPL.csv",
        text(rows(names=("Data", "Otwarcie", "Najwy\u017cszy", "Najni\u017cszy", "Zamkni\u0119cie", "Wolumen"))),
        BARS, AAPL, "volume from Wolumen",
    ),
    "volumen": Format(
        "a volume by a longer name", "AAPL.csv", text(rows(names=(*NO_VOLUME["names"], "Volumen"))), BARS, AAPL,
        "volume from Volumen",
    ),
    **{
        f"volume_{name.split()[-1].strip('()')}": Format(
            f"no volume but {name}", "AAPL.csv", text(rows(names=(*NO_VOLUME["names"], name))), OHLC, AAPL,
            f"no volume, as it may be {name}: rename it to volume;",
        )
        for name in ("Volume MA", "Volume USD", "Volume (\u20ac)", "Volume (20)", "Volume Change")
    },
    "euros_behind": Format(
        "euros behind the numbers", "AAPL.csv",
        text(rows(**SEMICOLON, **NO_VOLUME, thousands=".", unit=" \u20ac")),
        OHLC, AAPL, "decimal comma, thousands marked",
    ),
    "euros_behind_unbroken": Format(
        "the same, after spaces that do not break", "AAPL.csv",
        text(rows(**SEMICOLON, **NO_VOLUME, unit="\u00a0\u20ac")), OHLC, AAPL, "decimal comma",
    ),
    "no_volume": Format("no volume", "AAPL.csv", text(rows(**NO_VOLUME)), OHLC, AAPL, "no volume"),
    "close_only": Format(
        "closes alone", "AAPL.csv", text(rows(**CLOSE)), CLOSES, AAPL, "no open, high and low, no volume"
    ),
    "close_and_volume": Format(
        "closes and volumes", "AAPL.csv",
        text(rows(names=("Date", "Price", "Volume"), fields=("date", "close", "volume"))), ["close", "volume"],
        AAPL, "no open, high and low",
    ),
    "adjusted_only": Format(
        "adjusted closes alone", "AAPL.csv", text(rows(names=("Date", "Adj Close"), fields=("date", "close"))),
        CLOSES, AAPL, "close from Adj Close",
    ),
    "fred": Format(
        "FRED", "prices.csv", text(rows(names=("observation_date", "AAPL"), fields=("date", "close"))), CLOSES,
        AAPL, "wide",
    ),
    "wide": Format(
        "one column a ticker", "prices.csv", text(wide(CLOSES, lambda ticker, _: ticker)), CLOSES, BOTH,
        "wide, a close for each ticker",
    ),
    "wide_index": Format(
        "the same with dates as an index", "prices.csv", text(wide(CLOSES, lambda ticker, _: ticker, "")), CLOSES,
        BOTH, "wide",
    ),
    "quantmod": Format(
        "R's quantmod", "prices.csv", text(wide(BARS, lambda ticker, field: f"{ticker}.{field.title()}", "")), BARS,
        BOTH, "wide, columns for each ticker",
    ),
    "pandas_wide": Format(
        "names of field and ticker", "prices.csv", text(wide(BARS, lambda ticker, field: f"{field}_{ticker}")),
        BARS, BOTH, "wide",
    ),
    "tuples": Format(
        "two levels as pandas flattens them", "prices.csv",
        text(wide(BARS, lambda ticker, field: f"('{field.title()}', '{ticker}')")), BARS, BOTH, "wide",
    ),
    "wide_asked": Format(
        "a ticker beside a volume, asked for", "prices.csv", text(beside("VOLUME")), CLOSES, AAPL, "wide",
        tickers=("AAPL",),
    ),
    "wide_low_of_many": Format(
        "a stock named as a field, beside many", "prices.csv", text(beside("MSFT", "IBM", "GE", "LOW", "KO")),
        CLOSES, pd.concat([AAPL.assign(ticker=name) for name in ("AAPL", "GE", "IBM", "KO", "LOW", "MSFT")]),
        "wide",
    ),
    "ecb": Format(
        "commas that end all lines, as of the ECB", "eurofxref-hist.csv",
        text("".join(f"{line},\n" for line in wide(CLOSES, lambda ticker, _: ticker).splitlines())), CLOSES, BOTH,
        "wide, a close for each ticker",
    ),
    "upper_case": Format(
        "names in upper case, with others that nothing needs", "AAPL.csv",
        text(rows(names=("DATE", "CLOSE", "VOLUME", "XYZ"), fields=("date", "close", "volume", "7"))),
        ["close", "volume"], AAPL, "comma",
    ),
    # Refused, each in one line.
    **{
        f"wide_{name.lower()}": Format(
            f"a ticker beside {name}", "prices.csv", text(beside(name)),
            says=f"got {name}, which is a ticker or {says}",
        )
        for name, says in {
            "VOLUME": "the volume of AAPL", "VOL": "the volume of AAPL", "HIGH": "the high of AAPL",
            "LOW": "the low of AAPL", "OPEN": "the open of AAPL", "CLOSE": "the close of AAPL",
            "RETURN": "no price", "RET_1D": "no price", "CHANGE": "no price", "SUM": "no price",
            "TOTAL": "no price", "INDEX": "no price", "SMA20": "no price", "AAPL_VOLUME": "no price",
        }.items()
    },
    "nameless": Format(
        "a column of numbers without a name", "prices.csv", text(beside("")), says="got none above column 3: add it"
    ),
    "ambiguous_dates": Format(
        "days and months up to 12 that nothing tells apart", "AAPL.csv",
        text("Date,Close\n03/04/2023,1.5\n05/06/2023,1.6\n"), says="which is 2023-04-03 or 2023-03-04",
    ),
    "ambiguous_numbers": Format(
        "commas before three digits", "AAPL.csv", text('Date,Close\n2024-01-11,"1,234"\n2024-01-12,"1,250"\n'),
        says="which is 1234 or 1.234",
    ),
    "ambiguous_moments": Format(
        "moments in UTC of two days", "AAPL.csv", text("Date,Close\n1704927600,1.5\n1705014000,1.6\n"),
        says="which is 2024-01-10 or 2024-01-11",
    ),
    "two_formats": Format(
        "decimal points beside decimal commas", "AAPL.csv", text("Date;Close\n2024-01-11;1,5\n2024-01-12;1.6\n"),
        says="numbers of one format",
    ),
    "short_years": Format(
        "years of two digits, at the end", "AAPL.csv", text(rows(date="%d.%m.%y")), BARS, AAPL, "dates day-first",
    ),
    "wsj": Format(
        "The Wall Street Journal", "AAPL.csv",
        text(rows(date="%m/%d/%y", newest_first=True, **NO_VOLUME, mark=", ")), OHLC, AAPL, "dates month-first",
    ),
    "short_years_first": Format(
        "years of two digits, in front", "AAPL.csv", text(rows(date="%y.%m.%d")), says="a year of two digits"
    ),
    "months_or_days": Format(
        "the first of each month, day first, or twelve days of January", "AAPL.csv",
        text("Date,Close\n" + "".join(f"01/{month:02d}/2024,{month}.5\n" for month in range(1, 13))),
        says="got '01/02/2024' in row 2, which is 2024-02-01 or 2024-01-02",
    ),
    "serials": Format(
        "serial numbers of Excel", "AAPL.csv",
        text(rows(date=lambda day: str((day - pd.Timestamp("1899-12-30")).days))), says="serial number of Excel",
    ),
    "headless": Format(
        "no names", "AAPL.csv", text(rows(header=False)), says="a first line with the names of the columns"
    ),
    "half_a_range": Format(
        "highs and lows without an open", "AAPL.csv",
        text(rows(names=("Date", "High", "Low", "Close"), fields=("date", "high", "low", "close"))),
        says="missing: open",
    ),
    "zip_of_two": Format(
        "two texts in a zip file", "AAPL.zip", lambda: zipped(AAPL__csv=rows(), MSFT__csv=rows()),
        says="unpack it into a folder",
    ),
    "intraday": Format(
        "bars of hours", "AAPL.csv",
        text("Date,Close\n2024-01-11 10:00,1.5\n2024-01-11 11:00,1.6\n2024-01-12 10:00,1.5\n"),
        says="aggregate intraday bars",
    ),
    "previous_close": Format(
        "another close than the day's", "prices.csv",
        text(rows(names=("Date", "Prev Close", "VWAP"), fields=("date", "close", "7"))), says="missing: close",
    ),
}  # fmt: skip
