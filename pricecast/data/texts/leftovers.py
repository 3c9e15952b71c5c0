"""Lines of a text that are no bars: comments, footers, and dividends and splits among the rows."""

import re
from io import BytesIO

from pricecast.data.texts.date_texts import is_date
from pricecast.data.texts.delimited import cells
from pricecast.text import short

# What Excel writes into cells, which begins as a comment does.
_EXCEL_ERRORS = (b"#N/A", b"#NULL!", b"#REF!", b"#VALUE!", b"#NAME?", b"#NUM!", b"#DIV/0!")
_FOOTER = 20  # lines, at most
# Yahoo's pages and copies of them: "0.25 Dividend", "4:1 Stock Splits".
_EVENT = re.compile(
    r"[\d.,:/]+ ?(for [\d.]+ )?(cash )?(dividends?|stock splits?|splits?|capital gains?)", re.IGNORECASE
)
# First words of a row that sums others up.
_SUMMARY = re.compile(
    r"(total|average|mean|median|min|max|minimum|maximum|highest|lowest|sum|count)\b.*", re.IGNORECASE
)


def bars_alone(data: bytes, above: int, delimiter: str, date: int, numbers: list[int]) -> tuple[bytes, list[str]]:
    """Leave out comments, events and a footer below the header.

    Args:
        data: the text.
        above: lines down to the last one of the header.
        delimiter: that parts the cells.
        date: position of the date.
        numbers: positions of the prices and volumes.

    Returns:
        The text without them, and what was left out besides comments, in words.
    """
    data = _without_comments(data, above)
    notes = []
    if re.search(rb"ividend|plit|apital", data):
        data, count = _without_events(data, above, delimiter)
        notes += [f"left out {count} dividends or splits"] if count else []
    body = data.rstrip()
    lines = body.rsplit(b"\n", _FOOTER)[1:] if body.count(b"\n") > above + _FOOTER else body.split(b"\n")[above:]
    kept = len(lines)
    while kept and _is_footer(lines[kept - 1], delimiter, date, numbers):
        kept -= 1
    if kept in (0, len(lines)):  # where nothing would be left, it is another kind of text
        return data, notes
    footer = lines[kept:]
    first = next(line for line in footer if line.strip())
    notes.append(
        f"left out {len(footer)} lines below the bars, from {short(first.decode('utf-8', 'replace').strip())}"
    )
    return body[: len(body) - sum(map(len, footer)) - len(footer)] + b"\n", notes


def _without_comments(data: bytes, above: int) -> bytes:
    """Leave out the lines below the header that begin with `#`, if no quote around several lines is open."""
    if b"\n#" not in data and not (data.startswith(b"#") and not above):
        return data
    every = BytesIO(data).readlines()
    kept, is_quoted = every[:above], False
    for line in every[above:]:
        if is_quoted or not line.startswith(b"#") or line.startswith(_EXCEL_ERRORS):
            kept.append(line)
            is_quoted ^= line.count(b'"') % 2 == 1
    return b"".join(kept)


def _without_events(data: bytes, above: int, delimiter: str) -> tuple[bytes, int]:
    every = BytesIO(data).readlines()
    rows = [line for line in every[above:] if not _is_event(cells(line, delimiter))]
    return b"".join([*every[:above], *rows]), len(every) - above - len(rows)


def _is_event(row: list[str]) -> bool:
    """Return True for a dividend or split in a row that has a date and no other number."""
    is_event = [bool(_EVENT.fullmatch(cell.strip())) for cell in row]
    others = [cell for cell, event in zip(row, is_event, strict=True) if cell.strip() and not event]
    return any(is_event) and len(others) <= 2 and any(map(is_date, others))


def _is_footer(line: bytes, delimiter: str, date: int, numbers: list[int]) -> bool:
    """Return True for a line without a date that has no numbers where prices stand, or sums others up."""
    # A carriage return inside would end the row that is looked at.
    if b"\r" in line.rstrip(b"\r"):
        return False
    row = cells(line, delimiter)
    if not "".join(row).strip():
        return True
    day = row[date].strip() if date < len(row) else ""
    if line.startswith(_EXCEL_ERRORS) or (b'"' in line and line.count(b'"') % 2):
        return False
    # What begins with a digit is rather a date that is cut off.
    if is_date(day) or not all(re.match(r"[^\w#]*[A-Za-z]", text) for text in (row[0].strip(), day or row[0])):
        return False
    values = [row[place] for place in numbers if place < len(row) and row[place].strip()]
    if len(row) > max([date, *numbers]) and values and all(re.search(r"\d", value) for value in values):
        return bool(_SUMMARY.fullmatch(day))
    return not any(is_date(cell) for cell in row)
