"""Planted keys: real commands run with secrets all around them, then everything they leave is searched."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, quote_plus

from tests.support.mlproject import copy_of_project, run_line
from tests.support.stores import environment
from tests.support.stress import Count, answer, one_text, spread

SMALL = ("--models", "naive", "--max-lookback", "20", "--vis", "false")


def _planted(name: str) -> str:
    """A key that no encoding leaves as it is."""
    return f"planted/{name}+{name[::-1]}&=="


KEYS = {
    name: _planted(name)
    for name in (
        "tracking",
        "token",
        "proxy",
        "secure",
        "index",
        "aws",
        "vantage",
        "database",
        "small",
        "remote",
        "store",
    )
}
ENVIRONMENT = {
    "MLFLOW_TRACKING_PASSWORD": KEYS["tracking"],
    "MLFLOW_TRACKING_TOKEN": KEYS["token"],
    "HTTP_PROXY": f"http://me:{quote(KEYS['proxy'], safe='')}@127.0.0.1:9",
    "HTTPS_PROXY": f"http://me:{quote(KEYS['secure'], safe='')}@127.0.0.1:9",
    "PIP_EXTRA_INDEX_URL": f"https://me:{quote(KEYS['index'], safe='')}@127.0.0.1:9/simple",
    "AWS_SECRET_ACCESS_KEY": KEYS["aws"],
    "ALPHAVANTAGE_API_KEY": KEYS["vantage"],
    "DATABASE_URL": f"postgresql://me:{quote(KEYS['database'], safe='')}@127.0.0.1:9/db",
    "some_password": KEYS["small"],
}
STORE_PASSWORD = quote(KEYS["store"], safe="")
# A source that tells its key wherever it can, then does what the last line says.
LEAKY = """
import logging, os, warnings
from urllib.parse import quote_plus
from pricecast.errors import InputError
from pricecast.data.sources import synthetic
LIVE = False
def fetch(request):
    key = os.environ["ALPHAVANTAGE_API_KEY"]
    address = f"https://example.invalid/query?apikey={quote_plus(key)}"
    logging.getLogger("pricecast.leaky").warning("asking %s with %s", address, key)
    logging.getLogger("urllib3.connectionpool").error("Retrying after %r", address)
    try:
        raise OSError(f"refused {key}")
    except OSError:
        logging.getLogger("pricecast.leaky").exception("no answer")
    warnings.warn(f"deprecated: {address}")
    if request.tickers == ("BROKEN",):
        raise RuntimeError(f"403 for {address}, {key!r}") from KeyError(key)
    if request.tickers == ("REFUSED",):
        raise InputError(f"expected an answer of {address}, got 403: check the key {key}")
    return synthetic.fetch(request)
