"""Faults of an environment: what a command finds around it, and what it should say about it."""

import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import NamedTuple

import optuna

from tests.support.http_servers import QuietServer

TUNE = ("tune", "--models", "mlp", "--n-trials", "1", "--source", "synthetic", "--path", "gbm")
_RUN = "a" * 32


class Fault(NamedTuple):
    """A fault.

    Attributes:
        name: of the case, and of its folder.
        says: a part of the one line that refuses it; empty where the command has to succeed.
        variables: of the environment, from the case's folder; None unsets one.
        statements: that alter its store.
        words: of the command line, in front of the usual ones.
        child: what its process does to itself beforehand.
    """

    name: str
    says: str = ""
    variables: Callable[[Path], Mapping[str, str | None]] = lambda home: {}
    statements: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    child: Callable[[], None] = lambda: None


def _set(**variables: str) -> Callable[[Path], Mapping[str, str | None]]:
    return lambda home: variables


def _uri(uri: str) -> Callable[[Path], Mapping[str, str | None]]:
    return lambda home: {"MLFLOW_TRACKING_URI": uri.replace("HOME", str(home))}


def _row(table: str, **columns: object) -> tuple[str, ...]:
    """A statement that inserts a row; HOME stands for the folder of the store's artifacts."""
    values = ", ".join(f"'{value}'" for value in columns.values())
    return (f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})",)  # noqa: S608


def _experiment(place: str = "HOME", stage: str = "active") -> tuple[str, ...]:
    return _row(
        "experiments", experiment_id=1, name="other", artifact_location=place, lifecycle_stage=stage,
        workspace="default",
    )  # fmt: skip


def _run(experiment: int = 0, **columns: object) -> tuple[str, ...]:
    usual = {"status": "RUNNING", "lifecycle_stage": "active", "artifact_uri": "HOME"}
    return _row(
        "runs",
        run_uuid=_RUN,
        name="given",
        user_id="me",
        start_time=1,
        experiment_id=experiment,
        **{**usual, **columns},
    )


NAME, ID, RUN = "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"
EXPERIMENTS = (
    *(Fault(f"id {number:.9}", "take an id out of", _set(**{ID: number})) for number in ("999", "abc", "9" * 40)),
    Fault("id deleted", "experiments restore", _set(**{ID: "1"}), _experiment(stage="deleted")),
    Fault("name deleted", "experiments restore", _set(**{NAME: "other"}), _experiment(stage="deleted")),
    Fault(
        "default deleted", "experiments restore", statements=("UPDATE experiments SET lifecycle_stage='deleted'",)
    ),
    Fault("name and id", "expected one experiment", _set(**{NAME: "other", ID: "0"}), _experiment()),
    Fault("new name and id", "expected one experiment", _set(**{NAME: "new", ID: "0"})),
    Fault("long name", "at most 500", _set(**{NAME: "n" * 600})),
    Fault("control characters", "printable", _set(**{NAME: "a\x1b[31m\nb"})),
    Fault("no text", "printable", _set(**{NAME: "a\udcff"})),
    Fault("run absent", "unset it", _set(**{RUN: _RUN})),
    Fault("run malformed", "unset it", _set(**{RUN: "../x y"})),
    Fault("run long", "unset it", _set(**{RUN: "a" * 4000})),
    Fault("run deleted", "runs restore", _set(**{RUN: _RUN}), _run(lifecycle_stage="deleted")),
    Fault("run finished", "expected a run in progress", _set(**{RUN: _RUN}), _run(status="FINISHED")),
    Fault("run elsewhere", "expected one", _set(**{RUN: _RUN, ID: "0"}), (*_experiment(), *_run(1))),
    Fault("run of deleted", "restore", _set(**{RUN: _RUN}), (*_experiment(stage="deleted"), *_run(1))),
    Fault("empty variables", "", _set(**{NAME: "", ID: "", RUN: ""})),
)
_PLACES = {
    "s3://bucket/x": "boto3", "gs://bucket/x": "google-cloud-storage", "sftp://127.0.0.1:1/x": "paramiko",
    "wasbs://c@a.blob.core.windows.net/x": "azure-storage-blob", "abfss://c@a.dfs.core.windows.net/x": "azure",
    "hdfs://127.0.0.1:1/x": "Check the address", "ftp://127.0.0.1:1/x": "Check the address",
    "http://127.0.0.1:1/x": "Check the address", "dbfs:/x": "credentials", "nonsense://x": "Check the address",
    "mlflow-artifacts:/x": "tracking URI", "file://elsewhere/x": "Check the address", "/proc/x": "a place for",
    "/dev/null/x": "a place for",
}  # fmt: skip
ARTIFACTS = (
    *(Fault(f"artifacts {i}", says, _set(**{NAME: "other"}), _experiment(place))
      for i, (place, says) in enumerate(_PLACES.items())),
    Fault("run's artifacts", "boto3", _set(**{RUN: _RUN}), _run(artifact_uri="s3://bucket/x")),
)  # fmt: skip
STORES = (
    Fault("older schema", "db upgrade", statements=("UPDATE alembic_version SET version_num='451aebb31d03'",)),
    Fault("newer schema", "newer MLflow", statements=("UPDATE alembic_version SET version_num='ffff'",)),
    Fault("half a store", "Move that file away", statements=("DROP TABLE latest_metrics",)),
    Fault("another program", "database of its own", _uri("sqlite:///HOME/songs.db")),
    Fault("studies", "database of its own", _uri("sqlite:///HOME/studies.db")),
    Fault("no database", "Move that file away", _uri("sqlite:///HOME/text.db")),
    Fault("a folder", "Move that file away", _uri("sqlite:///HOME/folder")),
    Fault("read-only file", "Make it writable", _uri("sqlite:///file:HOME/mlflow.db?mode=ro&uri=true")),
    Fault("no folder", "tracking store at", _uri("sqlite:////proc/mlflow.db")),
    Fault("server down", "Start its server", _uri("http://127.0.0.1:1")),
    Fault("no host", "Start its server", _uri("http://nowhere.invalid")),
    Fault("no port", "tracking store at", _uri("http://127.0.0.1:x")),
    Fault("no scheme", "tracking store at", _uri("nonsense://x")),
    Fault("no driver", "pip install mysqlclient", _uri("mysql://me@127.0.0.1:1/x")),
    Fault("database down", "Start its server", _uri("postgresql://me@127.0.0.1:1/x")),
    Fault("setting", "that MLflow can read", _set(MLFLOW_HTTP_REQUEST_MAX_RETRIES="many")),
    Fault("switch", "that MLflow can read", _set(MLFLOW_TRACKING_INSECURE_TLS="perhaps")),
)
_STORAGES = {
    "sqlite://": "outlasts", "sqlite:///:memory:": "outlasts", "sqlite:///mlflow.db": "Optuna's own",
    "sqlite:///old.db": "optuna storage upgrade", "sqlite:///new.db": "a newer Optuna's",
    "sqlite:///file:studies.db?mode=ro&uri=true": "Make it writable", "sqlite:///folder": "Choose another",
    "sqlite:///text.db": "Choose another", "sqlite:////proc/x.db": "Choose another",
    "nonsense": "another --storage",
    "redis://127.0.0.1:1/0": "another --storage", "mysql://me@127.0.0.1:1/x": "pip install mysqlclient",
    "postgresql+psycopg://me@127.0.0.1:1/x": "Start its server",
}  # fmt: skip
STUDIES = tuple(
    Fault(f"studies {i}", says, words=(*TUNE, "--storage", url)) for i, (url, says) in enumerate(_STORAGES.items())
)
SERVERS = {
    401: "MLFLOW_TRACKING_TOKEN", 403: "the right to write there", 404: "no MLflow server answers",
    407: "HTTPS_PROXY", 302: "a login page", 200: "a login page", 500: "Start its server", 503: "Start its server",
}  # fmt: skip


