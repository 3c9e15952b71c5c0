"""Files are written whole, read as they were written, and refused in one line where they were not."""

import math
import os

import numpy as np
import pandas as pd
import pytest

from pricecast import files
from pricecast.errors import InputError

TABLE = pd.DataFrame({"date": pd.bdate_range("2024-01-01", periods=500), "close": np.linspace(1, 2, 500)})


def flip(path, position):
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(bytes(data))


def refused(function, *args, match):
    with pytest.raises(InputError, match=match) as caught:
        function(*args)
    assert "\n" not in str(caught.value)


def test_a_table_comes_back_as_it_was(tmp_path):
    pd.testing.assert_frame_equal(
        files.read_parquet(files.write_parquet(TABLE, tmp_path / "a" / "t.parquet")), TABLE
    )


def test_a_flipped_bit_in_a_table_is_refused(tmp_path):
    path = files.write_parquet(TABLE, tmp_path / "t.parquet")
    flip(path, 200)
    refused(files.read_parquet, path, match="expected a sound parquet file at .*t.parquet, got")


def test_json_comes_back_and_equal_values_have_equal_bytes(tmp_path):
    one = files.write_json({"b": [1, 2.5], "a": None}, tmp_path / "one.json")
    other = files.write_json({"a": None, "b": [1, 2.5]}, tmp_path / "other.json")
    assert files.read_json(one) == {"a": None, "b": [1, 2.5]}
    assert one.read_bytes() == other.read_bytes()


def test_what_json_cannot_hold_leaves_the_old_file(tmp_path):
    path = files.write_json({"a": 1}, tmp_path / "a.json")
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json({"a": math.nan}, path)
    assert files.read_json(path) == {"a": 1}


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000])
def test_no_json_is_refused(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    refused(files.read_json, tmp_path / "a.json", match="expected a JSON file at")
    refused(files.read_json, tmp_path / "none.json", match="expected a JSON file at")


def test_a_file_that_fails_half_way_is_not_there(tmp_path):
    path = tmp_path / "a.txt"

    def fail(partial):
        partial.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        files.write_whole(path, fail)
    assert list(tmp_path.iterdir()) == []


def test_arrays_of_one_content_but_other_shape_or_type_have_other_digests():
    arrays = [np.arange(6.0), np.arange(6.0).reshape(2, 3), np.arange(6), np.arange(6.0) + 1]
    assert len({files.digest_array(array) for array in arrays}) == len(arrays)
    assert files.digest_array(np.arange(6.0)) == files.digest_array(np.arange(6.0).copy())


@pytest.fixture
def sealed(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "sub" / "b.txt").write_text("b")
    files.seal(tmp_path)
    return tmp_path


def test_a_sealed_folder_is_whole(sealed):
    files.verify(sealed)
    assert list(files.read_manifest(sealed)) == ["a.txt", "sub/b.txt"]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda folder: (folder / "a.txt").write_text("b"), "a.txt"),
        (lambda folder: (folder / "a.txt").unlink(), "a.txt"),
        (lambda folder: (folder / "sub" / "c.txt").write_text("c"), "sub/c.txt"),
    ],
)
def test_a_changed_folder_is_refused_and_the_file_named(sealed, change, name):
    change(sealed)
    refused(files.verify, sealed, match=f"as they were written, but these .*: {name}")


def test_a_manifest_in_another_spelling_is_refused(sealed):
    manifest = sealed / files.MANIFEST
    manifest.write_text(manifest.read_text() + " ")
    refused(files.verify, sealed, match="but the file has changed")
    manifest.write_text("[]\n")
    refused(files.verify, sealed, match="but the file has changed")


def test_links_and_pipes_are_refused(tmp_path):
    (tmp_path / "link").symlink_to("/etc/hostname")
    refused(files.digests, tmp_path, match="nothing but files and folders in .*, got 'link'")
    (tmp_path / "link").unlink()
    os.mkfifo(tmp_path / "pipe")
    refused(files.digests, tmp_path, match="got 'pipe'")
