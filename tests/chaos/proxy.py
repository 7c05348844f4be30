"""A proxy before a real S3 server that injects a store's troubles, drawn from a seed."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from tests.servers import Server


@dataclass
class Faults:
    """What goes wrong, changeable while the proxy runs. Shares are of all requests."""

    seed: int = 0
    errors: float = 0.0  # answered with 500 InternalError
    throttled: float = 0.0  # answered with 503 SlowDown
    cut: float = 0.0  # connections closed: before the request is passed on, or in the middle of an answer's body
    lost_answers: float = 0.0  # passed on, then closed without an answer
    slow: float = 0.0  # bodies that come in ten pieces, each held back as an answer is
    delay: float = 0.0  # most seconds an answer is held back
    broken_keys: tuple[str, ...] = ()  # objects whose GET and HEAD always say 500
    refuse_writes: bool = False  # every PUT says 500
    expired: bool = False  # every request says ExpiredToken
    injected: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._lock = threading.Lock()

    def draw(self, method: str, path: str) -> str:
        """The fault of one request: its name, or "" for none."""
        with self._lock:
            number = self._random.random()
        fault = ""
        if self.expired:
            fault = "expired"
        elif method in ("GET", "HEAD") and path.endswith(self.broken_keys or ("\0",)):
            fault = "broken"
        elif method == "PUT" and self.refuse_writes:
            fault = "errors"
        else:
            for name in ("errors", "throttled", "cut", "lost_answers", "slow"):
                number -= getattr(self, name)
                if number < 0:
                    fault = name
                    break
        if fault:
            self.injected[fault] += 1
        return fault


_REFUSALS = {
    "errors": (500, "InternalError"),
    "broken": (500, "InternalError"),
    "throttled": (503, "SlowDown"),
    "expired": (400, "ExpiredToken"),
}


@contextmanager
def faulty(server: Server, faults: Faults) -> Iterator[Server]:
    """The same S3 server, reached through the faults."""
    behind = urlsplit(server.endpoint).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fault = faults.draw(self.command, unquote(urlsplit(self.path).path))
            if fault in _REFUSALS:
                self._refuse(*_REFUSALS[fault])
                return
            if fault == "cut" and self.command != "GET":
                self._hang_up()
                return
            connection = http.client.HTTPConnection(behind, timeout=60)
            try:
                # The Host header is signed: it goes on as the client wrote it.
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                data = answer.read()
            finally:
                connection.close()
            if fault == "lost_answers":
                self._hang_up()
                return
            if faults.delay:
                time.sleep(faults.delay * random.random())
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("connection", "transfer-encoding", "content-length", "date", "server"):
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            if fault == "slow":
                step = len(data) // 10 + 1
                for start in range(0, len(data), step):
                    self.wfile.write(data[start : start + step])
                    time.sleep(faults.delay * random.random())
            else:
                self.wfile.write(data[: len(data) // 2] if fault == "cut" else data)
            if fault == "cut":
                self._hang_up()

        def _refuse(self, status: int, code: str) -> None:
            body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>injected</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def _hang_up(self) -> None:
            self.wfile.flush()
            self.close_connection = True

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass

        def log_message(self, format: str, *args: object) -> None:
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy.daemon_threads = True
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    endpoint = f"http://127.0.0.1:{proxy.server_address[1]}"
    try:
        yield Server(endpoint, server.env | {"AWS_ENDPOINT_URL": endpoint})
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()
