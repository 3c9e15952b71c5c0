"""The key of a step: everything that its outcome depends on, each part with a digest of its own."""

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

# It stands for the plumbing: the files of flow_steps that steps import are no part of a key. Add one whenever they
# change what a finished run holds (files, metrics, tags, children), so that no run of the old kind is reused.
RUN_FORMAT = 1


def parts(
    step: str, params: Mapping[str, Any], inputs: Mapping[str, str], modules: tuple[str, ...]
) -> dict[str, str]:
    """Digests of the parts of a step's key, by name.

    Args:
        step: the entry point.
        params: typed parameters, artifact inputs left out.
        inputs: digest of each artifact input.
        modules: the step's own module, and those that it loads by name or that only the plumbing calls for it.

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
    """Cores that this process may use, where the system says so."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def key(key_parts: dict[str, str]) -> str:
    """One digest over all parts."""
    return _digest(key_parts)


def packed(key_parts: dict[str, str]) -> str:
    """Parts as the text of a tag; as they are, those of a walk of all models are longer than MLflow keeps."""
    return base64.b64encode(zlib.compress(json.dumps(key_parts, sort_keys=True).encode())).decode()


def unpacked(text: str) -> dict[str, str]:
    """Return the parts that `packed` made a text of."""
    return json.loads(zlib.decompress(base64.b64decode(text)))


def difference(ours: dict[str, str], theirs: dict[str, str]) -> list[str]:
    """Return the parts that differ."""
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def shown(changed: list[str], limit: int = 4) -> str:
    """Parts for the log, what a user sets first."""
    changed = sorted(changed, key=lambda name: (not name.startswith("param"), not name.startswith("input")))
    more = f" and {len(changed) - limit} more" if len(changed) > limit else ""
    return ", ".join(changed[:limit]) + more


def _digest_module(path: Path) -> str:
    """Return a module's digest, with that of files that share its stem (a report's template, say)."""
    beside = sorted(path.parent.glob(f"{path.stem}.*"))
    return _digest([digest_file(file) for file in beside])[:16]


def _digest(value: Any) -> str:
    return digest_text(json.dumps(value, sort_keys=True, default=str))
