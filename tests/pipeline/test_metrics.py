"""What a run counts, as a real Ray node shows it to Prometheus."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

# A process of its own: how often Ray reports is set before it starts.
FEED = """
import json, time, urllib.request
import ray

ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, object_store_memory=80 * 2**20)
from mmsum.pipeline.metrics import RunMetrics

metrics = RunMetrics("r1", planned=9, done=2)
receipt = dict(
    created=True, documents=3, counts=json.dumps({"ok": 2, "failed": 1}), failures=json.dumps({"corrupt": 1}), pages=5,
    figures=0, prompt_tokens=40, output_tokens=10, seconds_fetch=0.5, seconds_parse=1.0, seconds_generate=2.0,
    seconds_commit=0.25, seconds_idle=1.0, lost_attempts=0, slowest="[]",
)
metrics.see(({"parsed": 4, "generated": 3}, []))
metrics.see(receipt)
metrics.see(receipt)
metrics.see(({}, []))  # the board died, and came back empty
(node,) = ray.nodes()
url = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
began, text = time.monotonic(), ""
# Longer than Ray keeps a gauge that is set only once: two of its report intervals, which are a second at least.
while time.monotonic() < began + 5 or "mmsum_lost_workers" not in text or "mmsum_documents" not in text:
    assert time.monotonic() < began + 60, "no metrics after 60 s"
    time.sleep(0.5)
    metrics.see(({"parsed": 2, "generated": 1, "lost": 2}, []))
    try:
        text = urllib.request.urlopen(url, timeout=5).read().decode()
    except OSError:
        continue
print(text)
"""
SAMPLE = re.compile(r"^ray_mmsum_(\w+)\{(.*)\} (\S+)$", re.MULTILINE)
SET_BY_RAY = {"Component", "NodeAddress", "SessionName", "Version", "WorkerId", "JobId", "NodeId"}


@pytest.fixture(scope="module")
def samples() -> dict[str, float]:
    """{"documents_total ok r1": 4.0, ...}"""
    environment = {**os.environ, "RAY_metrics_report_interval_ms": "500"}
    done = subprocess.run([sys.executable, "-c", FEED], env=environment, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stderr
    found = {}
    for name, labels, value in SAMPLE.findall(done.stdout):
        tags = {k: v for k, v in re.findall(r'(\w+)="([^"]*)"', labels) if k not in SET_BY_RAY and "otel" not in k}
        found[" ".join([name, *(tags[key] for key in sorted(tags))])] = float(value)
    return found


def test_receipts_are_counted(samples: dict[str, float]) -> None:
    assert samples["documents_total r1 ok"] == 4
    assert samples["documents_total r1 failed"] == 2
    assert samples["failures_total corrupt r1"] == 2
    assert samples["tokens_total output r1"] == 20
    assert samples["tokens_total prompt r1"] == 80
    assert samples["pages_total r1"] == 10
    assert samples["stage_seconds_total r1 parse"] == 2.0
    assert samples["stage_documents_total r1 commit"] == 6


def test_idle_share_can_be_taken(samples: dict[str, float]) -> None:
    idle, busy = samples["actor_seconds_total r1 idle"], samples["actor_seconds_total r1 busy"]
    assert idle / (idle + busy) == pytest.approx(1 / 3)


def test_a_board_that_came_back_empty_counts_on(samples: dict[str, float]) -> None:
    assert samples["stage_documents_total r1 parse"] == 6
    assert samples["stage_documents_total r1 generate"] == 4
    assert samples["lost_workers r1"] == 2


def test_what_was_planned_and_done_before_is_there(samples: dict[str, float]) -> None:
    assert samples["planned_documents r1 planned"] == 9
    assert samples["planned_documents r1 done_before"] == 2


def test_no_other_label_than_ours(samples: dict[str, float]) -> None:
    assert all(len(name.split()) <= 3 for name in samples), json.dumps(sorted(samples))
