"""Two Ray nodes as two hosts, one of which is killed in the middle of a run: the run finishes without being started again.

    python benchmarks/nodes.py summarize [--documents N] [--seed S]      (as root: it makes two network namespaces)
    python benchmarks/nodes.py train [--steps N]

The hosts are Linux network namespaces joined by a veth pair, with a Ray node in each and a file system in common. The
driver runs on the head; the other node is killed with everything on it once it is at work.

train  one worker on each host, `training.workers: [1, 2]`: after the kill it goes on with one from the last checkpoint, and
       with two again once the other host is back. Losses must be those of a run alone without Ray.
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

from rich.console import Console

import mmsum
from mmsum.pipeline.runlog import read_logs
from mmsum.pipeline.snapshots import list_parts
from mmsum.training.launch import run_training
from tests.chaos.killing import VICTIMS, check, content, processes, run_to_the_end
from tests.conftest import mmsum_command, write_archive
from tests.training.runs import losses, steps, training_config, write_config

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
        sh(f"ip link add eth0 netns {HEAD} type veth peer name eth0 netns {OTHER}")
        for host, address in HOSTS.items():
            sh(f"ip -n {host} addr add {address}/24 dev eth0 && ip -n {host} link set eth0 up")
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


def wait_for_node(node: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while "Ray runtime started" not in log.read_text():
        if time.monotonic() > deadline or node.poll() is not None:
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


def is_at_work(host: str) -> bool:
    """Whether a shard is parsed on a host this moment."""
    pids = subprocess.run(["ip", "netns", "pids", host], capture_output=True, text=True).stdout.split()
    lines = [line for pid, _, line in processes() if str(pid) in pids]
    return any(VICTIMS["worker"] in line for line in lines)


# Nobody else reaches the namespaces: no token has to be handed from host to host. Both hosts have one name, which stands
# for 127.0.0.1, and Gloo would tell the other that.
QUIET = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_AUTH_MODE": "disabled", "GLOO_SOCKET_IFNAME": "eth0"}
RAY = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"]
RAY += ["--object-store-memory=200000000"]


def start_head(work: Path, cpus: int) -> None:
    arguments = ["--head", f"--node-ip-address={HOSTS[HEAD]}", "--port=6379", f"--num-cpus={cpus}"]
    arguments += ["--include-dashboard=false", f"--temp-dir={work / 'ray'}"]
    wait_for_node(on_host(HEAD, [*RAY, *arguments], work / "head.log", **QUIET), work / "head.log")


def start_other(work: Path, cpus: int) -> None:
    log = work / f"other-{time.time_ns()}.log"
    arguments = [f"--address={HOSTS[HEAD]}:6379", f"--node-ip-address={HOSTS[OTHER]}", f"--num-cpus={cpus}"]
    wait_for_node(on_host(OTHER, [*RAY, *arguments], log, **QUIET), log)


def start_driver(work: Path, *arguments: str | Path) -> subprocess.Popen[bytes]:
    """`mmsum ARGUMENTS` on the head; it prints into run.log."""
    address = {"RAY_ADDRESS": f"{HOSTS[HEAD]}:6379"}
    return on_host(HEAD, mmsum_command(*arguments), work / "run.log", **address, **QUIET)


def summarize(documents: int, seed: int) -> None:
    with tempfile.TemporaryDirectory(prefix="mmsum-nodes-") as folder, hosts():
        work, out = Path(folder), str(Path(folder, "out"))
        archive = write_archive(work / "archive", documents)
        start_head(work, cpus=2)
        start_other(work, cpus=2)
        driver = start_driver(work, "summarize", archive, out, *SETTINGS)
        while driver.poll() is None and not (is_at_work(OTHER) and next(list_parts(out), None)):
            time.sleep(0.1)
        time.sleep(random.Random(seed).uniform(0, 5))
        before = mmsum.read_summaries(out).num_rows
        killed = kill_host(OTHER)
        print(f"node {HOSTS[OTHER]} killed with its {killed} processes after {before} of {documents} rows", flush=True)
        code = driver.wait(540)
        print((work / "run.log").read_text()[-1500:])
        [(_, events)] = read_logs(out, 1)
        seen = [event["nodes"] for event in events if "nodes" in event]
        lost = max((event["counts"].get("lost", 0) for event in events if event["event"] == "beat"), default=0)
        print(f"exit code {code}; nodes as the driver saw them: {json.dumps(seen)}; shards begun again: {lost}")
        if code or before >= documents:
            sys.exit("the run was to be hurt, and to finish all the same")
        calm = str(work / "calm")
        run_to_the_end(("summarize", archive, calm, *SETTINGS), calm, work / "calm.log", random.Random(0), 0)
        check(out, content(calm, texts=True), finished=True)
        rows = mmsum.read_summaries(out)
        repeated = sum(rows["attempts"].to_pylist()) - rows.num_rows
        print(f"ids and content as they must be; repeated {repeated} of {rows.num_rows} documents; one driver")


def train(count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="mmsum-nodes-") as folder, hosts():
        work = Path(folder)
        keys: dict[str, float] = {"training.steps": count, "training.checkpoint_steps": 10, "training.zero": 2}
        keys |= {"training.learning_rate": 1e-4, "training.vision_learning_rate": 1e-5}
        alone = training_config(work, **keys, **{"training.out": str(work / "alone")})
        run_training(alone, Console(quiet=True), local=True)
        config = training_config(work, **keys, **{"training.workers": (1, 2), "training.worker_cpus": 1})
        start_head(work, cpus=1)  # room for one worker on each host
        start_other(work, cpus=1)
        driver = start_driver(work, "train", write_config(config, work / "config.yaml"))

        def wait_until(said: str, times: int) -> None:
            log = work / "run.log"
            while driver.poll() is None and log.read_text().count(said) < times:
                time.sleep(0.2)
            if driver.poll() is not None:
                sys.exit(f"the run ended before it said {said!r} {times} times:\n{log.read_text()}")

        wait_until("2 workers", 1)
        wait_until("checkpoint ", 2)
        killed, at = kill_host(OTHER), len(steps(config))
        print(
            f"node {HOSTS[OTHER]} killed with its {killed} processes; {at} of {count} steps in checkpoints", flush=True
        )
        wait_until("1 worker,", 1)
        start_other(work, cpus=1)
        code = driver.wait(540)
        lines = (work / "run.log").read_text().splitlines()
        print("\n".join(line for line in lines if line.startswith(("1 worker", "2 workers", "resuming"))))
        apart = max(abs(a - b) for a, b in zip(losses(config), losses(alone), strict=True))
        print(f"exit code {code}; losses of {len(steps(config))} steps at most {apart:.1e} from those of a run alone")
        if code or apart > 1e-3 or (work / "run.log").read_text().count("2 workers") < 2:
            sys.exit("the run was to shrink, to grow again, and to end with the losses of a run alone")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    part = parts.add_parser("summarize")
    part.add_argument("--documents", type=int, default=600)
    part.add_argument("--seed", type=int, default=1)
    part = parts.add_parser("train")
    part.add_argument("--steps", type=int, default=600)
    given = parser.parse_args()
    if given.part == "summarize":
        summarize(given.documents, given.seed)
    else:
        train(given.steps)


if __name__ == "__main__":
    main()
