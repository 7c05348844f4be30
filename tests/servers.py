"""Real object stores on this machine, for tests. Each is a process of its own, ended when the `with` block ends.

rclone_s3   S3 over a folder; ignores If-None-Match and If-Match
moto_s3     S3 in memory; honours both
scripted_s3 HTTP answers given by the test, for what no healthy store says
gcs, azure  emulators, where their commands (`gcp-storage-emulator`, npm's `azurite-blob`) are on the PATH
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_KEY, _SECRET = "testkey", "testsecret"
# The key of every Azurite's account `devstoreaccount1`, as printed in its manual.
_AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_START_SECONDS = 60.0


@dataclass(frozen=True)
class Server:
    """A running server, and the environment variables by which boto3 or pyarrow, and so mmsum, finds it."""

    endpoint: str
    env: dict[str, str]


@contextmanager
def rclone_s3(root: Path) -> Iterator[Server]:
    """`rclone serve s3` of a folder: its subfolders are the buckets.

    It remembers folders' contents: put files there before it starts, or through S3. (Without that memory,
    `--dir-cache-time 0s`, a small write took 0.1 s and more instead of 0.01 s.)
    """
    rclone = Path(sys.executable).with_name("rclone")
    port = _free_port()
    command = [str(rclone), "serve", "s3", "--auth-key", f"{_KEY},{_SECRET}", "--addr", f"127.0.0.1:{port}"]
    command += ["--config", os.devnull, "--vfs-cache-mode", "off", str(root)]
    with _running(command, port):
        yield _s3(port)


@contextmanager
def moto_s3(page_size: int = 1000) -> Iterator[Server]:
    """moto's S3, empty: make buckets in it with boto3. Listings come in pages of so many keys."""
    port = _free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _running(command, port, MOTO_S3_DEFAULT_MAX_KEYS=str(page_size)):
        yield _s3(port)


@contextmanager
def gcs() -> Iterator[Server]:
    """Google Cloud Storage, in memory. Raises FileNotFoundError where the emulator is not installed."""
    port = _free_port()
    command = [_command("gcp-storage-emulator"), "start", "--host", "127.0.0.1", "--port", str(port), "--in-memory"]
    with _running(command, port):
        endpoint = f"http://127.0.0.1:{port}"
        yield Server(endpoint, {"STORAGE_EMULATOR_HOST": endpoint})


@contextmanager
def azure(folder: Path) -> Iterator[Server]:
    """Azure Blob Storage, kept in `folder`. Raises FileNotFoundError where the emulator is not installed."""
    port = _free_port()
    command = [_command("azurite-blob"), "--blobHost", "127.0.0.1", "--blobPort", str(port)]
    with _running([*command, "--location", str(folder), "--silent", "--skipApiVersionCheck"], port):
        endpoint = f"http://127.0.0.1:{port}"
        yield Server(endpoint, {"AZURE_STORAGE_BLOB_ENDPOINT": endpoint, "AZURE_STORAGE_KEY": _AZURITE_KEY})


@dataclass
class Script:
    """Answers that a scripted server still has to give, in order, and the requests it got."""

    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)  # method, path, headers


@contextmanager
def scripted_s3(script: Script) -> Iterator[Server]:
    """A server that answers every request with the script's next answer, then closes the connection."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # which answers `Expect: 100-continue`, or every PUT would wait a second for it

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            script.requests.append((self.command, self.path, dict(self.headers)))
            status, headers, body = script.answers.pop(0)
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body)), "Connection": "close"} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_HEAD = do_POST = _answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield _s3(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def _running(command: Sequence[str], port: int, **env: str) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | env)
    try:
        _wait_for(port, process)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _s3(port: int) -> Server:
    endpoint = f"http://127.0.0.1:{port}"
    environment = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": _KEY,
        "AWS_SECRET_ACCESS_KEY": _SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        # For pyarrow, whose newer checksums rclone answers with HTTP 411.
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    }
    return Server(endpoint, environment)


def _command(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode} before it answered")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"{process.args!r} did not answer on port {port} within {_START_SECONDS:.0f} s")
