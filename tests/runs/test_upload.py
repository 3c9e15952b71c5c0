"""Upload: every file whole under its final name, the manifest last, on this machine and afar."""

import errno
from pathlib import Path

import pytest

from flow_steps.runs import upload as module
from flow_steps.runs.upload import upload
from pricecast.files import verify

CONTENT = {
    "table.csv": b"a,b\n",
    "data/one.bin": b"\0\1",
    "data/deep/two.bin": b"four",
    "data/manifest.json": b"{}",
}


@pytest.fixture
def folder(tmp_path):
    for name, data in CONTENT.items():
        (tmp_path / "from" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "from" / name).write_bytes(data)
    return tmp_path / "from"


def names(folder):
    return [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]


def never(folder):
    raise AssertionError(f"a local store was handed to MLflow: {folder}")


@pytest.mark.parametrize("spelled", [str, Path.as_uri], ids=["path", "uri"])
def test_a_local_store_gets_every_file_and_a_manifest_over_all(folder, tmp_path, spelled):
    upload(folder, spelled(tmp_path / "new folder" / "to"), never)
    found = tmp_path / "new folder" / "to"
    assert {name: (found / name).read_bytes() for name in CONTENT} == CONTENT
    assert names(found) == sorted([*CONTENT, "manifest.json"])
    verify(found)


def test_files_get_their_final_names_when_they_are_whole_and_the_manifest_is_last(folder, tmp_path, monkeypatch):
    renamed = []
    rename = Path.replace

    def note(path, target):
        name = Path(target).relative_to(tmp_path / "to").as_posix()
        assert path.read_bytes() == (folder / name).read_bytes()
        assert path.name.endswith(".part")
        renamed.append(name)
        return rename(path, target)

    upload(folder, str(tmp_path / "again"), never)
    monkeypatch.setattr(Path, "replace", lambda path, target: note(path, target) if "to" in path.parts else
                        rename(path, target))  # fmt: skip
    upload(folder, str(tmp_path / "to"), never)
    assert set(renamed) == {*CONTENT, "manifest.json"}
    assert renamed[-1] == "manifest.json"


def test_a_copy_that_breaks_off_leaves_neither_half_a_file_nor_a_manifest(folder, tmp_path, monkeypatch):
    copy = module.shutil.copyfile

    def full(source, target):
        if source.name == "two.bin":
            Path(target).write_bytes(b"fo")
            raise OSError(errno.ENOSPC, "No space left on device")
        return copy(source, target)

    monkeypatch.setattr(module.shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space left"):
        upload(folder, str(tmp_path / "to"), never)
    assert not {"data/deep/two.bin", "manifest.json"} & set(names(tmp_path / "to"))
    assert not list((tmp_path / "to").rglob("*.part"))


def test_a_store_afar_gets_the_files_first_and_the_manifest_alone_at_last(folder):
    sent = []
    upload(folder, "mlflow-artifacts:/1/2/artifacts", lambda path: sent.append(names(Path(path))))
    assert sent == [sorted(CONTENT), ["manifest.json"]]
    verify(folder)
