"""Tables and files that nobody thought of: one line, or exactly what plain loops expect."""

import csv
import io
import warnings

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pricecast.data import quality
from pricecast.data.ingest import download
from pricecast.data.quality import oddities
from pricecast.data.sources import Request
from pricecast.errors import InputError
from pricecast.schema import PRICES
from tests.reliability import tables
from tests.support import bad_tables, gallery, reference_quality
from tests.support.gallery import AS_OF, HEADER, LINES, sound
from tests.support.reference_quality import RefusedError


def no_failure(count, fates):
    assert count.bad == [], "\n".join(count.bad[:20])
    assert count.tried == sum(fates.values())
    # All three fates are met, or the stress test would prove little.
    assert min(fates[fate] for fate in tables.FATES) > count.tried / 20


def test_hundreds_of_bad_tables_meet_one_fate():
    no_failure(*tables.ours(150, seed=1))


@pytest.mark.slow
def test_ten_thousand_bad_tables_meet_one_fate():
    no_failure(*tables.ours(10_000, seed=0))


@pytest.mark.parametrize(
    ("where", "rule", "defect"),
    [
        (quality, "check_volume", "zero_volume"),
        (quality, "drop_copies", "frozen"),
        (quality, "drop_misprints", "misprint"),
        (quality, "fit_ends", "wrong_high"),
        (quality, "check_interpolated", "weekly"),
        (oddities, "_check_weekend", "weekend"),
        (quality, "check_last", "live"),
        (quality, "fit_range", "close_outside"),
        (quality, "check_moves", "double_adjustment"),
    ],
)
def test_the_stress_test_notices_a_rule_that_is_gone(monkeypatch, where, rule, defect):
    monkeypatch.setattr(where, rule, lambda *_: None)
    monkeypatch.setattr(tables, "DOORS", (tables._through_table,))
    monkeypatch.setattr(bad_tables, "MUTATIONS", (bad_tables._gallery,))
    monkeypatch.setattr(gallery, "TABLES", {defect: gallery.TABLES[defect]})
    count, _ = tables.ours(8, seed=2)
    assert any("silent: " in text for text in count.bad)


def meets_one_fate(take, expect):
    """Refused in one line, or what the plain rules expect of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            prices, report = take()
        except InputError as error:
            message = str(error)
            report = None
    if report is None:
        assert message.isprintable()
        assert len(message) <= 600
        return
    try:
        tables._compare(prices, report, expect())
    except (RefusedError, tables.SilentError) as error:
        pytest.fail(f"taken, though {error}")


def load(path):
    request = Request("csv", (), None, None, str(path), AS_OF, 0)
    return download(request, strict=False, allow_splits=True)


SCALARS = st.one_of(
    st.floats(), st.integers(-(10**20), 10**20), st.text(max_size=8), st.booleans(), st.none(),
    st.binary(max_size=3), st.decimals(), st.fractions(), st.complex_numbers(),
    st.datetimes(), st.dates(), st.timedeltas(),
    st.just(pd.NaT), st.just(pd.NA), st.lists(st.integers(), max_size=2),
)  # fmt: skip
PRICE = st.one_of(st.floats(1, 100), st.floats(), SCALARS)
DAY = st.one_of(st.dates(pd.Timestamp("2024-01-01").date(), AS_OF.date()).map(pd.Timestamp), SCALARS)
NAME = st.one_of(st.sampled_from(["A", "B"]), st.text(max_size=4), SCALARS)


@st.composite
def odd_tables(draw):
    rows = draw(st.integers(0, 5))
    columns = {}
    for name in PRICES:
        cells = {"date": DAY, "ticker": NAME}.get(name, PRICE)
        plain = {"date": DAY.filter(lambda x: isinstance(x, pd.Timestamp)), "ticker": st.just("A")}
        values = draw(st.one_of(
            st.lists(plain.get(name, st.floats(1, 100)), min_size=rows, max_size=rows),
            st.lists(cells, min_size=rows, max_size=rows),
        ))  # fmt: skip
        try:
            columns[name] = pd.Series(values, dtype=draw(st.sampled_from([None, object])))
        except (TypeError, ValueError, OverflowError):
            columns[name] = pd.Series(values, dtype=object)
    return pd.DataFrame(columns)


SETTINGS = settings(
    max_examples=60, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@SETTINGS
@given(odd_tables())
def test_any_table_is_refused_or_mended_as_by_hand(table):
    meets_one_fate(
        lambda: quality.clean(table, as_of=AS_OF, strict=False, allow_splits=True),
        lambda: reference_quality.expect(reference_quality.cells_of_table(table), AS_OF),
    )


@SETTINGS
@given(
    content=st.one_of(st.binary(), st.binary().map((HEADER + LINES).encode().__add__), st.text().map(str.encode))
)
def test_any_bytes_are_no_file_or_read_as_by_hand(tmp_path, content):
    path = tmp_path / "AAA.csv"
    path.write_bytes(content)
    meets_one_fate(
        lambda: load(path), lambda: reference_quality.expect(reference_quality.cells_of_csv(content, "AAA"), AS_OF)
    )


@SETTINGS
@given(data=st.data())
def test_any_text_in_any_cell_is_refused_or_read_as_by_hand(tmp_path, data):
    lines = [list(PRICES), *sound(12).astype(str).to_numpy().tolist()]
    row, column = data.draw(st.integers(0, 12)), data.draw(st.integers(0, len(PRICES) - 1))
    lines[row][column] = data.draw(st.one_of(st.text(), st.floats().map(str), st.from_regex(r"[\d.,+eE-]{1,9}")))
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    path = tmp_path / "AAA.csv"
    path.write_bytes(content := text.getvalue().encode("utf-8", errors="replace"))
    meets_one_fate(
        lambda: load(path), lambda: reference_quality.expect(reference_quality.cells_of_csv(content, "AAA"), AS_OF)
    )
