"""A tracking server that is down, slow, out of order or restarting: one line soon, and no run left RUNNING."""

import os
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from flow_steps.safety import store
from pricecast.errors import InputError
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

        # A server that does not wait for the answers it still owes.
        made = type("Server", (ThreadingHTTPServer,), {"daemon_threads": True, "block_on_close": False})
        servers.append(made(("127.0.0.1", 0), Handler))
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
