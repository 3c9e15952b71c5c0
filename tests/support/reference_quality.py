"""The rules of pricecast.data.quality once more as plain loops over single cells, to hold the array rules against.

It shares no code with the library: it says what a table of cells must become, or that it must be refused.
"""

import contextlib
import csv
import io
import itertools
import math
import re
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from numbers import Real

import numpy as np
import pandas as pd

FIELDS = ("date", "ticker", "open", "high", "low", "close", "adj_close", "volume")
EMPTY = {"", "-", ".", "na", "n/a", "#n/a", "nan", "null", "none", "<na>", "nat"}


class RefusedError(Exception):
    """Such cells must never be taken."""


@dataclass
class Expected:
    """Rows of the clean table by (ticker, date), and for each kind the count of every ticker."""

    rows: dict[tuple[str, date], dict[str, float]] = field(default_factory=dict)
    counts: dict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))
    moves: Counter = field(default_factory=Counter)
    apart: Counter = field(default_factory=Counter)


_DIGITS = r"[+-]?([0-9]+\{0}?[0-9]*|\{0}[0-9]+)([eE][+-]?[0-9]+)?|[+-]?[Ii][Nn][Ff]([Ii][Nn][Ii][Tt][Yy])?"
# What parts the decimals, what groups the thousands, and a number of such groups.
STYLES = [
    (point, group, r"[+-]?[1-9][0-9]{0,2}(\{1}[0-9]{3})+(\{0}[0-9]*)?".replace("{0}", point).replace("{1}", group))
    for point in ".,"
    for group in ".,' "
    if group != point
] + [(".", ",", r"[+-]?[1-9][0-9]?(,[0-9]{2})*,[0-9]{3}(\.[0-9]*)?")]


SIGN = "[$\u20ac\u00a3\u00a5\u20b9]"  # of a currency, before a number or behind it


def in_style(cell, point, group, pattern):
    """A cell as a number of one style; None where it is none."""
    if cell is None or cell is pd.NaT or cell is pd.NA:
        return math.nan
    if isinstance(cell, bool | np.bool_):
        raise RefusedError("a boolean as number")
    text = str(cell).strip()
    if text.lower() in EMPTY:
        return math.nan
    if isinstance(cell, str):
        text = re.sub(rf"^([+-]?){SIGN}\s?(?=[\d.,])|(?<=[\d.,])\s?{SIGN}$", r"\1", text)
    if isinstance(cell, Real) or not isinstance(cell, str):
        if not re.fullmatch(_DIGITS.replace("{0}", "."), text):
            raise RefusedError(f"number {text[:20]!r}")
        value = float(text)
        return value if point == "." or math.isinf(value) or value.is_integer() else None
    if re.fullmatch(_DIGITS.replace("{0}", point), text):
        return float(text.replace(point, "."))
    return float(text.replace(group, "").replace(point, ".")) if re.fullmatch(pattern, text) else None


def numbers(columns):
    """The cells of all columns in the one style that they have together."""
    found = []
    for style in STYLES:
        read = [[in_style(cell, *style) for cell in cells] for cells in columns]
        if not any(value is None for values in read for value in values):
            found.append((style[0], read))
    plain = all(re.fullmatch(r"[0-9.eE+-]*", str(cell).strip()) for cells in columns for cell in cells)
    if not found:
        raise RefusedError("no style of numbers")
    points = [read for point, read in found if point == "."]
    if points and len(points) < len(found) and not plain and repr(points[0]) != repr(found[-1][1]):
        commas = [read for point, read in found if point == ","]
        if repr(points[0]) != repr(commas[0]):
            raise RefusedError("two styles of numbers")
    return points[0] if points else found[0][1]


