"""A Ray head by `ray start` as docs/laptop.md says it, and Debian's Prometheus that watches it, while a test needs them."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from tests.pages import page_command

ROOT = Path(__file__).parents[2]


def wait_for(what: str, ready: Callable[[], Any], seconds: float = 240.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < deadline, f"no {what} after {seconds:.0f} s"
        time.sleep(0.3)
    return found


def free_ports(count: int) -> list[int]:
    """Held all at once: one after another, the same one may come twice, and Ray does not start."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def get(url: str, token: str = "") -> str | None:
    """What the address says; None where nothing answers yet."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}"
    except OSError:
        return None


@dataclass
class Head:
    pid: int
    folder: Path
    temp: Path
    environment: dict[str, str]
    address: str
    dashboard: str
    metrics: str
    token: str

    def run(self, *command: str | Path, timeout: float = 400.0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=timeout, check=False
        )

    def submit_command(self, *options: str, script: str = "summarize.py", job: str = "job.yaml") -> list[str]:
        """The line of docs/laptop.md, at this head, with these options, this script and this job of the folder."""
        line = page_command("laptop.md", "ray job submit")
        assert "--runtime-env jobs/runtime_env.yaml" in line
        words = shlex.split(line.replace("http://127.0.0.1:8265", self.dashboard))
        words[words.index("jobs/runtime_env.yaml")] = str(self.folder / "runtime_env.yaml")
        words[words.index("jobs/summarize.yaml")] = str(self.folder / job)
        words[words.index("jobs/summarize.py")] = f"jobs/{script}"
        return [*words[:3], *options, *words[3:]]

    def parts(self) -> set[str]:
        return {path.name for path in self.folder.glob("out/summaries/*/part-*.parquet")}


@contextmanager
def running_head(folder: Path) -> Iterator[Head]:
    """`ray start --head` with a token of its own; ended by ending that process, never by `ray stop`."""
    temp = tempfile.mkdtemp(prefix="mmsum-ray-")  # short: Ray's sockets lie in it
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_metrics_report_interval_ms": "1000",
    }
    environment.pop("RAY_ADDRESS", None)
    name, _, value = page_command("laptop.md", "export RAY_AUTH_MODE").removeprefix("export ").partition("=")
    environment[name] = value
    assert page_command("laptop.md", "ray get-auth-token") == page_command("ray-up.md", "ray get-auth-token")
    subprocess.run(
        shlex.split(page_command("laptop.md", "ray get-auth-token")), env=environment, check=True, capture_output=True
    )
    names = ("port", "dashboard-port", "metrics-export-port", "ray-client-server-port", "dashboard-agent-listen-port")
    ports = dict(zip(names, free_ports(len(names)), strict=True))  # another Ray may run on this machine
    command = shlex.split(page_command("laptop.md", "ray start --head"))
    command.remove("--metrics-export-port=8080")
    command += ["--num-cpus=2", "--num-gpus=1", "--block", f"--temp-dir={temp}"]
    command += ["--object-store-memory=200000000", *(f"--{name}={port}" for name, port in ports.items())]
    with (folder / "head.log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    started = Head(
        process.pid,
        folder,
        Path(temp),
        environment,
        f"127.0.0.1:{ports['port']}",
        f"http://127.0.0.1:{ports['dashboard-port']}",
        f"http://127.0.0.1:{ports['metrics-export-port']}/metrics",
        (folder / ".ray" / "auth_token").read_text(),
    )

    def answers() -> str | None:
        assert process.poll() is None, (folder / "head.log").read_text()[-2000:]
        return get(started.metrics)

    try:
        wait_for("metrics of the head's node", answers)
        wait_for("dashboard", lambda: "ray_version" in (get(f"{started.dashboard}/api/version", started.token) or ""))
        yield started
    finally:
        # Ray's own way out took up to 30 s on a busy machine.
        everything = [*psutil.Process(process.pid).children(recursive=True), process]
        for one in everything:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        process.wait(timeout=30)
        shutil.rmtree(temp, ignore_errors=True)


@contextmanager
def running_prometheus(head: Head) -> Iterator[str]:
    """Debian's Prometheus with deploy/prometheus/prometheus.yml, scraping every second; its address."""
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    config["global"]["scrape_interval"] = "1s"
    (files,) = [entry["files"] for entry in config["scrape_configs"][0]["file_sd_configs"]]
    assert files[0] == "/tmp/ray/prom_metrics_service_discovery.json"
    files[0] = str(head.temp / "prom_metrics_service_discovery.json")
    file = head.folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    (port,) = free_ports(1)
    command = shlex.split(page_command("laptop.md", "prometheus"))
    command[command.index("--config.file=deploy/prometheus/prometheus.yml")] = f"--config.file={file}"
    command[command.index("--web.listen-address=127.0.0.1:9090")] = f"--web.listen-address=127.0.0.1:{port}"
    with (head.folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(
            [*command, f"--storage.tsdb.path={head.folder / 'tsdb'}"], stdout=log, stderr=subprocess.STDOUT
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for("Prometheus", lambda: get(f"{address}/-/ready"))
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)