def _encoded(encoding: str) -> Callable[[], None]:
    def child() -> None:
        sys.stdout.reconfigure(encoding=encoding, errors="strict")

    return child


def _lead(*numbers: int, to: str = "") -> Callable[[], None]:
    """A preparation that closes standard streams, or leads them to a file, or to a pipe that nobody reads."""

    def child() -> None:
        for number in numbers:
            if to == "pipe":
                reader, writer = os.pipe()
                os.dup2(writer, number)
                os.close(reader)
            elif to:
                os.dup2(os.open(to, os.O_WRONLY), number)
            else:
                os.close(number)

    return child


OUTPUT = (
    *(
        Fault(f"output {encoding}", child=_encoded(encoding))
        for encoding in ("cp1252", "latin-1", "ascii", "cp437")
    ),
    Fault("output closed", child=_lead(1)),
    Fault("errors closed", child=_lead(2)),
    Fault("all closed", child=_lead(0, 1, 2)),
    Fault("broken pipe", child=_lead(1, to="pipe")),
    Fault("broken pipes", child=_lead(1, 2, to="pipe")),
    Fault("full output", child=_lead(1, to="/dev/full")),
    Fault("full streams", child=_lead(1, 2, to="/dev/full")),
)
# The store is where the command makes one: in the working directory, which is named so.
FOLDERS = tuple(
    Fault(name, says, lambda home: {"MLFLOW_TRACKING_URI": None})
    for name, says in {
        **dict.fromkeys(["a%b", "a?b", "a#b", "a b", "a'b", 'a"b', "ä ö", "a&b;c", "a$b`c", "a|b*", "日本"], ""),
        **dict.fromkeys(["a%20b", "a%2Fb", "a\\b", "a\nb"], "a path that MLflow misreads"),
    }.items()
)
FAULTS = (*EXPERIMENTS, *ARTIFACTS, *STORES, *STUDIES, *OUTPUT, *FOLDERS)


def furnish(home: Path) -> None:
    """Puts the files into a folder that some faults are about."""
    (home / "text.db").write_text("no database\n" * 500, encoding="utf-8")
    (home / "folder").mkdir()
    for name in ("studies", "old", "new"):
        optuna.storages.RDBStorage(f"sqlite:///{home}/{name}.db")
    _alter(home / "old.db", "UPDATE alembic_version SET version_num = 'v2.6.0.a'")
    _alter(home / "new.db", "UPDATE alembic_version SET version_num = 'v99.0.0.a'")
    _alter(home / "songs.db", "CREATE TABLE songs (name TEXT)")


def alter(home: Path, statements: tuple[str, ...]) -> None:
    """Alters the store of a folder."""
    for statement in statements:
        _alter(home / "mlflow.db", statement.replace("HOME", f"{home}/mlruns"))


def _alter(database: Path, statement: str) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute(statement)
    connection.close()


def servers() -> tuple[Fault, ...]:
    """Servers that refuse in one way each, and the faults that they are; they end with this process."""
    faults = [
        Fault(f"server {status}", says, _uri(_server(lambda path, status=status: status)))
        for status, says in SERVERS.items()
    ]
    old = _server(lambda path: 404 if "logged-models" in path else 0)
    return (*faults, Fault("server too old", "Upgrade it", _uri(old)))


def _server(status_of: Callable[[str], int]) -> str:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = status_of(self.path)
            self.send_response(status or 200)
            self.send_header("Location", "/login")
            self.end_headers()
            self.wfile.write(b"<html>" if status else b'{"experiments": []}')

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = QuietServer(Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"
