"""The place of artifacts is tried before any work: missing packages, refusals and silence are one line each."""

import sys
import threading
import time
from http.server import BaseHTTPRequestHandler

import pytest

from flow_steps.runs import probe
from pricecast.errors import InputError
from tests.support.http_servers import QuietServer
from tests.support.stores import empty_database, fresh_store, inside


@pytest.fixture(autouse=True, scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probe")
    fresh_store(empty_database(), folder)
    with inside(folder):
        yield


@pytest.fixture
def artifacts():
    """Starts a server that keeps artifacts, with the answers to some methods in place of its own."""
    servers = []

    def start(**instead):
        kept = {}

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self):
                kept[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(200)

            def do_GET(self):
                self.answer(200, kept.get(self.path, b""))

            def do_DELETE(self):
                if "DELETE" not in instead.get("status", {}):
                    kept.pop(self.path)
                self.answer(204)

            def answer(self, status, body=b""):
                instead.get(self.command, lambda: None)()
                status = instead.get("status", {}).get(self.command, status)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        servers.append(QuietServer(Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/api/2.0/mlflow-artifacts/artifacts/1", kept

    yield start
    for each in servers:
        each.shutdown()
        each.server_close()


def refusal(location):
    with pytest.raises(InputError) as caught:
        probe.check(location)
    line = str(caught.value)
    assert line.startswith(f"expected a place for artifacts at {location}, got: ")
    assert line.endswith("or name an experiment with another place in MLFLOW_EXPERIMENT_NAME")
    return line


def test_a_store_that_keeps_files_keeps_none_of_the_probe(artifacts):
    location, kept = artifacts()
    probe.check(location)
    assert kept == {}


def test_a_store_that_deletes_nothing_will_do(artifacts):
    location, kept = artifacts(status={"DELETE": 403})
    probe.check(location)
    assert len(kept) == 1


@pytest.mark.parametrize("method", ["PUT", "GET"])
@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "credentials that it accepts"),
        (403, "Ask its owner for the right"),
        (404, "Check the address"),
        (500, "Check"),
    ],
)
def test_a_store_that_refuses_is_told_with_what_to_do(artifacts, method, status, advice):
    location, _ = artifacts(status={method: status})
    assert advice in refusal(location)


def test_a_store_that_is_silent_is_not_waited_for(artifacts, monkeypatch):
    monkeypatch.setattr(probe, "_PATIENCE", 0.2)
    location, _ = artifacts(PUT=lambda: time.sleep(30))
    assert "no answer within" in refusal(location)


@pytest.mark.parametrize(
    ("location", "module", "package"),
    [
        ("s3://bucket/x", "boto3", "boto3"),
        ("r2://bucket@account.r2.cloudflarestorage.com/x", "boto3", "boto3"),
        ("gs://bucket/x", "google.cloud", "google-cloud-storage"),
        ("wasbs://container@account.blob.core.windows.net/x", "azure", "azure-storage-blob"),
        ("abfss://container@account.dfs.core.windows.net/x", "azure", "azure-storage-blob"),
        ("sftp://127.0.0.1:1/x", "paramiko", "paramiko pysftp"),
    ],
)
def test_a_missing_package_is_named(monkeypatch, location, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    assert f"pip install {package}" in refusal(location)


@pytest.mark.parametrize(
    "location",
    [
        "hdfs://127.0.0.1:1/x", "ftp://127.0.0.1:1/x", "http://127.0.0.1:1/x", "nonsense://x",
        "mlflow-artifacts:/x", "file://elsewhere/x", "dbfs:/x",
    ],
)  # fmt: skip
def test_a_place_that_cannot_be_reached_is_told_at_once(location, capfd):
    refusal(location)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("location", ["/proc/x/y", "/dev/null/x"])
def test_a_folder_that_cannot_be_made_is_refused(location):
    refusal(location)


def test_a_folder_is_made_and_left_empty(tmp_path):
    for location in (f"{tmp_path}/a b/ä?#'/0", (tmp_path / "c%20d").as_uri()):
        probe.check(location)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a b", "c%20d"]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["a%20b", "a%2Fb", "a\\b", "a\\nb"])
def test_a_path_that_mlflow_would_take_for_another_is_refused(tmp_path, name):
    assert "a path that MLflow misreads" in refusal(f"{tmp_path}/{name}/0")
    assert list(tmp_path.iterdir()) == []
