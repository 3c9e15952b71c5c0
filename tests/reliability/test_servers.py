"""A tracking server that is down, slow, out of order or restarting: one line soon, and no run left RUNNING."""

import json
import os
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler

import pytest

from flow_steps.safety import store
from pricecast.errors import InputError
from tests.support.http_servers import QuietServer
from tests.support.stress import apart


@pytest.fixture
def server(monkeypatch):
    """Starts a server that answers as it is told to; gives back its requests."""
    servers = []

    def start(answer):
        requests = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                requests.append(self.path)
                answer(self)

            def do_POST(self):
                self.do_GET()

            def log_message(self, *args):
                pass

        servers.append(QuietServer(Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{servers[-1].server_port}")
        return requests

    yield start
    for each in servers:
        each.shutdown()
        each.server_close()


def says(status, body=b"", **headers):
    def answer(handler):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def refused():
    with pytest.raises(
        InputError, match=r"^expected a tracking store at http://127.0.0.1:\d+, got: .*another store$"
    ) as caught:
        store.ensure()
    assert "\n" not in str(caught.value)
    return str(caught.value)


PAGE = says(200, b"<html>a page</html>")
WAIT = says(503, Retry_After="3600")


@pytest.mark.parametrize("answer", [WAIT, says(500), says(429, Retry_After="60"), says(401), PAGE])
def test_a_server_that_is_out_of_order_is_asked_once(server, answer):
    requests = server(answer)
    refused()
    assert len(requests) == 1


def refused_by_code(status, code):
    return says(status, json.dumps({"error_code": code, "message": "no"}).encode())


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        (
            says(401),
            "MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, to credentials",
        ),
        (refused_by_code(401, "UNAUTHENTICATED"), "to credentials that it accepts"),
        (says(403), "Ask its owner for the right to write there"),
        (refused_by_code(403, "PERMISSION_DENIED"), "Ask its owner for the right to write there"),
        (says(404), "Check the address: no MLflow server answers there"),
        (says(405), "Check the address: no MLflow server answers there"),
        (says(407), "Give HTTPS_PROXY the proxy's user and password"),
        (says(403, b'{"message": "Forbidden"}'), "Ask its owner for the right to write there"),
        (says(401, b'{"error": {"reason": "Unauthorized"}}'), "to credentials that it accepts"),
        (says(404, b'{"detail": "Not Found"}'), "Check the address: no MLflow server answers there"),
        (PAGE, "Check the address: something else answers there, such as a login page"),
        (says(302, Location="/login"), "Check the address: something else answers there, such as a login page"),
    ],
)
def test_a_refusal_is_no_outage(server, answer, advice):
    server(answer)
    said = refused()
    assert advice in said
    assert "Start its server" not in said


@pytest.mark.parametrize(
    "refusal",
    [says(404, b"<h1>Not Found</h1>"), says(404, b'{"detail": "Not Found"}'), says(405), says(501),
     refused_by_code(404, "ENDPOINT_NOT_FOUND")],
)  # fmt: skip
def test_a_server_too_old_for_logged_models_is_told_at_the_start(server, refusal):
    def answer(handler):
        (refusal if "logged-models" in handler.path else says(200, b'{"experiments": []}'))(handler)

    server(answer)
    with pytest.raises(
        InputError, match=r"^expected a tracking server of MLflow 3 or newer, .* Upgrade it, or set"
    ):
        store.ensure()


@pytest.mark.parametrize("status", [400, 403, 500])
def test_what_else_a_server_says_about_logged_models_of_some_experiment_is_no_matter(server, status):
    def answer(handler):
        says(status if "logged-models" in handler.path else 200, b'{"experiments": []}')(handler)

    server(answer)
    store.ensure()


@pytest.mark.parametrize(
    ("name", "value"),
    [("MAX_RETRIES", "many"), ("TIMEOUT", "1 minute"), ("BACKOFF_FACTOR", ""), ("BACKOFF_JITTER", "x")],
)
def test_a_setting_that_mlflow_cannot_read_is_told_before_it_is_needed(server, monkeypatch, name, value):
    server(says(200, b'{"experiments": []}'))
    monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_{name}", value)
    with pytest.raises(InputError, match=rf"expected a value of MLFLOW_HTTP_REQUEST_{name} that MLflow can read"):
        store.ensure()


def test_a_server_that_does_not_answer_is_asked_once_and_for_seconds(server, monkeypatch):
    assert store._SINGLE_TRY["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "5"
    monkeypatch.setitem(store._SINGLE_TRY, "MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    requests = server(lambda handler: time.sleep(30))
    assert "timed out" in refused()
    assert len(requests) == 1


def test_a_server_that_is_down_is_told_at_once(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free.getsockname()[1]}")
        assert "Connection refused" in refused()


def test_in_mid_run_a_server_is_waited_for_but_not_for_ever(server, monkeypatch):
    # The settings are MLflow's own; whoever sets them keeps them.
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "7")
    server(says(200, b'{"experiments": []}'))
    for name in store._SETTINGS.keys() - {"MLFLOW_HTTP_REQUEST_TIMEOUT"}:
        monkeypatch.delenv(name, raising=False)
    store.ensure()
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "7"
    retries, factor = (int(os.environ[f"MLFLOW_HTTP_REQUEST_{name}"]) for name in ("MAX_RETRIES", "BACKOFF_FACTOR"))
    # The first of urllib3's retries comes at once.
    assert 15 <= sum(factor * 2**i for i in range(1, retries)) <= 60
    assert os.environ["MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER"] == "false"


@pytest.mark.slow
def test_a_server_may_die_in_any_step():
    count = apart("servers")
    assert (count.tried, count.bad) == (10, [])