def moments(cells):
    """The cells as dates; where the year is last, in the one order that is possible for all."""
    texts = [str(cell).strip() for cell in cells]
    if all(re.fullmatch(r"\d{10}|\d{13}|\d{16}", text) for text in texts):
        units = {10: 1, 13: 1000, 16: 1_000_000}  # seconds since 1970, and parts of one
        return [datetime(1970, 1, 1) + timedelta(seconds=int(text) / units[len(text)]) for text in texts]
    if all(re.fullmatch(r"\d\d/\d\d/\d\d", text) for text in texts):
        texts = [f"{text[:6]}20{text[6:]}" for text in texts]  # all of them are of this century
    if not all(re.fullmatch(r"\d\d/\d\d/\d{4}", text) for text in texts):
        return [moment(cell) for cell in cells]
    orders = (
        [(text[6:], text[:2], text[3:5]) for text in texts],
        [(text[6:], text[3:5], text[:2]) for text in texts],
    )
    found = []
    for order in orders:
        with contextlib.suppress(RefusedError):
            found.append([moment("-".join(parts)) for parts in order])
    if not found or (len(found) > 1 and found[0] != found[1]):
        raise RefusedError("no order of dates, or two")
    return found[0]


def moment(cell):
    if isinstance(cell, np.datetime64):
        cell = pd.Timestamp(cell)
    if isinstance(cell, datetime):
        found = cell
    elif isinstance(cell, date):
        found = datetime(cell.year, cell.month, cell.day)
    else:
        text = re.sub(r"^(\d{4})-(\d)-(\d)$", r"\1-0\2-0\3", str(cell).strip())
        if not re.match(r"\d{4}-\d\d-\d\d|\d{8}$", text):
            raise RefusedError(f"date {text[:20]!r}")
        try:
            found = datetime.fromisoformat(re.sub(r"\s*(UTC|Z|[+-]\d\d:?\d\d)$", "", text))
        except ValueError as error:
            raise RefusedError(f"date {text[:20]!r}") from error
    if found is pd.NaT or not 1800 <= found.year <= 2200:
        raise RefusedError(f"date {found}")
    return found.replace(tzinfo=None)


def ticker(cell):
    if not isinstance(cell, str) or not re.fullmatch(r"[A-Za-z0-9^][A-Za-z0-9.:^=&_-]{0,23}", cell.strip()):
        raise RefusedError(f"ticker {cell!r:.20}")
    return cell.strip().upper()


def cells_of_table(table):
    """Lists of cells by field; a table without each column once must be refused."""
    names = list(table.columns)
    if table.columns.nlevels > 1 or any(names.count(name) != 1 for name in FIELDS):
        raise RefusedError("columns")
    return {name: table[name].astype(object).tolist() for name in FIELDS}


def _one_level(header):
    """Names without a ticker that all of them have as a second level."""
    parts = [re.fullmatch(r"\('([^']*)', '([^']*)'\)", str(name)) for name in header]
    return [part[1] for part in parts] if all(parts) and len({part[2] for part in parts}) == 1 else header


def _fields(header, columns, stem):
    header = _one_level(header)
    bare = [unicodedata.normalize("NFKD", str(name).lower()).encode("ascii", "ignore").decode() for name in header]
    plain = [re.sub(r"[^a-z0-9]+", "_", name).strip("_") for name in bare]
    plain = ["adj_close" if name == "adjclose" else name for name in plain]
    if "date" not in plain and str(header[0]).strip().lower() in ("", "index", "unnamed: 0"):
        plain[0] = "date"  # an index without a name
    if any(plain.count(name) > 1 for name in FIELDS) or not {"close", "date"} <= set(plain):
        raise RefusedError("columns")
    if len({"open", "high", "low"} & set(plain)) in (1, 2):
        raise RefusedError("columns")
    found = {name: columns[plain.index(name)] for name in FIELDS if name in plain}
    n = len(columns[0])
    return {
        "ticker": [stem] * n,
        "adj_close": [None] * n,
        "open": [None] * n,
        "high": [None] * n,
        "low": [None] * n,
        "volume": [None] * n,
    } | found


def _is_void(line):
    """True for a line of blanks or Excel's sep=, or a comment."""
    is_error = re.match(r"#(N/A|NULL!|REF!|VALUE!|NAME\?|NUM!|DIV/0!)", line)
    return not line.strip(' \t\r\n,;|"') or (line.startswith("#") and not is_error) or line.startswith("sep=")


def _is_footer(cells, width):
    """True for words that end the file, in a line too short for a row."""
    return len(cells) < width and re.match(r"[^\w#]*[A-Za-z]", cells[0].strip())


