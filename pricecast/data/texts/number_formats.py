"""The formats that people and programs write numbers in, as patterns of text."""

import re

import numpy as np

NULLS = {"", "-", ".", "na", "n/a", "#n/a", "nan", "null", "none", "<na>", "nat"}
# No-break, narrow and thin spaces group as a space does, and a typographic apostrophe as a plain one.
_ALIKE = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2019": "'"})
# The shape of a cell: leading zeros, which group nothing, stay apart from other digits.
_SHAPE = str.maketrans("12345678", "99999999")
# In front of a price or behind it, and behind a volume.
_SIGN = "[$\u20ac\u00a3\u00a5\u20b9]"
_CURRENCY = re.compile(rf"([+-]?){_SIGN}\s?(?=[\d.,])(.*)|(.*[\d.,])\s?{_SIGN}")
_SUFFIXES = {"K": 1e3, "M": 1e6, "B": 1e9}
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_EXPONENT = r"(?:[eE][+-]?[09]+)?"


def _pattern(point: str, grouped: str) -> re.Pattern[str]:
    """Return the pattern of the shapes of numbers with a decimal point and, perhaps, grouped digits before it."""
    plain = rf"(?:[09]+(?:{point}[09]*)?|{point}[09]+){_EXPONENT}"
    return re.compile(rf"[+-]?(?:{plain}|{grouped}(?:{point}[09]*)?)" if grouped else rf"[+-]?{plain}")


def _threes(group: str) -> str:
    return rf"9[09]{{0,2}}(?:{group}[09]{{3}})+"


# As programs write them, then with groups: of three digits, and as in India, where only the last group has three.
_POINT = (
    _pattern(r"\.", ""), _pattern(r"\.", _threes(",")), _pattern(r"\.", r"9[09]?(?:,[09]{2})*,[09]{3}"),
    _pattern(r"\.", _threes(" ")), _pattern(r"\.", _threes("'")),
)  # fmt: skip
_COMMA = (
    _pattern(",", ""), _pattern(",", _threes(r"\.")), _pattern(",", _threes(" ")), _pattern(",", _threes("'")),
)  # fmt: skip
_FORMATS = (*_POINT, *_COMMA)
# Sets of formats are bits of an integer, the first format its lowest bit.
ANY, PLAIN, POINTS = (1 << len(_FORMATS)) - 1, 1, (1 << len(_POINT)) - 1
COMMAS = ANY - POINTS
PLAIN_COMMA = 1 << len(_POINT)


def read(
    text: str, is_text: bool, shapes: dict[str, int], is_volume: bool = False
) -> tuple[int, tuple[float, float]]:
    """Return the formats that a cell fits, and its value with a decimal point and with a decimal comma.

    Args:
        text: of the cell, without blanks around it.
        is_text: whether the cell was a text, and not a number within a column of texts.
        shapes: formats by shape, as far as they are known; more are added.
        is_volume: allow K, M and B behind the number.

    >>> formats, values = read("1,234", True, {})
    >>> bool(formats & PLAIN), bool(formats & POINTS), bool(formats & COMMAS), values
    (False, True, True, (1234.0, 1.234))
    """
    if text.lower() in NULLS:
        return ANY, (np.nan, np.nan)
    if _INFINITE.fullmatch(text):
        return ANY, (float(text), float(text))
    factor = _SUFFIXES.get(text[-1].upper(), 1.0) if is_volume else 1.0
    text = text if factor == 1 else text[:-1].rstrip()
    if match := _CURRENCY.fullmatch(text):
        text = "".join(filter(None, match.groups()))
    plain = text.translate(_ALIKE)
    shape = plain.translate(_SHAPE)
    if shape not in shapes:
        shapes[shape] = sum(1 << i for i, pattern in enumerate(_FORMATS) if pattern.fullmatch(shape))
    formats = shapes[shape]
    if not is_text and formats & PLAIN:  # a number among texts
        return (POINTS if float(text) % 1 > 0 else ANY), (float(text), float(text))
    bare = plain.replace(" ", "").replace("'", "")
    point = float(bare.replace(",", "")) if formats & POINTS else np.nan
    comma = float(bare.replace(".", "").replace(",", ".")) if formats & COMMAS else np.nan
    return (formats if is_text else 0), (round(point * factor, 3), round(comma * factor, 3)) if factor > 1 else (
        point,
        comma,
    )
