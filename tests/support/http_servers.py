"""Local HTTP servers of tests: threads that end with the test and say nothing of clients that hang up."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class QuietServer(ThreadingHTTPServer):
    """A server on a free port of this machine, which does not wait for the answers that it still owes."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: the traceback would stand in the output of whatever test runs then."""
