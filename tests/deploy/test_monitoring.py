"""deploy/prometheus and deploy/grafana, without a run: tests/jobs/test_submit.py has them at work."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="Debian's package prometheus is not installed")


def check(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", "check", "config", file], capture_output=True, text=True)


@promtool
def test_prometheus_accepts_the_file_for_a_head() -> None:
    done = check(PROMETHEUS / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@promtool
def test_prometheus_accepts_the_file_for_kubernetes(tmp_path: Path) -> None:
    """Debian builds Prometheus without Kubernetes' discovery: everything else of the file is checked by it."""
    config = yaml.safe_load((PROMETHEUS / "kubernetes.yml").read_text())
    (job,) = config["scrape_configs"]
    (discovery,) = job.pop("kubernetes_sd_configs")
    (tmp_path / "kubernetes.yml").write_text(yaml.safe_dump(config))
    done = check(tmp_path / "kubernetes.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert discovery == {"role": "pod", "namespaces": {"names": ["mmsum"]}}


def test_pods_have_the_port_that_prometheus_keeps() -> None:
    (job,) = yaml.safe_load((PROMETHEUS / "kubernetes.yml").read_text())["scrape_configs"]
    kept = {rule["source_labels"][0]: rule["regex"] for rule in job["relabel_configs"] if rule.get("action") == "keep"}
    name = kept["__meta_kubernetes_pod_container_port_name"]
    for file in ("summarize.yaml", "train.yaml", "cluster.yaml"):
        text = (ROOT / "deploy" / "kuberay" / file).read_text()
        assert f"name: {name}, containerPort: 8080" in text
        assert text.count('metrics-export-port: "8080"') >= 2


def test_the_dashboard_asks_for_metrics_that_are_made() -> None:
    """Misspelt names give empty panels; the ones that Ray itself makes are checked at work."""
    queries = (ROOT / "deploy" / "grafana" / "mmsum.json").read_text()
    asked = set(re.findall(r"ray_mmsum_(training_)?(\w+?)(?:_total)?\{", queries))
    made = (ROOT / "mmsum" / "pipeline" / "metrics.py").read_text()
    missing = {name for _, name in asked if f'"{name}"' not in made and f'"mmsum_{name}"' not in made}
    assert asked
    assert missing == set()


def test_the_dashboard_has_every_panel_that_is_promised() -> None:
    titles = " ".join(
        panel["title"] for panel in json.loads((ROOT / "deploy/grafana/mmsum.json").read_text())["panels"]
    )
    for promised in ("by status", "by stage", "Idle share", "Tokens per second", "Failures by kind"):
        assert promised in titles
    assert "Training loss" in titles and "Training throughput" in titles
