"""Every entry of the gallery through every door: one fate, one line, no warning, nothing silent."""

import re
from functools import cache, partial
from pathlib import Path

import pandas as pd
import pytest

from pricecast.data import quality
from pricecast.data.ingest import download
from pricecast.data.sources import Request
from pricecast.dataset import dataset
from pricecast.errors import InputError
from pricecast.forecasting import fitting
from pricecast.forecasting.settings import Settings
from pricecast.schema import QUANTILE_COLUMNS
from pricecast.table_checks import check_prices
from tests.support import gallery
from tests.support.gallery import AS_OF, CONTENTS, CSV, EVERY, ROWS, TABLE, TABLES, WEEKENDS, sound

ACTIONS = {"dropped", "repaired", "reported"}
# Sound in form, or odd for those only who know the date or the market.
BEYOND_FORM = {
    "constant",
    "unadjusted_split_2",
    "unadjusted_split_20",
    "unadjusted_split_190",
    "unadjusted_split_3_2",
    "pence",
    "some_pence",
    "future",
    "calendar_days",
    "flat_weekends",
    "line_weekends",
    "misprint",
    "wrong_high",
    "frozen",
}


def one_line(error):
    message = str(error)
    assert message.isprintable()
    assert 20 < len(message) <= 600
    return message


def load(path):
    request = Request("csv", (), None, None, str(path), AS_OF, 0)
    return download(request, strict=False, allow_splits=False)


def through(door, table, folder):
    if door == TABLE:
        before = table.copy(deep=True)
        try:
            return quality.clean(table, as_of=AS_OF, strict=False, allow_splits=False)
        finally:
            pd.testing.assert_frame_equal(table, before)
    path = folder / f"AAA.{door}"
    table.to_csv(path, index=False) if door == CSV else table.to_parquet(path)
    return load(path)


def expected(entry, rows):
    # A table the other way round steps back at every row but the first.
    counts = {EVERY: rows, -2: rows - 1, WEEKENDS: rows - ROWS}
    return {kind: counts.get(count, count) for kind, count in entry.finds.items()}


@pytest.mark.parametrize(("name", "door"), [(name, door) for name, entry in TABLES.items() for door in entry.doors])
def test_a_table_of_the_gallery_meets_its_fate(name, door, tmp_path):
    entry = TABLES[name]
    table = entry.make(sound())
    if entry.fate == "refused":
        with pytest.raises(InputError) as caught:
            through(door, table, tmp_path)
        assert entry.says in one_line(caught.value)
        return
    prices, report = through(door, table, tmp_path)
    check_prices(prices)
    findings = {finding["kind"]: finding for finding in report["findings"]}
    assert {kind: finding["count"] for kind, finding in findings.items()} == expected(entry, len(table))
    actions = {finding["action"] for finding in findings.values()}
    assert (entry.fate in actions and actions <= ACTIONS) if findings else entry.fate == "accepted"
    dropped = sum(finding["count"] for finding in findings.values() if finding["action"] == "dropped")
    assert len(prices) == len(table) - dropped


@pytest.mark.parametrize("name", ["object_numbers", "text_numbers", "decimal_comma", "other_dates", "time_zone",
                                  "mixed_zones", "extra_columns",
                                  "lower_case", "titles", "unsorted", "backwards", "time_of_day"])  # fmt: skip
def test_what_is_only_spelled_otherwise_is_read_to_the_last_digit(name, tmp_path):
    entry = TABLES[name]
    for door in entry.doors:
        prices, _ = through(door, entry.make(sound()), tmp_path)
        pd.testing.assert_frame_equal(prices, sound(), check_exact=True)


@pytest.mark.parametrize("name", CONTENTS)
def test_a_file_of_the_gallery_meets_its_fate(name, tmp_path):
    entry = CONTENTS[name]
    path = tmp_path / entry.name
    path.write_bytes(entry.content())
    if entry.fate == "refused":
        with pytest.raises(InputError) as caught:
            load(path)
        assert entry.says in one_line(caught.value)
        return
    prices, report = load(path)
    assert report["findings"] == []
    assert prices["close"].tolist() == [11.03, 11.04, 11.05, 11.06, 11.07, 11.1, 11.11, 11.12]


def message_of(check, table):
    try:
        check(table)
    except InputError as error:
        return one_line(error)
    return ""


@pytest.mark.parametrize("name", [name for name, entry in TABLES.items() if TABLE in entry.doors])
def test_the_dataset_takes_no_table_that_the_download_had_to_mend(name):
    entry = TABLES[name]
    message = message_of(check_prices, entry.make(sound(400)))
    if entry.fate in ("refused", "repaired", "dropped") and name not in BEYOND_FORM:
        assert message
        assert message_of(partial(dataset.build, horizon=3, max_lookback=20), entry.make(sound(400))) == message
    else:
        # What the download takes in another spelling, it hands on in one.
        spelling = (
            "sorted|naive|numbers elsewhere|time of day|upper case|expected the columns|(volume|prices) finite"
        )
        assert not message or re.search(spelling, message)


@cache
def naive():
    bars = pd.concat([sound(500), sound(500, "BBB")], ignore_index=True)
    # The rows of a forecast alone; where the calibration goes on, it wants those since the fit, too.
    alone = Settings(online=False)
    return fitting.fit("naive", {}, dataset.build(bars, horizon=3, max_lookback=20), settings=alone)


@pytest.mark.parametrize("name", [name for name, entry in TABLES.items() if TABLE in entry.doors])
def test_a_forecaster_meets_the_gallery_with_the_same_fate(name):
    entry, model = TABLES[name], naive()
    table = entry.make(sound(model.context.bars_needed + 40))
    if (entry.forecast or entry.fate) == "refused":
        with pytest.raises(InputError) as caught:
            model.predict_bars(table)
        assert entry.forecast or entry.says in one_line(caught.value)
        return
    answer = model.predict_bars(table)
    assert answer[list(QUANTILE_COLUMNS)].gt(0).all(axis=None)
    assert len(answer) == 3 * table["ticker"].nunique()


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_forecaster_needs_so_many_rows_and_no_more(more):
    model = naive()
    table = sound(model.context.bars_needed + more)
    if more < 0:
        with pytest.raises(InputError, match=f"at least {len(table) + 1} sound bars") as caught:
            model.predict_bars(table)
        one_line(caught.value)
    else:
        assert len(model.predict_bars(table)) == 3


@pytest.mark.parametrize("rows", [1, 19, 20, 21, 61, 100])
def test_a_dataset_of_too_few_rows_is_refused_in_one_line(rows):
    with pytest.raises(InputError) as caught:
        dataset.build(sound(rows), horizon=3, max_lookback=20)
    assert re.search(f"{rows} (bars|of the dates)|shares of the {rows} dates", one_line(caught.value))


def test_the_docs_hold_the_gallery():
    text = (Path(__file__).parents[2] / "docs" / "data-quality.md").read_text(encoding="utf-8")
    assert gallery.docs_table() in text, gallery.docs_table()
