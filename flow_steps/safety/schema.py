"""Schemas of tracking stores: those of other programs, and of other versions of MLflow, told in one line."""

from alembic.script import ScriptDirectory
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.db import utils as declared
from mlflow.version import VERSION

from flow_steps.safety import databases, remedies
from pricecast.errors import InputError

_UNKNOWN_ENDPOINT = {404, 405, 501}


def check_tables(uri: str) -> None:
    """Refuse what is no store of the installed MLflow's: MLflow would retry for minutes, and may alter it.

    Raises:
        InputError: it is of another program or of another version's schema.
        OSError: it is half a store.
    """
    tables, revisions = databases.content_of(uri)
    if not tables:
        return
    if (owner := databases.owner_of(tables)) != "MLflow":
        whose = f"one of {owner}'s studies" if owner else f"another program's, with {', '.join(sorted(tables)[:3])}"
        raise _refusal(uri, f"{whose}. Give MLflow a database of its own")
    script = ScriptDirectory.from_config(declared._get_alembic_config(""))
    newest, stated = set(script.get_heads()), ", ".join(sorted(revisions)) or "none"
    if revisions == newest:
        missing = sorted(declared.Base.metadata.tables.keys() - tables)
        if missing:
            raise OSError(f"half a store, without the tables {', '.join(missing[:3])} and {len(missing)} in all")
    elif len(revisions) != 1:
        raise OSError(f"half a store, with the revisions {stated} of its schema")
    elif revisions <= {each.revision for each in script.walk_revisions()}:
        mend = f"Back it up, for there is no way back, then run `mlflow db upgrade {uri}`"
        raise _refusal(uri, f"one of an older MLflow's (revision {stated}). {mend}")
    else:
        raise _refusal(uri, f"one of a newer MLflow's (revision {stated}). Install that MLflow, or a newer one")


def check_server(uri: str) -> None:
    """Refuse a server without the endpoints of logged models, which MLflow 3 brought."""
    try:
        MlflowClient().search_logged_models(experiment_ids=["0"], max_results=1)
    except MlflowException as error:
        # Whatever else it says about this experiment is no matter: runs may go to another.
        if remedies.status_of(error) in _UNKNOWN_ENDPOINT:
            raise InputError(
                f"expected a tracking server of MLflow 3 or newer, which keeps logged models, at {uri}, got an "
                "older one. Upgrade it, or set MLFLOW_TRACKING_URI to another store"
            ) from error


def _refusal(uri: str, got: str) -> InputError:
    return InputError(
        f"expected a tracking store at {uri} as MLflow {VERSION} keeps it, got {got}, or set MLFLOW_TRACKING_URI "
        "to another store"
    )
