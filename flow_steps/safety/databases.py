"""Databases of runs and studies: what a URL names, whether it can be written to, and whose tables are in it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from alembic.migration import MigrationContext
from sqlalchemy.exc import OperationalError

_PATIENCE = 5  # seconds that a database is waited for
_MLFLOW, _OPTUNA = {"experiments", "runs"}, {"studies", "trials"}  # tables that tell whose a database is


def file_of(uri: str) -> Path | None:
    """Return the file of a SQLite database; None for other databases, in memory, and names that SQLite resolves.

    >>> file_of("sqlite:///my%20runs/mlflow.db")
    PosixPath('my runs/mlflow.db')
    >>> file_of("sqlite:///file:mlflow.db?mode=ro&uri=true")
    """
    if not uri.startswith("sqlite"):
        return None
    name = sqlalchemy.make_url(uri).database or ""
    return None if is_in_memory(uri) or name.startswith("file:") else Path(name)


def is_in_memory(uri: str) -> bool:
    """Return whether a SQLite database ends with its process.

    >>> [is_in_memory(uri) for uri in ("sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true")]
    [True, True, True]
    """
    if not uri.startswith("sqlite"):
        return False
    parsed = sqlalchemy.make_url(uri)
    return (parsed.database or ":memory:") == ":memory:" or parsed.query.get("mode") == "memory"


def check_writable(uri: str) -> None:
    """Try to write to the folder of a SQLite database, and to its file, if there is one.

    Raises:
        OSError: files cannot be made in the folder, where SQLite keeps its journal.
        OperationalError: the file is read-only.
    """
    if path := file_of(uri):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
        if not path.exists():
            return
    if uri.startswith("sqlite"):
        with _connection(uri, patience=0) as connection:
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                # Without this a read-only file is merely opened for reading.
                connection.exec_driver_sql("CREATE TABLE pricecast_probe (x INTEGER)")
            except OperationalError as error:
                # Others write, too.
                if "is locked" not in str(error):
                    raise
            connection.rollback()


def content_of(uri: str) -> tuple[set[str], set[str]]:
    """Return the names of a database's tables, and the revisions of its schema as Alembic notes them."""
    with _connection(uri) as connection:
        tables = set(sqlalchemy.inspect(connection).get_table_names())
        return tables, set(MigrationContext.configure(connection).get_current_heads())


def owner_of(tables: set[str]) -> str:
    """Return the program that made a database, empty for none of those that may meet here.

    >>> owner_of({"studies", "trials", "alembic_version"})
    'Optuna'
    """
    return "MLflow" if tables >= _MLFLOW else "Optuna" if tables >= _OPTUNA else ""


@contextmanager
def _connection(uri: str, patience: int = _PATIENCE) -> Iterator[sqlalchemy.Connection]:
    arguments: dict[str, Any] = {}
    if uri.startswith(("postgresql", "mysql")):
        arguments = {"connect_timeout": patience}
    elif uri.startswith("sqlite"):
        arguments = {"timeout": patience}
    engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool, connect_args=arguments)
    with engine.connect() as connection:
        yield connection
