"""Two Ray nodes as two hosts, one of which is killed in the middle of a run: the run finishes without being started again.

    python benchmarks/nodes.py [--documents N] [--seed S]          (as root: it makes two network namespaces)

The hosts are Linux network namespaces joined by a veth pair, with a Ray node in each and a file system in common. The
driver runs on the head; the other node is killed with everything on it once it is at work.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # tests/: archives and checks

import mmsum
from mmsum.pipeline.runlog import read_logs
from tests.chaos.killing import check, content, run_to_the_end
from tests.conftest import mmsum_command, write_archive

HOSTS = {"mmsum-a": "10.77.0.1", "mmsum-b": "10.77.0.2"}
HEAD, OTHER = HOSTS
SETTINGS = ("--set", "summarizer=lead", "--set", "shard_size=4")


def sh(command: str) -> None:
    subprocess.run(command, shell=True, check=True)


@contextmanager
def hosts() -> Iterator[None]:
    """Two namespaces that reach each other and nothing else."""
    for host in HOSTS:
        subprocess.run(["ip", "netns", "del", host], stderr=subprocess.DEVNULL)
    try:
        for host in HOSTS:
            sh(f"ip netns add {host} && ip -n {host} link set lo up")
        sh(f"ip link add veth-a netns {HEAD} type veth peer name veth-b netns {OTHER}")
        for (host, address), link in zip(HOSTS.items(), ("veth-a", "veth-b"), strict=True):
            sh(f"ip -n {host} addr add {address}/24 dev {link} && ip -n {host} link set {link} up")
        yield
    finally:
        for host in HOSTS:
            kill_host(host)
            subprocess.run(["ip", "netns", "del", host])


def on_host(host: str, command: list[str], log: Path, **environment: str) -> subprocess.Popen[bytes]:
    # gRPC would send what goes to the other host through a proxy, which the namespaces do not reach.
    inherited = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    with log.open("ab") as file:
        return subprocess.Popen(
            ["ip", "netns", "exec", host, *command], stdout=file, stderr=file, env=inherited | environment
        )


def wait_for_log(log: Path, said: str = "Ray runtime started") -> None:
    deadline = time.monotonic() + 120
    while said not in log.read_text():
        if time.monotonic() > deadline:
            sys.exit(f"no Ray node within two minutes:\n{log.read_text()[-2000:]}")
        time.sleep(0.5)


def kill_host(host: str) -> int:
    """SIGKILL to everything that runs in a namespace, until nothing does."""
    killed = 0
    while pids := subprocess.run(["ip", "netns", "pids", host], capture_output=True, text=True).stdout.split():
        for pid in map(int, pids):
            try:
                os.kill(pid, signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass
        time.sleep(0.1)
    return killed


def nodes_at_work(out: str) -> set[str]:
    """Addresses of the nodes that shards are under way on, by the run's log."""
    beats = [e for _, events in read_logs(out, 1) for e in events if e["event"] == "beat"]
    return {work["node"] for work in beats[-1]["under_way"]} if beats else set()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"]
    with tempfile.TemporaryDirectory(prefix="mmsum-nodes-") as folder, hosts():
        work, out = Path(folder), str(Path(folder, "out"))
        archive = write_archive(work / "archive", given.documents)
        # Nobody else reaches the namespaces: no token has to be handed from host to host.
        quiet = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_AUTH_MODE": "disabled"}
        head = [*ray, "--head", f"--node-ip-address={HOSTS[HEAD]}", "--port=6379", "--num-cpus=2"]
        head += ["--include-dashboard=false", f"--temp-dir={work / 'ray'}", "--object-store-memory=200000000"]
        other = [*ray, f"--address={HOSTS[HEAD]}:6379", f"--node-ip-address={HOSTS[OTHER]}", "--num-cpus=2"]
        on_host(HEAD, head, work / "head.log", **quiet)
        wait_for_log(work / "head.log")
        on_host(OTHER, [*other, "--object-store-memory=200000000"], work / "other.log", **quiet)
        wait_for_log(work / "other.log")
        command = mmsum_command("summarize", archive, out, *SETTINGS)
        driver = on_host(HEAD, command, work / "run.log", RAY_ADDRESS=f"{HOSTS[HEAD]}:6379", **quiet)
        while driver.poll() is None and HOSTS[OTHER] not in nodes_at_work(out):
            time.sleep(0.5)
        time.sleep(random.Random(given.seed).uniform(0, 5))
        before = mmsum.read_summaries(out).num_rows
        killed = kill_host(OTHER)
        print(
            f"node {HOSTS[OTHER]} killed with its {killed} processes after {before} of {given.documents} rows",
            flush=True,
        )
        code = driver.wait(540)
        print((work / "run.log").read_text()[-1500:])
        [(_, events)] = read_logs(out, 1)
        seen = [event["nodes"] for event in events if "nodes" in event]
        lost = [event["counts"].get("lost", 0) for event in events if event["event"] == "beat"][-1]
        print(f"exit code {code}; nodes as the driver saw them: {json.dumps(seen)}; shards begun again: {lost}")
        if code or before >= given.documents:
            sys.exit("the run was to be hurt, and to finish all the same")
        calm = str(work / "calm")
        run_to_the_end(("summarize", archive, calm, *SETTINGS), calm, work / "calm.log", random.Random(0), 0)
        check(out, content(calm, texts=True), finished=True)
        rows = mmsum.read_summaries(out)
        repeated = sum(rows["attempts"].to_pylist()) - rows.num_rows
        print(f"ids and content as they must be; repeated {repeated} of {rows.num_rows} documents; one driver")


if __name__ == "__main__":
    main()
