"""deploy/slurm: clean shell, and run as far as it goes without a cluster: `srun`, `scontrol` and `ray` are stand-ins."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from ray.scripts.scripts import start as ray_start

from mmsum import read_summaries
from tests.conftest import write_archive

ROOT = Path(__file__).parents[2]
SLURM = ROOT / "deploy" / "slurm"

# srun runs the command here, as Slurm would on the node; what was asked for goes to a file.
SRUN = """#!/usr/bin/env bash
echo "srun $*" >>"$CALLS"
while [[ $1 == --* ]]; do shift; done
exec "$@"
"""
SCONTROL = """#!/usr/bin/env bash
echo "scontrol $*" >>"$CALLS"
[[ $1 == show ]] && printf 'node%s\\n' 1 2 3
true
"""
# `ray start --block` stays until it is told to go; it keeps what it saw of the token.
RAY = """#!/usr/bin/env bash
stat -c '%a' "$RAY_AUTH_TOKEN_PATH" >"$STATE/mode"
cp "$RAY_AUTH_TOKEN_PATH" "$STATE/token"
echo >>"$STATE/started"
exec sleep 60
"""
# `python -c` asks whether all nodes are there; everything else is the job.
PYTHON = """#!/usr/bin/env bash
[[ $1 == -c ]] && exit $((${NOT_READY:-0} || $(wc -l <"$STATE/started") < 3))
exec "$JOB_COMMAND" "$@"
"""


class Allocation:
    """Three nodes that Slurm would have given, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.calls_file = folder, folder / "calls"
        (folder / "bin").mkdir()
        (folder / "home").mkdir()
        (folder / "started").touch()
        for name, text in {"srun": SRUN, "scontrol": SCONTROL, "ray": RAY, "python": PYTHON}.items():
            self.executable(folder / "bin" / name, text)
        self.environment = {
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(folder / "home"),
            "CALLS": str(self.calls_file),
            "STATE": str(folder),
            "SLURM_JOB_ID": "4242",
            "SLURM_JOB_NODELIST": "node[1-3]",
            "SLURM_CPUS_ON_NODE": "64",
            "SLURM_GPUS_ON_NODE": "4",
            "SLURM_SUBMIT_DIR": str(ROOT),
            "MMSUM_START_SECONDS": "0.1",
            "MMSUM_START_TRIES": "100",
        }

    def executable(self, path: Path, text: str) -> Path:
        path.write_text(text)
        path.chmod(0o755)
        return path

    def start(self, script: str, job: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        command = self.executable(self.folder / "job", f"#!/usr/bin/env bash\n{job}\n")
        copy = self.folder / "work"  # the logs of Ray go to the folder of submission
        if not copy.exists():
            copy.mkdir()
            (copy / "deploy").symlink_to(ROOT / "deploy")
        return subprocess.Popen(
            ["bash", SLURM / script, *arguments],
            env={**self.environment, "SLURM_SUBMIT_DIR": str(copy), "JOB_COMMAND": str(command), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines()


@pytest.fixture
def slurm(tmp_path: Path) -> Allocation:
    return Allocation(tmp_path)


def test_scripts_are_clean_shell() -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([shellcheck, "-x", *SLURM.iterdir()], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("job", ["summarize", "train"])
def test_ray_starts_on_every_node_and_the_job_on_the_head(slurm: Allocation, job: str) -> None:
    process = slurm.start(
        f"{job}.sbatch",
        'echo "job $* at $RAY_ADDRESS"; cat ray-4242-metrics.json',
        f"jobs/{job}.yaml",
        "--set",
        "seed=7",
    )
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "Ray runs on 3 nodes with 64 CPUs and 4 GPUs each" in out
    assert '"targets": ["node1:24244","node2:24244","node3:24244"]' in out
    assert not (slurm.folder / "work" / "ray-4242-metrics.json").exists()
    assert f"job jobs/{job}.py jobs/{job}.yaml --set seed=7 at node1:24242" in out
    ray = [call for call in slurm.calls() if " ray start " in call]
    assert len(ray) == 3
    (head,) = [call for call in ray if "--head" in call]
    assert "--nodelist=node1" in head and "--port=24242" in head
    workers = [call for call in ray if "--address=node1:24242" in call]
    assert {call.split("--nodelist=")[1].split()[0] for call in workers} == {"node2", "node3"}
    assert all("--num-cpus=64 --num-gpus=4" in call for call in ray)
    for call in ray:  # Ray's own parser raises for an option that it does not know
        ray_start.make_context("ray start", shlex.split(call.partition(" ray start ")[2]))
    assert slurm.calls()[-1].endswith("rm -rf /tmp/ray-4242"), "what Ray leaves on every node"


@pytest.mark.parametrize(
    ("given", "used"), [({}, "/tmp/ray-4242/cache"), ({"MMSUM_CACHE": "/scratch/x"}, "/scratch/x")]
)
def test_what_is_fetched_stays_on_the_node(slurm: Allocation, given: dict[str, str], used: str) -> None:
    """The default of mmsum itself is in $HOME, which on a cluster is a shared file system with a quota."""
    process = slurm.start("train.sbatch", 'echo "cache in $MMSUM_CACHE"', "jobs/train.yaml", **given)
    out, err = process.communicate(timeout=30)
    assert f"cache in {used}" in out, err


def test_the_token_is_private_and_gone_afterwards(slurm: Allocation) -> None:
    process = slurm.start("summarize.sbatch", "true", "jobs/summarize.yaml")
    process.communicate(timeout=30)
    token = (slurm.folder / "token").read_text()
    assert len(token) == 64
    assert (slurm.folder / "mode").read_text().strip() == "600"
    assert token not in slurm.calls_file.read_text()
    assert not list((slurm.folder / "home" / ".mmsum").iterdir())


def test_a_failed_job_is_a_failed_allocation(slurm: Allocation) -> None:
    process = slurm.start("summarize.sbatch", "exit 2", "jobs/summarize.yaml")
    process.communicate(timeout=30)
    assert process.returncode == 2
    assert not [call for call in slurm.calls() if "requeue" in call]


def test_a_ray_that_does_not_come_up_is_an_error(slurm: Allocation) -> None:
    process = slurm.start("summarize.sbatch", "echo never", "jobs/summarize.yaml", NOT_READY="1", MMSUM_START_TRIES="3")
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "never" not in out
    assert err.strip() == "Ray did not come up on all of 3 nodes; see ray-4242-*.log"


def test_out_of_time_means_queued_again(slurm: Allocation) -> None:
    """USR1 comes before the end: the job hears SIGTERM, has time to finish what it began, and is queued again."""
    job = 'trap "sleep 0.3; echo finished shards; exit 1" TERM; echo ready; for _ in {1..400}; do sleep 0.05; done'
    process = slurm.start("summarize.sbatch", job, "jobs/summarize.yaml")
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == "ready":
            break
    process.send_signal(signal.SIGUSR1)
    out, err = process.communicate(timeout=30)
    assert "finished shards" in out
    assert "queued again" in out
    assert process.returncode == 1, err
    assert [call for call in slurm.calls() if call.startswith("scontrol requeue")] == ["scontrol requeue 4242"]


def test_a_cancelled_job_leaves_nothing(slurm: Allocation) -> None:
    process = slurm.start("summarize.sbatch", "echo ready; exec sleep 60", "jobs/summarize.yaml")
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == "ready":
            break
    process.terminate()
    process.communicate(timeout=30)
    assert not list((slurm.folder / "home" / ".mmsum").iterdir())


HOSTS = {"10.78.0.1": "mmsum-slurm-a", "10.78.0.2": "mmsum-slurm-b"}


def sh(*command: str) -> None:
    subprocess.run(command, check=True)


@pytest.fixture
def two_hosts() -> Iterator[None]:
    """Two network namespaces that reach each other and nothing else."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("network namespaces need root and iproute2")
    first, second = HOSTS.values()
    try:
        for host in HOSTS.values():
            sh("ip", "netns", "add", host)
            sh("ip", "-n", host, "link", "set", "lo", "up")
        sh("ip", "link", "add", "eth0", "netns", first, "type", "veth", "peer", "name", "eth0", "netns", second)
        for address, host in HOSTS.items():
            sh("ip", "-n", host, "addr", "add", f"{address}/24", "dev", "eth0")
            sh("ip", "-n", host, "link", "set", "eth0", "up")
        yield
    finally:
        for host in HOSTS.values():
            pids = subprocess.run(["ip", "netns", "pids", host], capture_output=True, text=True).stdout.split()
            for pid in map(int, pids):
                os.kill(pid, signal.SIGKILL)
            subprocess.run(["ip", "netns", "del", host])


@pytest.mark.slow
@pytest.mark.usefixtures("two_hosts")
def test_a_real_ray_of_two_hosts_runs_a_real_job(tmp_path: Path) -> None:
    """Only Slurm itself is a stand-in, which starts what it is told on one of two hosts; Ray and the job are real."""
    slurm = Allocation(tmp_path)
    for name in ("ray", "python"):
        (tmp_path / "bin" / name).unlink()
    slurm.executable(tmp_path / "bin" / "scontrol", f"#!/usr/bin/env bash\nprintf '%s\\n' {' '.join(HOSTS)}\n")
    first, second = HOSTS.values()
    on_host = f"""#!/usr/bin/env bash
host={first}
while [[ $1 == --* ]]; do [[ $1 == --nodelist=10.78.0.2 ]] && host={second}; shift; done
exec ip netns exec "$host" "$@"
"""
    slurm.executable(tmp_path / "bin" / "srun", on_host)
    work = tmp_path / "work"
    work.mkdir()
    for name in ("deploy", "jobs", "mmsum"):
        (work / name).symlink_to(ROOT / name)
    write_archive(work / "reports", 8)
    job = {"source": "reports", "out": "out", "config": {"summarizer": "lead", "shard_size": 1}}
    (work / "job.yaml").write_text(yaml.safe_dump(job))
    environment = {
        "PATH": f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "SLURM_CPUS_ON_NODE": "2",
        "SLURM_GPUS_ON_NODE": "0",
        "SLURM_SUBMIT_DIR": str(work),
    }
    process = subprocess.Popen(
        ["ip", "netns", "exec", first, "bash", SLURM / "summarize.sbatch", "job.yaml"],
        env={**slurm.environment, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # As Prometheus does, with the targets that the job names.
    targets, scraped = work / "ray-4242-metrics.json", ""
    while process.poll() is None and scraped.count("ray_node_cpu_count{") < 2:
        time.sleep(0.5)
        if targets.exists():
            code = f"import json, urllib.request as u; (group,) = json.load(open({str(targets)!r}))\n"
            code += "for target in group['targets']: print(u.urlopen(f'http://{target}/metrics', timeout=5).read().decode())"
            command = ["ip", "netns", "exec", first, sys.executable, "-c", code]
            scraped = subprocess.run(command, capture_output=True, text=True).stdout
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out + err + "".join(log.read_text() for log in work.glob("ray-*.log"))
    assert "Ray runs on 2 nodes with 2 CPUs and 0 GPUs each" in out
    assert scraped.count("ray_node_cpu_count{") == 2
    assert read_summaries(work / "out").num_rows == 8
    assert not Path("/tmp/ray-4242").exists() and not targets.exists()


def test_a_missing_job_file_is_said(slurm: Allocation) -> None:
    process = slurm.start("summarize.sbatch", "true")
    _, err = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "give a job file: sbatch deploy/slurm/summarize.sbatch jobs/summarize.yaml" in err
