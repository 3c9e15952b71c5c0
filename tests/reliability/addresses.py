"""Stress test: addresses that lead out of a run. Who reads what lies there?"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow

from flow_steps.runs import artifacts
from tests.support.stores import finished, refused
from tests.support.stress import Count, answer, spread

BESIDE = "beside.txt"
# Below `runs:/<id>/`; {outside} is the folder above the artifacts.
WAYS = (
    "..", "../", "../../..", f"../{BESIDE}", f"data/../../{BESIDE}", f"./../{BESIDE}", f"%2e%2e/{BESIDE}",
    f"%2E%2E%2F{BESIDE}", f"..%2f{BESIDE}", f"%252e%252e/{BESIDE}", f"dataset/%2e%2e/%2e%2e/{BESIDE}",
    f"..\\{BESIDE}", f"dataset\\..\\..\\{BESIDE}", "/etc/passwd", "//etc/passwd", "{outside}/" + BESIDE,
    f"link/{BESIDE}", "link", "linked.txt", f"dataset//../../{BESIDE}", f"dataset?x=/../{BESIDE}",
    f"dataset#/../../{BESIDE}", f"\0/../{BESIDE}", f"dataset/\n../../{BESIDE}", "file:{outside}/" + BESIDE,
    "C:\\" + BESIDE, "pipe", "~/" + BESIDE, "$HOME", "x?y", "x#y", "dataset/.", ".", " ", "dataset//spec.json",
)  # fmt: skip
# Whole addresses that name nothing.
ODD = (
    "runs:/", "runs://", "runs:///", "runs:/%/x", "runs:/_/x", "runs:/%25/x", "runs:/*/x", "runs:/' OR 1=1 --/x",
    "runs:/../x", "runs:/./x", "runs:/\0/x", "runs:/" + "a" * 2**20, "runs:/x/" + "a/" * 2**19, "runs:/x\ny/z",
    "models:/", "models://", "models:/..", "models:/m-1/../../mlflow.db", "models:/%2e%2e/1", "models:/x/1/../..",
    "models:/m-" + "0" * 32, "models:/m-" + "0" * 32 + "/../x", "models:/m-" + "0" * 32 + "//etc/passwd",
    "models:/x\\..\\y", "models:/x\0/1", "models:/x@../1", "models:/x/latest?y", "models:/" + "a" * 2**20, "\0",
    "a" * 2**20, "file:///etc/passwd", "RUNS:/x", "runs:x",
)  # fmt: skip
# MLflow would wait at the pipe for ever, and copy whole folders.
_UNTRIED = {"pipe", "..", "../", "../../.."}


def ours(n: int | None, folder: Path) -> Count:
    """Reads them through our door; bad is what is not refused in one short line."""
    with _run(folder) as (run_id, outside):
        uris = [f"runs:/{run_id}/{way.replace('{outside}', str(outside))}" for way in WAYS]
        chosen = spread((*uris, *ODD), n)
        bad = [repr(uri[:99]) for uri in chosen if not refused(lambda uri=uri: artifacts.fetch(uri))]
    return Count(len(chosen), bad)


def stock(n: int | None, folder: Path) -> Count:
    """Reads them as MLflow does; bad is every way by which the secret, or the system's accounts, come out."""
    chosen, bad = spread([way for way in WAYS if way not in _UNTRIED], n), []
    with _run(folder) as (run_id, outside), tempfile.TemporaryDirectory() as target:
        for i, way in enumerate(chosen):
            uri = f"runs:/{run_id}/{way.replace('{outside}', str(outside))}"
            (Path(target) / str(i)).mkdir()
            try:
                mlflow.artifacts.download_artifacts(uri, dst_path=f"{target}/{i}")
            except Exception:  # noqa: S112 - refused is refused
                continue
            texts = [path.read_bytes() for path in (Path(target) / str(i)).rglob("*") if path.is_file()]
            bad += [repr(way)] if any(b"secret" in text or b"root:" in text for text in texts) else []
    return Count(len(chosen), bad)


@contextmanager
def _run(folder: Path) -> Iterator[tuple[str, Path]]:
    """A run with links and a pipe among its artifacts, and the folder outside to which they lead."""
    with finished(folder) as client:
        (run,) = client.search_runs(["0"], "tags.`pricecast.step` = 'transform'")
        root = Path(run.info.artifact_uri.removeprefix("file://"))
        outside = root.parent
        (outside / BESIDE).write_text("secret", encoding="utf-8")
        try:
            (root / "link").symlink_to(outside)
            (root / "linked.txt").symlink_to(outside / BESIDE)
            os.mkfifo(root / "pipe")
            yield run.info.run_id, outside
        finally:
            for path in (root / "link", root / "linked.txt", root / "pipe", outside / BESIDE):
                path.unlink(missing_ok=True)


if __name__ == "__main__":
    answer(ours=ours, stock=stock)
