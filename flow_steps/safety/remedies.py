"""Remedies for errors of stores: what to do about a refusal, a missing package or a file that cannot be written."""

import errno
import re

import requests
from mlflow.exceptions import MlflowException, RestException
from mlflow.protos.databricks_pb2 import (
    CUSTOMER_UNAUTHORIZED,
    ENDPOINT_NOT_FOUND,
    PERMISSION_DENIED,
    UNAUTHENTICATED,
    ErrorCode,
)

NOT_PERMITTED = {errno.EACCES, errno.EPERM, errno.EROFS}
_CREDENTIALS = "MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD,"
_BY_STATUS = {
    401: f"Set {_CREDENTIALS} to credentials that it accepts",
    403: f"Ask its owner for the right to write there, or set {_CREDENTIALS} to credentials that have it",
    404: "Check the address: no MLflow server answers there",
    405: "Check the address: no MLflow server answers there",
    407: "Give HTTPS_PROXY the proxy's user and password, or name the server in NO_PROXY",
}
_STATUS = re.compile(r"failed with error code (\d{3})\b")
# What gateways and proxies in front of a server write, of whose answer MLflow keeps the words alone.
_WORDS = {"unauthorized": 401, "unauthenticated": 401, "forbidden": 403, "access denied": 403, "not found": 404}
_BY_CODE = {
    ErrorCode.Name(UNAUTHENTICATED): 401,
    ErrorCode.Name(CUSTOMER_UNAUTHORIZED): 401,
    ErrorCode.Name(PERMISSION_DENIED): 403,
    ErrorCode.Name(ENDPOINT_NOT_FOUND): 404,
}
# What to install for the modules that MLflow imports only when a store wants them.
_PACKAGES = {
    "boto3": "boto3",
    "botocore": "boto3",
    "google": "google-cloud-storage",
    "azure": "azure-storage-blob azure-storage-file-datalake azure-identity",
    "paramiko": "paramiko pysftp",
    "pysftp": "paramiko pysftp",
    "psycopg2": "psycopg2-binary",
    "MySQLdb": "mysqlclient",
    "pymysql": "pymysql",
    "pyodbc": "pyodbc",
}


def remedy(error: BaseException) -> str | None:
    """Return what to do about an error, None where the error does not tell.

    >>> remedy(ModuleNotFoundError(name="boto3"))
    'Install what this store needs: pip install boto3'
    """
    if isinstance(error, ImportError) and (package := _PACKAGES.get((error.name or "").partition(".")[0])):
        return f"Install what this store needs: pip install {package}"
    if (status := status_of(error)) in _BY_STATUS:
        return _BY_STATUS[status]
    text = str(error)
    if (isinstance(error, OSError) and error.errno in NOT_PERMITTED) or "readonly database" in text:
        return "Make it writable"
    if "database is locked" in text:
        return "End the process that has locked it"
    if "not in a valid JSON format" in text or "redirects" in text:
        return "Check the address: something else answers there, such as a login page"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "Set MLFLOW_TRACKING_SERVER_CERT_PATH to the certificate of its authority"
    if "WRONG_VERSION_NUMBER" in text:
        return "Write http:// instead of https:// in its address"
    return None


def status_of(error: BaseException) -> int:
    """Return the HTTP status that a server refused a request with, 0 for any other error.

    >>> status_of(MlflowException("API request to endpoint /x failed with error code 407 != 200."))
    407
    """
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return error.response.status_code
    if not isinstance(error, MlflowException):
        return 0
    if isinstance(error, RestException) and "error_code" not in error.json:
        return next((status for word, status in _WORDS.items() if word in str(error).lower()), 0)
    stated = _STATUS.search(str(error))
    return int(stated[1]) if stated else _BY_CODE.get(error.error_code, 0)
