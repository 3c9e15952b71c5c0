"""The file format of skops for one object of plain parameters and arrays, without skops, which imports torch.

skops.io imports every module of scikit-learn for its list of trusted types, and through its array API layer torch:
seconds and hundreds of megabytes. What is written here is, to the last byte, what skops writes, but for the numbers
of the objects: skops takes memory addresses, here they count in reading order, so that equal objects have equal
files. Whoever has skops reads the file with `skops.io.load`.
"""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

SCHEMA = "schema.json"
MAX_BYTES = 16 * 2**20
_FORMAT = {"protocol": 2, "_skops_version": "0.16.0"}
_HEADER = 128  # bytes before the numbers of an .npy file
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip file can hold


def pack(module: str, name: str, attributes: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the files within the archive of an object, by name.

    Args:
        module: of its class.
        name: of its class.
        attributes: numbers, texts, tuples of these, and float64 arrays (n,) or scalars.
    """
    numbers = _Numbers()
    files: dict[str, bytes] = {}
    content = {key: _node(value, numbers, files) for key, value in attributes.items()}
    texts = [_typed("str", "TypeNode", numbers["type"]) for _ in content]
    keys = _typed("list", "ListNode", numbers["keys"], content=texts)
    state = _typed("dict", "DictNode", numbers["state"], content=content, key_types=keys)
    schema = {**_typed(name, "ObjectNode", numbers["object"], module, content=state), **_FORMAT}
    return {**files, SCHEMA: json.dumps(schema, indent=2).encode("utf-8")}


def unpack(files: Mapping[str, bytes]) -> tuple[str, dict[str, Any]]:
    """Return the name of the class and the attributes of an object, given the files within its archive.

    Nothing is imported or constructed. Files that are not what `pack` returns give some error or some other object:
    pack the result again, and compare.
    """
    schema = json.loads(files[SCHEMA])
    return schema["__class__"], {
        key: _value(node, files) for key, node in schema["content"]["content"].items()
    }  # fmt: skip


def to_archive(files: Mapping[str, bytes]) -> bytes:
    """Return the files as an archive whose bytes depend on them alone."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data)
    return target.getvalue()


def from_archive(data: bytes) -> dict[str, bytes]:
    """Return the files of an archive.

    Raises:
        ValueError: it is compressed or too big.
        zipfile.BadZipFile: it is no archive.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        # Nothing is compressed, so that nothing unpacks to more than it is.
        packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
        if packed or len(data) > MAX_BYTES or sum(entry.file_size for entry in entries) > MAX_BYTES:
            raise ValueError(f"a packed file or one of more than {MAX_BYTES} bytes")
        return {entry.filename: archive.read(entry) for entry in entries}


class _Numbers(dict[str, int]):
    """Numbers of objects by a name, in order of first use from 1: equal objects, kept once by Python, share one."""

    def __missing__(self, key: str) -> int:
        self[key] = len(self) + 1
        return self[key]


def _node(value: Any, numbers: _Numbers, files: dict[str, bytes]) -> dict[str, Any]:
    if isinstance(value, np.ndarray | np.float64):
        number = numbers[f"array {len(files)}"]
        files[f"{number}.npy"] = _npy(value)
        about = {"type": "numpy", "file": f"{number}.npy"}
        return _typed(type(value).__name__, "NdArrayNode", number, "numpy", **about)
    if isinstance(value, tuple):
        items = [_node(item, numbers, files) for item in value]
        return _typed("tuple", "TupleNode", numbers[f"tuple {value}"], content=items)
    text = json.dumps(value)
    return _typed("str", "JsonNode", numbers[text], content=text, is_json=True)


def _typed(name: str, loader: str, number: int, module: str = "builtins", **content: Any) -> dict[str, Any]:
    return {"__class__": name, "__module__": module, "__loader__": loader, **content, "__id__": number}


def _value(node: dict[str, Any], files: Mapping[str, bytes]) -> Any:
    if node["__loader__"] == "NdArrayNode":
        numbers = np.frombuffer(files[node["file"]], np.float64, offset=_HEADER)
        return numbers if node["__class__"] == "ndarray" else numbers[0]
    if node["__loader__"] == "TupleNode":
        return tuple(_value(item, files) for item in node["content"])
    return json.loads(node["content"])


def _npy(value: np.ndarray | np.float64) -> bytes:
    target = io.BytesIO()
    np.lib.format.write_array(target, np.asarray(value), version=(1, 0), allow_pickle=False)
    return target.getvalue()