def cells_of_csv(content, stem):
    try:
        # What is no UTF-8 is no part of a name, a date or a number, and may stand elsewhere.
        encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        decoded = content.decode(encoding, "replace")
        decoded = decoded if "\n" in decoded else decoded.replace("\r", "\n")
        text = [f"{line}\n" for line in decoded.removesuffix("\n").split("\n")]
        needed = {"date", "open", "high", "low", "close"}
        while text and _is_void(text[0]) and not needed <= {*re.split(r"[^a-z]+", text[0].lower())}:
            text.pop(0)
        text[:1] = [line.lstrip("# ") for line in text[:1]]
        if text and "\N{REPLACEMENT CHARACTER}" in text[0]:
            raise RefusedError("a header of other bytes")
        delimiter = max(",;\t|", key=text[0].count) if text else ","
        found = io.StringIO("".join(text), newline="")
        lines = [line for line in csv.reader(found, delimiter=delimiter) if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise RefusedError(str(error)) from error
    lines = [line for line in lines if len(line) == len(lines[0]) or not _is_void(line[0])]
    while len(lines) > 2 and _is_footer(lines[-1], len(lines[0])):
        lines.pop()
    if len(lines) < 2 or any(len(line) != len(lines[0]) for line in lines):
        raise RefusedError("shape")
    return _fields(lines[0], list(zip(*lines[1:], strict=True)), stem)


def cells_of_parquet(table, stem):
    """Of a pyarrow table."""
    if not table.num_rows:
        raise RefusedError("no rows")
    return _fields(table.column_names, [column.to_pylist() for column in table.columns], stem)


def expect(cells, as_of):
    """Table that the cells must become; as_of None takes any date.

    Raises:
        RefusedError: they must be refused.
    """
    series = defaultdict(list)
    parsed = [moments(cells["date"]), list(map(ticker, cells["ticker"])), *numbers([cells[x] for x in FIELDS[2:]])]
    for when, name, *values in zip(*parsed, strict=True):
        row = dict(zip(FIELDS[2:], values, strict=True))
        series[name].append((when, {field: _readable(field, value) for field, value in row.items()}))
    if not series:
        raise RefusedError("no rows")
    done = Expected()
    for name, rows in series.items():
        _one(name, rows, as_of, done)
    newest = max(day for _, day in done.rows)
    for name in series:
        if (newest - max(day for other, day in done.rows if other == name)).days > 10:
            done.counts["stale"][name] = 1
    return done


def _readable(name, value):
    if name == "volume":
        return value if abs(value) <= 1e20 else math.nan
    if not abs(value) <= 1e15:
        return math.nan
    return 0.0 if abs(value) < 1e-12 else value


def _same(a, b):
    return all(a[name] == b[name] or (math.isnan(a[name]) and math.isnan(b[name])) for name in a)


def _one(name, rows, as_of, done):
    note = done.counts
    note["time_of_day"][name] = sum(when.time() != datetime.min.time() for when, _ in rows)
    rows = [(when.date(), values) for when, values in rows]
    note["unsorted"][name] = sum(b[0] < a[0] for a, b in itertools.pairwise(rows))
    rows.sort(key=lambda row: row[0])
    kept, before = [], None
    for row in rows:
        if before and row[0] == before[0]:
            if not _same(row[1], before[1]):
                raise RefusedError("conflict")
            note["duplicate"][name] += 1
        else:
            kept.append(row)
        before = row
    kept = _dropped(name, kept, as_of, note)
    if not kept or (len(kept) > 1 and len({values["close"] for _, values in kept}) == 1):
        raise RefusedError("empty or constant")
    last = None
    bare = all(math.isnan(values[field]) for _, values in kept for field in ("open", "high", "low"))
    untraded = all(math.isnan(values["volume"]) for _, values in kept)
    for _, values in kept:
        _mend(name, values, last, note)
        last = values["close"]
    for known, kind, instead in ((bare, "missing_price", "close_only"), (untraded, "missing_volume", "no_volume")):
        if known:
            note[kind][name], note[instead][name] = 0, 1
    copies = _copies(kept)
    note["repeated"][name] = len(copies)
    kept = [row for i, row in enumerate(kept) if i not in copies]
    wrong = _misprints([values for _, values in kept])
    note["misprint"][name] = len(wrong)
    kept = [row for i, row in enumerate(kept) if i not in wrong]
    note["range"][name] = _mend_ends([values for _, values in kept])
    note["interpolated"][name] = _go_on([(day, values["close"]) for day, values in kept])
    _calendar(name, [day for day, _ in kept], as_of, note)
    _moves(name, [values for _, values in kept], done)
    done.rows |= {(name, day): values for day, values in kept}


def _dropped(name, rows, as_of, note):
    kept = []
    for day, values in rows:
        if as_of is not None and day > as_of.date():
            note["future"][name] += 1
        elif math.isnan(values["close"]):
            note["missing_close"][name] += 1
        elif values["close"] <= 0:
            note["non_positive_close"][name] += 1
        else:
            kept.append((day, values))
    if any(values["adj_close"] > 0 for _, values in kept):
        note["missing_adjustment"][name] = sum(not values["adj_close"] > 0 for _, values in kept)
        return [(day, values) for day, values in kept if values["adj_close"] > 0]
    note["unadjusted"][name] = bool(kept)
    return [(day, values | {"adj_close": math.nan}) for day, values in kept]


def _mend(name, values, last, note):
    prices = [values[field] for field in ("open", "high", "low")]
    note["missing_price"][name] += any(map(math.isnan, prices))
    note["non_positive_price"][name] += any(price <= 0 for price in prices)
    open_, high, low, close = *prices, values["close"]
    if high > 0 and low > 0 and high < low:
        note["high_below_low"][name] += 1
        high, low = low, high
    if not open_ > 0:
        open_ = min(max(last, low), high) if high > 0 and low > 0 and last else close
    high = high if high > 0 else max(open_, close)
    low = low if low > 0 else min(open_, close)
    note["close_outside_range"][name] += close > high * (1 + 1e-9) or close < low * (1 - 1e-9)
    high, low = max(high, close), min(low, close)
    note["open_outside_range"][name] += open_ > high * (1 + 1e-9) or open_ < low * (1 - 1e-9)
    note["zero_volume"][name] += values["volume"] == 0
    note["missing_volume"][name] += not values["volume"] >= 0
    volume = values["volume"] if values["volume"] >= 0 else 0.0
    values |= {"open": min(max(open_, low), high), "high": high, "low": low, "volume": volume}


def _copies(rows):
    """Numbers of the rows that repeat the row before, or of all in such a run but the last, and of filled days."""
    if len({values["close"] for _, values in rows}) < 2:
        return set()
    filled = _filled_days(rows)
    numbers = [i for i in range(len(rows)) if i not in filled]
    rest = [rows[i] for i in numbers]
    return filled | {numbers[i] for i in _kept_last(rest, _repeated(rest))}


def _repeated(rows):
    bars = [tuple(values[field] for field in ("open", "high", "low", "close")) for _, values in rows]
    volumes = [values["volume"] for _, values in rows]
    ranged = [bar[1] > bar[2] for bar in bars]
    same = [i for i in range(1, len(rows)) if bars[i] == bars[i - 1]]
    wide = {i for i in same if ranged[i] and (volumes[i] == volumes[i - 1] or not volumes[i])}
    unchanged = sum(ranged[i] and bars[i][3] == bars[i - 1][3] for i in range(1, len(rows)))
    whole = Counter((bars[i], volumes[i]) for i in range(len(rows)) if i not in wide)
    step = 1e-7 * float(np.median([bar[3] for bar in bars]))
    shapes = [
        (*(round((price - bar[3]) / step) for price in bar[:3]), v) for bar, v in zip(bars, volumes, strict=True)
    ]
    others = [shapes[i] for i in range(len(rows)) if i not in wide]
    odd = {i for i in wide if 3 * unchanged * others.count(shapes[i]) < len(wide) * len(others)}
    odd |= {i for run in _runs(wide) for i in run if _is_long(len(run), len(wide), len(rows))}
    wide = {i for i in odd if whole[bars[i], volumes[i]] <= max(1, (len(rows) - len(wide)) * 0.05)}
    narrow = [i for i in same if not ranged[i] and volumes[i] > 0]
    equal = {i for i in narrow if volumes[i] == volumes[i - 1]}
    own = [volumes[i] for i in range(len(rows)) if not ranged[i] and volumes[i] > 0 and i not in equal]
    if 5 * len(own) <= len(equal):
        own = [volumes[i] for i in range(len(rows)) if volumes[i] > 0 and i not in equal]
    equal = {i for i in equal if 3 * len(narrow) * own.count(volumes[i]) < len(equal) * len(own)}
    return wide | equal


def _runs(numbers):
    runs = []
    for i in sorted(numbers):
        if runs and runs[-1][-1] == i - 1:
            runs[-1].append(i)
        else:
            runs.append([i])
    return runs


def _is_long(size, copies, bars):
    return bars * min(1, (copies - size + 1) / max(bars - size + 2, 1)) ** size < 1e-3


def _filled_days(rows):
    """Numbers of the rows of those days of the week on which nothing is ever traded."""
    before, after = _idle_days(rows, 1), _idle_days(rows, -1)
    weight = [sum(1 + (rows[i][0].weekday() > 4) for i in found) for found in (before, after)]
    return (after if weight[1] > weight[0] else before) | _between(rows)


def _idle_days(rows, step):
    bars = [tuple(values[field] for field in ("open", "high", "low", "close")) for _, values in rows]
    weekends = any(day.weekday() > 4 for day, _ in rows)
    idle = set()
    for i, bar in enumerate(bars):
        beside = bars[i - step] if 0 <= i - step < len(bars) else None
        level = bar[1] == bar[2] and (beside is None or bar[3] == beside[3])
        if (level and (weekends or not rows[i][1]["volume"])) or (weekends and bar == beside):
            idle.add(i)
    found = set()
    for weekday in range(7):
        here = {i for i, (day, _) in enumerate(rows) if day.weekday() == weekday}
        chance = ((len(idle - here) + 1) / (len(rows) - len(here) + 2)) ** len(here)
        found |= here if here <= idle and chance < 1e-3 else set()
    return found


def _between(rows):
    """Numbers of the rows of days of rest that lie on a line between the days of trade."""
    if not any(day.weekday() > 4 for day, _ in rows):
        return set()
    closes = [values["close"] for _, values in rows]
    digits = [d for d in range(9) if all(abs(x - round(x, d)) <= 1e-9 * round(x, d) for x in closes)]
    tick = 10.0 ** -digits[0] if digits else 0.0
    for rest in ([5, 6], [4, 5], [3, 4], [5], [6]):
        traded = [i for i, (day, _) in enumerate(rows) if day.weekday() not in rest]
        fits = {True: [], False: []}
        for i, (day, _) in enumerate(rows):
            left, right = [j for j in traded if j < i][-1:], [j for j in traded if j > i][:1]
            if left and right:
                a, b = left[0], right[0]
                share = (day - rows[a][0]).days / (rows[b][0] - rows[a][0]).days
                off = abs(closes[i] - closes[a] - share * (closes[b] - closes[a]))
                fits[day.weekday() in rest].append(off <= 1e-9 * closes[i] + tick * (1 + 1e-9))
        chance = (sum(fits[False]) + 1) / (len(fits[False]) + 2)
        at_rest = fits[True]
        if at_rest and chance <= 0.5 and sum(at_rest) >= 0.95 * len(at_rest) and chance ** len(at_rest) < 1e-3:
            return set(range(len(rows))) - set(traded)
    return set()


def _kept_last(rows, copies):
    """The copies, or all but the last rows of their runs where that leaves fewer rows of a weekend."""
    first = {i - 1 for i in copies if i - 1 not in copies}
    last = {i for i in copies if i + 1 not in copies}
    early, late = (sum(rows[i][0].weekday() > 4 for i in ends) for ends in (first, last))
    return (copies | first) - last if early > late else copies


def _usual(levels, i):
    """1.4826 times the median size of all moves, or of the 20 before a row, if larger."""
    sizes = [abs(b - a) if b != a else math.nan for a, b in itertools.pairwise([math.nan, *levels])]
    near = [size for size in sizes[max(0, i - 20) : i] if not math.isnan(size)]
    sizes = [size for size in sizes if not math.isnan(size)]
    overall = float(np.median(sizes)) if sizes else 0.0
    return 1.4826 * max(overall, float(np.median(near)) if len(near) >= 3 else 0.0)


def _misprints(rows):
    """Numbers of the rows that are away, for up to 3 rows, from those before and after."""
    wrong = set()
    for name in ("close", "adj_close"):
        levels = [math.log(values[name]) for values in rows]
        for i, size in itertools.product(range(1, len(rows)), (1, 2, 3)):
            if i + size >= len(rows):
                continue
            inside, (low, high) = levels[i : i + size], sorted((levels[i - 1], levels[i + size]))
            away = max(min(inside) - high, low - max(inside))
            if away >= math.log(3) and high - low <= min(away / 3, 6 * _usual(levels, i)):
                wrong |= set(range(i, i + size)) if away >= 8 * _usual(levels, i) else set()
    return wrong


def _mend_ends(rows):
    """Move highs and lows that nothing is near; their number."""
    sizes = [math.log(values["high"] / values["low"]) for values in rows]
    levels = [math.log(v["close"] if math.isnan(v["adj_close"]) else v["adj_close"]) for v in rows]
    volumes, found = [values["volume"] for values in rows], {}
    for i, values in enumerate(rows):
        if sizes[i] < 0.5:
            continue
        year = [size for size in sizes[max(0, i - 250) : i] if size > 0]
        year = year if len(year) >= 20 else [size for size in sizes if size > 0]
        beside = [math.log(values["open"]), math.log(values["close"])]
        beside += [math.log(values["close"]) + levels[j] - levels[i] for j in (i - 1, i + 1) if 0 <= j < len(rows)]
        move = abs(levels[i] - levels[i - 1]) if i else 0.0
        month = volumes[max(0, i - 20) : i] if i >= 3 else volumes
        high = math.log(values["high"]) - max(beside) >= 0.4
        low = min(beside) - math.log(values["low"]) >= 0.4
        calm = move <= 3 * _usual(levels, i) and volumes[i] <= 3 * np.median(month)
        if (high or low) and calm and sizes[i] > 10 * np.median(year):
            found[i] = {"high": max(values["open"], values["close"])} if high else {}
            found[i] |= {"low": min(values["open"], values["close"])} if low else {}
    for i, ends in found.items():
        rows[i].update(ends)
    return len(found)


def _go_on(closes):
    """Number of the moves that repeat the one before, by row or by day, if most do."""
    moves = [(b[1] - a[1], (b[0] - a[0]).days) for a, b in itertools.pairwise(closes)]
    pairs = [(a, b) for a, b in itertools.pairwise(moves) if a[0] and b[0]]
    found = 0
    for (a, m), (b, n) in pairs:
        found += any(abs(x - y) <= 0.2 * max(abs(x), abs(y)) for x, y in ((a, b), (a / m, b / n)))
    sizes = [abs(a) for (a, _), _ in pairs]
    return found if found >= max(20, 0.5 * len(pairs)) and np.median(sizes) >= 3 * min(sizes) else 0


def _calendar(name, days, as_of, note):
    note["gap"][name] = sum((b - a).days > 10 for a, b in itertools.pairwise(days))
    for year in {day.year for day in days}:
        bars = [day for day in days if day.year == year]
        weekend = sum(day.weekday() > 4 for day in bars)
        note["weekend"][name] += weekend if weekend / len(bars) < 0.1 else 0
    # The stress tests ask while the session of that very day is open, at any market they know.
    note["unfinished"][name] = as_of is not None and days[-1] == as_of.date()


def _moves(name, rows, done):
    for a, b in itertools.pairwise(rows):
        move = math.log(b["close"] / a["close"])
        real = move if math.isnan(b["adj_close"]) else math.log(b["adj_close"] / a["adj_close"])
        done.moves[name] += abs(real) > math.log(1.5) + 1e-12
        done.apart[name] += abs(move - real) > math.log(1.2) + 1e-12
