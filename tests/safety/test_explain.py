"""Errors in one line, and tracebacks for those that are the project's to mend."""

import errno
import re

import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, PERMISSION_DENIED, RESOURCE_DOES_NOT_EXIST
from sqlalchemy.exc import OperationalError

from flow_steps.safety import explain
from pricecast.errors import InputError


def full():
    return OSError(errno.ENOSPC, "No space left on device")


def forbidden():
    response = requests.Response()
    response.status_code = 403
    return requests.HTTPError("403 Forbidden", response=response)


def caused(error, cause):
    """The error as it is raised because of another."""
    try:
        try:
            raise cause
        except type(cause) as first:
            raise error from first
    except type(error) as second:
        return second


def while_handling(error, other):
    """The error as it is raised while another is handled."""
    try:
        try:
            raise other
        except type(other):
            raise error  # noqa: B904
    except type(error) as second:
        return second


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("expected this, got that"), "expected this, got that"),
        (full(), "expected room on the disk"),
        (caused(MlflowException("cannot write"), full()), "expected room on the disk, got: .*No space left"),
        (MlflowException("(sqlite3.OperationalError) database or disk is full"), "expected room on the disk"),
        (OSError(errno.EFBIG, "File too large"), "expected room on the disk"),
        (PermissionError(errno.EACCES, "Permission denied"), "expected a place that can be written to"),
        (OSError(errno.EROFS, "Read-only file system"), "expected a place that can be written to"),
        (MlflowException("API request failed"), "expected the tracking store at .* to answer"),
        (OperationalError("SELECT", {}, OSError("server closed")), "expected the tracking store at"),
        (requests.ConnectionError("refused"), "expected the tracking store at"),
        (
            MlflowException("no", PERMISSION_DENIED),
            r"expected the store at .* to take this.* Ask its owner for the right",
        ),
        (
            MlflowException("API request to endpoint /x failed with error code 401 != 200."),
            ".* Set MLFLOW_TRACKING_TOKEN",
        ),
        (forbidden(), ".* to take this, got: 403 Forbidden. Ask its owner for the right to write there"),
        (
            ModuleNotFoundError("No module named 'boto3'", name="boto3"),
            ".* got: No module .* pip install boto3 and run",
        ),
        (MlflowException("Run with id=x not found", RESOURCE_DOES_NOT_EXIST), "expected what earlier steps left"),
    ],
)
def test_what_a_person_can_mend_is_one_line(error, line):
    said = explain.explain(error)
    assert re.match(line, said)
    assert "\n" not in said


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("No module named 'pricecast.x'", name="pricecast.x"),
        KeyError("column"),
        AssertionError(),
        while_handling(KeyError("a bug"), MlflowException("API request failed")),
        MlflowException("no such parameter", INVALID_PARAMETER_VALUE),
        FileNotFoundError(errno.ENOENT, "No such file"),
    ],
)
def test_a_bug_keeps_its_traceback(error):
    assert explain.explain(error) is None