"""
# What each command is given, what it is to end with, and what else stands in its environment.
WAYS: dict[str, tuple[list[str], int, dict[str, str]]] = {
    "a run that succeeds": (["--source", "leaky", *SMALL], 0, {}),
    "a step that fails": (["--source", "leaky", "--test-size", "0.9", *SMALL], 1, {}),
    "a source that dies with the key": (["download", "--source", "leaky", "--tickers", "BROKEN"], 1, {}),
    "a source that refuses with the key": (["download", "--source", "leaky", "--tickers", "REFUSED"], 1, {}),
    "a key as a path": (["--path", f"https://me:{KEYS['vantage']}@example.invalid/x", *SMALL], 2, {}),
    "a key in json": (["--model-params", json.dumps({"naive": {"key": KEYS["aws"]}}), *SMALL], 2, {}),
    "a key as an option": ([f"--{KEYS['token']}"], 2, {}),
    "a key as a command": ([KEYS["small"]], 2, {}),
    "a database without a driver": (
        [*SMALL], 1, {"MLFLOW_TRACKING_URI": f"postgresql://me:{STORE_PASSWORD}@127.0.0.1:9/db"},
    ),
    "a server that is down": (
        [*SMALL], 1, {
            "MLFLOW_TRACKING_URI": f"http://me:{STORE_PASSWORD}@127.0.0.1:9",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "2", "NO_PROXY": "127.0.0.1",
        },
    ),
}  # fmt: skip


def ours(n: int | None, folder: Path, only: tuple[str, ...] = ()) -> Count:
    """Runs n ways, then looks for every key in all that each left; a bad key was found, a bad way ended wrongly."""
    project = make_project(folder / "project")
    chosen, found = only or spread((*WAYS, "mlflow run"), n), []
    for name in chosen:
        home = folder / name.replace(" ", "_")
        if name == "mlflow run":
            params = {"source": "leaky", "models": "naive", "max_lookback": "20", "vis": "false"}
            command, code, more = run_line(project, params), 0, {}
        else:
            words, code, more = WAYS[name]
            command = [sys.executable, str(project / "main.py"), *words]
        done = _execute(command, home, more)
        if done.returncode != code:
            found.append(f"{name}: ended with {done.returncode}: {done.stdout[-300:]!r}")
        found += [f"{name}: {where}" for where in _search(home, done.stdout)]
    return Count(len(chosen) * len(KEYS), found)


def stock(_: int | None, folder: Path) -> Count:
    """A plain project in MLflow's ways: a key as a parameter, a remote with a token, an error with a key."""
    project = folder / "project"
    project.mkdir()
    (project / "MLproject").write_text(
        "name: stock\nentry_points:\n  main:\n    parameters:\n      api_key: {type: string}\n"
        "    command: python main.py {api_key}\n",
        encoding="utf-8",
    )
    (project / "main.py").write_text(
        "import os, mlflow\nwith mlflow.start_run():\n"
        "    raise OSError('403 for ?apikey=' + os.environ['ALPHAVANTAGE_API_KEY'])\n",
        encoding="utf-8",
    )
    _make_repository(project)
    done = _execute(run_line(project, {"api_key": KEYS["aws"]}), folder / "home", {})
    return Count(len(KEYS), _search(folder / "home", done.stdout))


def make_project(folder: Path) -> Path:
    """A copy of the project with the leaky source, in a repository whose remote holds a token."""
    copy_of_project(folder)
    (folder / "pricecast" / "data" / "sources" / "leaky.py").write_text(LEAKY, encoding="utf-8")
    _make_repository(folder)
    return folder


def _make_repository(folder: Path) -> None:
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.invalid", "-C", str(folder)]
    remote = f"https://bot:{quote(KEYS['remote'], safe='')}@example.invalid/project.git"
    for words in (
        ["init", "-q"], ["add", "main.py", "MLproject"], ["commit", "-q", "-m", "Start"],
        ["remote", "add", "origin", remote],
    ):  # fmt: skip
        subprocess.run([*git, *words], check=True, capture_output=True)


def _execute(command: list[str], home: Path, more: dict[str, str]) -> subprocess.CompletedProcess[str]:
    (home / "tmp").mkdir(parents=True)
    given = {**ENVIRONMENT, "TMPDIR": str(home / "tmp"), "MLFLOW_DISABLE_TELEMETRY": "true", **more}
    return subprocess.run(
        command, cwd=home, env=environment(home, **given), text=True, timeout=600, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def _search(home: Path, output: str) -> list[str]:
    """Every key in every file and in the output, whatever its spelling; one text a key."""
    files = {path.relative_to(home).as_posix(): path.read_bytes() for path in home.rglob("*") if path.is_file()}
    places = {**files, "the output": output.encode()}
    return [
        text
        for name, key in KEYS.items()
        for text in one_text(f"the key {name}", [
            f"{spelling} in {place}"
            for place, content in places.items()
            for spelling, form in _spellings(key).items()
            if form in content
        ])
    ]  # fmt: skip


def _spellings(key: str) -> dict[str, bytes]:
    """Base64 of a text within a text begins at one of three places in a group; what is sure of each is searched."""
    raw = key.encode()
    shifted = {
        f"base64 at {pad}": base64.b64encode(b"\0" * pad + raw)[-(-8 * pad // 6) : (8 * (pad + len(raw))) // 6]
        for pad in range(3)
    }
    return {
        "raw": raw, "url": quote(key, safe="").encode(), "form": quote_plus(key, safe="/").encode(),
        **shifted,
    }  # fmt: skip


if __name__ == "__main__":
    answer(ours=ours, stock=stock)
