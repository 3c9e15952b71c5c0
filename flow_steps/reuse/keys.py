"""The key of a step: everything that its outcome depends on, in parts with a digest each."""

import base64
import json
import os
import platform
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flow_steps.reuse import closure
from pricecast.files import digest_file, digest_text

# Stands for flow_steps, whose files are no part of a key. Add one whenever they change what a finished run holds
# (files, metrics, tags, children), so that no run of the old kind is reused.
RUN_FORMAT = 2


def parts(
    step: str, params: Mapping[str, Any], inputs: Mapping[str, str], modules: tuple[str, ...]
) -> dict[str, str]:
    """Return the parts of a step's key: digests, versions and texts by name.

    Args:
        step: the entry point.
        params: typed parameters, without artifact inputs.
        inputs: digest of each artifact input.
        modules: the step's own, those that it loads by name, and those that only flow_steps calls for it.

    Raises:
        InputError: there is no such module.
    """
    files = closure.files(modules)
    machine = {
        "threads": os.environ.get("OMP_NUM_THREADS") or _cores(),
        "cuda": Path("/dev/nvidiactl").exists() and os.environ.get("CUDA_VISIBLE_DEVICES", "all"),
    }
    return {
        "step": step,
        "run format": str(RUN_FORMAT),
        **{f"param {name}": _digest(value)[:16] for name, value in params.items()},
        **{f"input {name}": value for name, value in inputs.items()},
        **{f"code {name}": _digest_module(path) for name, path in files.items()},
        **{f"version of {name}": value for name, value in closure.libraries(files.values()).items()},
        "version of python": platform.python_version(),
        **{f"machine {name}": str(value) for name, value in machine.items()},
    }


def _cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def key(key_parts: dict[str, str]) -> str:
    """Return the key: one digest of all parts."""
    return _digest(key_parts)


def pack(key_parts: dict[str, str]) -> str:
    """Return parts as the compressed text of a tag, whose length MLflow limits."""
    return base64.b64encode(zlib.compress(json.dumps(key_parts, sort_keys=True).encode())).decode()


def unpack(text: str) -> dict[str, str]:
    """Return the parts from the text of `pack`."""
    return json.loads(zlib.decompress(base64.b64decode(text)))


def difference(ours: dict[str, str], theirs: dict[str, str]) -> list[str]:
    """Return the names of the parts that differ."""
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def describe(changed: list[str], limit: int = 4) -> str:
    """Return the names of changed parts for the log, parameters first, then inputs."""
    changed = sorted(changed, key=lambda name: (not name.startswith("param"), not name.startswith("input")))
    more = f" and {len(changed) - limit} more" if len(changed) > limit else ""
    return ", ".join(changed[:limit]) + more


def _digest_module(path: Path) -> str:
    """Return the digest of a module together with the files that share its stem, such as its template."""
    files = sorted(path.parent.glob(f"{path.stem}.*"))
    return _digest([digest_file(file) for file in files])[:16]


def _digest(value: Any) -> str:
    return digest_text(json.dumps(value, sort_keys=True, default=str))
