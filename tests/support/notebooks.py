"""Executes the notebooks and keeps what they show: python -m tests.support.notebooks OUT_DIR [NAME ...]."""

import argparse
import base64
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

from tests.support.palette import small

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "notebooks"
SECONDS = 1800  # for one cell: against one that never ends, not against a busy machine
# A chart has few colours: as a palette it is a third of the size, and looks the same.
COLOURS = 64
STARTING = 300  # for a kernel to answer
# What differs from one machine to the next and says nothing to a reader.
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def names() -> list[str]:
    """The notebooks in their order."""
    return sorted(path.stem for path in FOLDER.glob("*.ipynb"))


def read(path: Path) -> NotebookNode:
    """A notebook of the format that is kept."""
    return nbformat.read(path, as_version=4)


def execute(name: str) -> NotebookNode:
    """Runs every cell in a kernel of its own, in the repository's root; the outputs are all that changes.

    Raises:
        CellExecutionError: a cell fails.
    """
    notebook = read(FOLDER / f"{name}.ipynb")
    resources = {"metadata": {"path": str(ROOT)}}
    with _no_traces(), tempfile.TemporaryDirectory(prefix="kernel-") as folder:
        # Sockets in a folder of their own: anybody on the machine could talk to ports, and without a folder two
        # kernels that start at once would take the same names.
        sockets = Config({"KernelManager": {"transport": "ipc", "ip": f"{folder}/socket"}})
        NotebookClient(
            notebook, timeout=SECONDS, startup_timeout=STARTING, kernel_name="python3", resources=resources,
            record_timing=False, config=sockets,
        ).execute()  # fmt: skip
    notebook.metadata = nbformat.from_dict(METADATA)
    for output in outputs(notebook):
        output.get("metadata", {}).clear()
        for kind, content in output.get("data", {}).items():
            if kind == "image/png":
                output.data[kind] = _small(content)
    return notebook


def outputs(notebook: NotebookNode) -> Iterator[NotebookNode]:
    """All that the cells show."""
    for cell in notebook.cells:
        yield from cell.get("outputs", [])


def printed(cell: NotebookNode) -> str:
    """The text that a cell prints."""
    return "".join(output.text for output in cell.outputs if output.get("name") == "stdout")


def figures(notebook: NotebookNode) -> list[str]:
    """The values that the last code cell prints, as `label: value`, line by line."""
    last = [cell for cell in notebook.cells if cell.cell_type == "code"][-1]
    return re.findall(r": (\S+)$", printed(last), flags=re.MULTILINE)


def write(notebook: NotebookNode, path: Path) -> None:
    """Writes what `read` reads, equal notebooks as equal files."""
    nbformat.validate(notebook)
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


def _small(png: str) -> str:
    return base64.b64encode(small(base64.b64decode(png), COLOURS)).decode("ascii")


@contextmanager
def _no_traces() -> Iterator[None]:
    """Keeps the kernel's own files out of the user's home, and lets it import the repository's code."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        places = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
        os.environ.update(dict.fromkeys(places, folder))
        os.environ["PYTHONPATH"] = str(ROOT)
        # tqdm misses widgets that nobody would see.
        os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def main() -> None:
    """Executes the notebooks that are asked for, by default all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="*", default=names())
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    for name in asked.names:
        write(execute(name), asked.out / f"{name}.ipynb")


if __name__ == "__main__":
    main()
