"""The rules of data quality: every kind of finding, the action it leads to, and its meaning.

docs/data-quality.md shows them to users. They stand outside of `pricecast.data.quality`: a step that only reads
findings does not run again when a rule's code changes.
"""

# kind -> (action, what it means)
KINDS: dict[str, tuple[str, str]] = {
    "unsorted": ("repaired", "dates of a ticker run backwards; the rows were sorted"),
    "duplicate": ("dropped", "a row repeats the one before it, value for value"),
    "conflicting_duplicate": ("fatal", "two rows of one ticker and date differ"),
    "time_of_day": (
        "reported",
        "the date carries a time of day; the local date counts. Midnights of another time zone look so, too, and "
        "may belong to the day before or after",
    ),
    "future": ("dropped", "the date lies after the moment of the download"),
    "missing_close": ("dropped", "the close is empty, infinite or above 1e15"),
    "non_positive_close": ("dropped", "the close is negative, zero or below 1e-12"),
    "missing_adjustment": (
        "dropped",
        "adj_close is empty, not positive or outside 1e-12 to 1e15, though the ticker has it elsewhere",
    ),
    "close_only": (
        "reported",
        "the ticker has no open, high or low in any row; each became the close, and the features that need them "
        "are left out for all tickers of a dataset",
    ),
    "missing_price": (
        "repaired",
        "open, high or low is empty, infinite or above 1e15; refilled as a non-positive one is",
    ),
    "non_positive_price": (
        "repaired",
        "open, high or low is negative, zero or below 1e-12; open becomes the previous close within the day's "
        "range (else the close), high and low become the larger and smaller of open and close",
    ),
    "high_below_low": ("repaired", "high and low were swapped"),
    "close_outside_range": (
        "repaired",
        "high or low was moved to hold the close (by over 1e-9, less is rounding)",
    ),
    "open_outside_range": (
        "repaired",
        "the open was moved to the high or low (by over 1e-9, less is rounding)",
    ),
    "no_volume": ("reported", "the ticker has no volume in any row; it became 0"),
    "missing_volume": ("repaired", "the volume is empty, negative, infinite or above 1e20; it became 0"),
    "zero_volume": ("reported", "the volume is 0"),
    "repeated": (
        "dropped",
        "the bar repeats the one before in all prices and the volume, as in a frozen feed or a table of calendar "
        "days; also a range of prices repeated without volume, and a weekday on which the ticker never trades: its "
        "bars are flat at the close before or after, or on a line between the two",
    ),
    "misprint": (
        "dropped",
        "the close or adj_close of up to 3 bars is at least 3 times those before and after, or at most a third, "
        "and away by at least 8 times the ticker's usual move, while these two are alike",
    ),
    "range": (
        "repaired",
        "the high (or low) is over 1.49 times away from open, close and the closes beside, and the day's range "
        "over 10 times the usual one, on a day of usual volume and move; it became the larger (smaller) of open "
        "and close. Where many tickers are so on one date, they stay: a flash crash",
    ),
    "interpolated": (
        "reported",
        "the close moves as it did the day before, as at least half of the ticker's moves do: weekly or monthly "
        "prices made daily, whose days are known only from later ones",
    ),
    "unadjusted": (
        "reported",
        "the ticker has no adj_close, so dividends and splits look like losses",
    ),
    "split": (
        "reported",
        "the close moves apart from adj_close by n:1, 1:n or 3:2; the adjustment handles it",
    ),
    "distribution": (
        "reported",
        "the close moves over 20 % apart from adj_close by another ratio: a spin-off, rights issue or "
        "special dividend handled by adjustment, or a faulty adj_close",
    ),
    "double_adjustment": (
        "reported",
        "adj_close moves by n:1, 1:n or 3:2 where the close does not: the close seems adjusted already, and "
        "adj_close adjusts it again",
    ),
    "currency_unit": (
        "fatal",
        "the whole bar moves to a hundredth or a hundredfold of the bar before, and no adj_close takes it away: "
        "pence and pounds mixed, or a split 1:100; reported with --allow-splits true",
    ),
    "unadjusted_split": (
        "fatal",
        "the overnight move is within 3 % and the move of the close within 15 % of a common ratio (2 to 8, 10, 15, "
        "20, 25, 30, 50 or 100 to 1), or both fit another one up to 1,000 to 1, or a fraction such as 3:2, within "
        "the ticker's usual noise, and the level lasts; no adj_close takes it away; reported with --allow-splits "
        "true",
    ),
    "jump": (
        "reported",
        "the adjusted close moves by more than a factor of 1.5 in a day, and it is no split",
    ),
    "weekend": (
        "reported",
        "the bar is of a Saturday or Sunday, which are less than a tenth of the bars of that ticker and year",
    ),
    "calendar": (
        "reported",
        "the dates fit no market that the ticker's spelling names; dates ahead follow its own days of the week and "
        "holidays",
    ),
    "not_daily": (
        "reported",
        "half of the ticker's bars are 5 or more calendar days apart: bars of weeks or months, which horizons "
        "count as they count days, or a ticker that hardly trades",
    ),
    "gap": ("reported", "more than 10 calendar days without a bar"),
    "stale": (
        "reported",
        "the last bar of the ticker is more than 10 calendar days before the end asked for (a live source: before "
        "today; else: before the last bar of the table)",
    ),
    "unfinished": (
        "reported",
        "the session of the last bar was not over at the moment of the download, so its close is none yet",
    ),
    "constant": ("fatal", "the close of the ticker never changes"),
    "empty": ("fatal", "no usable bar of the ticker is left"),
}
# Besides all that is dropped, repaired or fatal, these stop a strict run: somebody has to look at them, too.
STRICT = (
    "interpolated", "double_adjustment", "currency_unit", "unadjusted_split", "weekend", "not_daily", "gap",
    "stale", "unfinished",
)  # fmt: skip
# What only the user can tell from a market that really moves so: reported with --allow-splits true.
LOOKS_LIKE_SPLIT = ("currency_unit", "unadjusted_split")
ADVICE = {
    "conflicting_duplicate": "keep one row per ticker and date",
    "currency_unit": "bring the history to one unit, or pass --allow-splits true if it is a split",
    "unadjusted_split": "give adj_close or pass --allow-splits true",
    "constant": "leave the ticker out",
    "empty": "leave the ticker out or correct its rows",
}
