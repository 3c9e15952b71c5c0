"""Markets by the spelling of a ticker: codes of Yahoo and Stooq against the names of exchange_calendars.

Sources: Yahoo's suffixes as its page "Exchanges and data providers on Yahoo Finance" lists them
(https://help.yahoo.com/kb/SLN2310.html), with those of yfinance 1.7 (`yfinance.const`); Stooq's as in its list of
symbols (https://stooq.com/t/) and its files; names and aliases of exchange_calendars 4.13
(https://github.com/gerrymanoim/exchange_calendars). Exchanges without a calendar there have the days of their week.
"""

ALWAYS, WEEKDAYS = "24/7", "24/5"  # their days, until midnight UTC; names of exchange_calendars, too
SUFFIXES = {
    # Yahoo, America
    "BA": "XBUE", "SA": "BVMF", "CN": "XTSE", "NE": "XTSE", "TO": "XTSE", "V": "XTSE", "SN": "XSGO",
    "CL": "XBOG",
    "MX": "XMEX", "LM": "XLIM", "OB": "XNYS", "PK": "XNYS",
    "CBT": "us_futures", "CME": "us_futures", "CMX": "us_futures", "NYM": "us_futures", "NYB": "us_futures",
    # Yahoo, Europe
    "VI": "XWBO", "BR": "XBRU", "PR": "XPRA", "CO": "XCSE", "TL": "XTAL", "XD": "XLON", "NX": "XPAR",
    "HE": "XHEL",
    "PA": "XPAR", "BE": "XFRA", "BM": "XFRA", "DU": "XDUS", "F": "XFRA", "HM": "XHAM", "HA": "XFRA",
    "MU": "XFRA",
    "SG": "XSTU", "DE": "XETR", "AT": "ASEX", "BD": "XBUD", "IC": "XICE", "IR": "XDUB", "MI": "XMIL",
    "TI": "XMIL",
    "RG": "XRIS", "VS": "XLIT", "AS": "XAMS", "OL": "XOSL", "WA": "XWAR", "LS": "XLIS", "RO": "XBSE",
    "ME": "XMOS",
    "MC": "XMAD", "ST": "XSTO", "SW": "XSWX", "VX": "XSWX", "IS": "XIST", "AQ": "XLON", "XC": "XLON",
    "L": "XLON",
    "IL": "XLON",
    # Yahoo, Asia, Africa and Oceania
    "AX": "XASX", "XA": "XASX", "NZ": "XNZE", "SS": "XSHG", "SZ": "XSHG", "SH": "XSHG", "HK": "XHKG",
    "BO": "XBOM",
    "NS": "XBOM", "JK": "XIDX", "TA": "XTAE", "T": "XTKS", "S": "XTKS", "KL": "XKLS", "KA": "XKAR",
    "PS": "XPHS",
    "SR": "XSAU", "SAU": "XSAU", "SI": "XSES", "JO": "XJSE", "KS": "XKRX", "KQ": "XKRX", "TW": "XTAI",
    "TWO": "XTAI",
    "BK": "XBKK",
    # Stooq
    "US": "XNYS", "UK": "XLON", "JP": "XTKS", "HU": "XBUD", "PL": "XWAR",
}  # fmt: skip
# Stooq's meaning of a suffix that Yahoo uses as well: crypto, futures.
OTHER_SUFFIXES = {"V": ALWAYS, "F": "us_futures", "C": "us_futures"}
SUN_THU, MON_FRI = "Sun Mon Tue Wed Thu", "Mon Tue Wed Thu Fri"
# Kuwait, Qatar, Egypt, Dubai and Abu Dhabi (Friday was closed until 2021), Vietnam, Venezuela, Sri Lanka.
WEEKS = {
    "KW": SUN_THU, "QA": SUN_THU, "CA": SUN_THU, "AE": MON_FRI, "VN": MON_FRI, "CR": MON_FRI, "CM": MON_FRI,
}  # fmt: skip
INDICES = {
    # Yahoo
    "^GSPC": "XNYS", "^DJI": "XNYS", "^IXIC": "XNYS", "^NDX": "XNYS", "^RUT": "XNYS", "^RUA": "XNYS",
    "^RUI": "XNYS", "^OEX": "XNYS", "^MID": "XNYS", "^NYA": "XNYS", "^XAX": "XNYS", "^SOX": "XNYS",
    "^W5000": "XNYS",
    "^DJT": "XNYS", "^DJU": "XNYS", "^VIX": "XNYS", "^VIX9D": "XNYS", "^VVIX": "XNYS", "^VXN": "XNYS",
    "^TNX": "XNYS", "^TYX": "XNYS",
    "^FVX": "XNYS",
    "^IRX": "XNYS", "^GSPTSE": "XTSE", "^MXX": "XMEX", "^BVSP": "BVMF", "^MERV": "XBUE", "^IPSA": "XSGO",
    "^FTSE": "XLON", "^FTMC": "XLON", "^FTAS": "XLON", "^GDAXI": "XETR", "^MDAXI": "XETR", "^TECDAX": "XETR",
    "^SDAXI": "XETR", "^STOXX50E": "XPAR", "^STOXX": "XPAR", "^N100": "XPAR", "^FCHI": "XPAR",
    "^SBF120": "XPAR",
    "^AEX": "XAMS", "^BFX": "XBRU", "^PSI20": "XLIS", "^IBEX": "XMAD", "^ISEQ": "XDUB", "^SSMI": "XSWX",
    "^ATX": "XWBO", "^OMX": "XSTO", "^OMXC25": "XCSE", "^OMXH25": "XHEL", "^OSEAX": "XOSL", "^XU100": "XIST",
    "^TASI": "XSAU", "^N225": "XTKS", "^TOPX": "XTKS", "^HSI": "XHKG",
    "^HSCE": "XHKG", "^SSEC": "XSHG", "^KS11": "XKRX", "^KQ11": "XKRX", "^KS200": "XKRX", "^TWII": "XTAI",
    "^STI": "XSES", "^KLSE": "XKLS", "^JKSE": "XIDX", "^AXJO": "XASX", "^AORD": "XASX",
    "^NZ50": "XNZE", "^BSESN": "XBOM", "^NSEI": "XBOM", "^NSEBANK": "XBOM", "^CNXIT": "XBOM",
    "^INDIAVIX": "XBOM",
    # Stooq
    "^SPX": "XNYS", "^NDQ": "XNYS", "^DJC": "XNYS", "^TSX": "XTSE", "^IPC": "XMEX", "^BVP": "BVMF",
    "^MRV": "XBUE",
    "^UKX": "XLON", "^FTM": "XLON", "^DAX": "XETR", "^MDAX": "XETR", "^TDAX": "XETR", "^CAC": "XPAR",
    "^BEL20": "XBRU", "^FMIB": "XMIL", "^SMI": "XSWX", "^OMXS": "XSTO", "^OMXR": "XRIS", "^OMXT": "XTAL",
    "^OMXV": "XLIT", "^HEX": "XHEL", "^ICEX": "XICE", "^PX": "XPRA", "^BUX": "XBUD", "^BET": "XBSE",
    "^ATH": "ASEX",
    "^MOEX": "XMOS", "^RTS": "XMOS", "^NKX": "XTKS", "^TPX": "XTKS", "^SHC": "XSHG", "^KOSPI": "XKRX",
    "^TWSE": "XTAI", "^KLCI": "XKLS", "^JCI": "XIDX", "^SET": "XBKK", "^PSEI": "XPHS", "^SNX": "XBOM",
    "^AOR": "XASX", "WIG": "XWAR", "WIG20": "XWAR", "MWIG40": "XWAR", "SWIG80": "XWAR",
}  # fmt: skip
# Quoted on some of New York's holidays since 2022.
OTHER_INDICES = {"^VIX": "us_futures", "^VIX9D": "us_futures", "^VVIX": "us_futures"}
# Before a colon, as in NASDAQ:MSFT.
PREFIXES = {
    "NYSE": "XNYS", "NASDAQ": "XNYS", "AMEX": "XNYS", "OTC": "XNYS", "BATS": "XNYS", "CBOE": "XNYS",
    "TSX": "XTSE",
    "TSXV": "XTSE", "BMV": "XMEX", "BMFBOVESPA": "BVMF", "LSE": "XLON", "XETR": "XETR", "FWB": "XFRA",
    "SIX": "XSWX", "GPW": "XWAR", "BIST": "XIST", "TASE": "XTAE", "TADAWUL": "XSAU", "NSE": "XBOM",
    "BSE": "XBOM",
    "HKEX": "XHKG", "SSE": "XSHG", "SZSE": "XSHG", "TSE": "XTKS", "KRX": "XKRX", "TWSE": "XTAI", "SGX": "XSES",
    "ASX": "XASX", "NZX": "XNZE", "JSE": "XJSE", "IDX": "XIDX", "CME": "us_futures", "COMEX": "us_futures",
    "NYMEX": "us_futures", "CBOT": "us_futures", "FX": WEEKDAYS, "OANDA": WEEKDAYS, "BINANCE": ALWAYS,
    "COINBASE": ALWAYS,
    "KRAKEN": ALWAYS, "BITSTAMP": ALWAYS, "BYBIT": ALWAYS, "CRYPTO": ALWAYS,
}  # fmt: skip
# ISO 4217 codes in which currency pairs are quoted; gold, silver, platinum and palladium trade like one.
CURRENCIES = frozenset([
    "USD", "EUR", "GBP", "JPY", "CHF", "AUD", "CAD", "NZD", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "RON",
    "TRY", "ZAR", "MXN", "BRL", "CNY", "CNH", "HKD", "SGD", "KRW", "INR", "THB", "IDR", "MYR", "PHP", "TWD",
    "ILS", "SAR", "AED", "RUB", "XAU", "XAG", "XPT", "XPD",
])  # fmt: skip
COINS = frozenset([
    "BTC", "XBT", "ETH", "XRP", "BNB", "SOL", "ADA", "DOGE", "TRX", "DOT", "LTC", "BCH", "LINK", "XLM", "AVAX",
    "SHIB", "MATIC", "POL", "UNI", "ATOM", "XMR", "ETC", "FIL", "NEAR", "APT", "ARB", "OP", "SUI", "TON", "ICP",
    "HBAR", "VET", "ALGO", "EOS", "XTZ", "AAVE", "MKR", "DASH", "ZEC", "IOTA", "NEO", "PEPE",
])  # fmt: skip
STABLECOINS = ("USDT", "USDC", "BUSD", "FDUSD", "TUSD")
