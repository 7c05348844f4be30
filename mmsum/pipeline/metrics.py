"""What Prometheus sees of a run, at the metrics port of the driver's node: `ray_mmsum_*`, by run.

Counts are of what was committed, so they agree with the rows; stages' own counts run ahead of them. Names, numbers and
failure kinds only: no URI and no text of a document. deploy/grafana draws them.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Protocol

from mmsum.pipeline.progress import Totals
from mmsum.pipeline.watch import Look

STAGES = {"parsed": "parse", "generated": "generate"}
"""The board's counts that are documents having passed a stage, and its name."""


class RunMetrics:
    """Counters of one run, which the driver feeds with receipts and with what the board shows."""

    def __init__(self, run: str, planned: int, done: int) -> None:
        """run: names this attempt at a snapshot. planned: its documents; done: those that earlier runs committed."""
        from ray.util.metrics import Gauge

        self.run = run
        self.counters: dict[str, Any] = {}
        self.seen: Counter[str] = Counter()
        self.lost = Gauge("mmsum_lost_workers", "shards begun again after a lost worker", tag_keys=("run",))
        self.planned = Gauge("mmsum_planned_documents", "documents of the snapshot", tag_keys=("run", "state"))
        self.states = {"planned": planned, "done_before": done}
        self._gauge(0)

    def see(self, news: dict[str, Any] | Look) -> None:
        """Counts a receipt, or what the board shows."""
        if isinstance(news, dict):
            self.add(news)
        else:
            self.look(news[0])

    def add(self, receipt: dict[str, Any]) -> None:
        """Counts one committed shard (RECEIPT_SCHEMA)."""
        shard = Totals()
        shard.add(receipt)
        for status, count in shard.counts.items():
            self._count("documents", "committed documents", count, status=status)
        for kind, count in shard.failures.items():
            self._count("failures", "committed documents without a full summary", count, kind=kind)
        for kind, count in (("prompt", shard.prompt_tokens), ("output", shard.output_tokens)):
            self._count("tokens", "tokens read and written by the model", count, kind=kind)
        for stage in ("fetch", "parse", "generate", "commit"):
            self._count("stage_seconds", "seconds spent on committed documents", shard.seconds[stage], stage=stage)
        for state, stage in (("busy", "generate"), ("idle", "idle")):
            self._count("actor_seconds", "seconds of generating actors", shard.seconds[stage], state=state)
        self._count("pages", "pages of committed documents", shard.pages)
        self._count("figures", "figures of committed documents", shard.figures)
        self._count("stage_documents", "documents that passed a stage", shard.documents, stage="commit")

    def look(self, counts: dict[str, int]) -> None:
        """Counts what the board shows beyond the last look. A board that came back empty counts from there."""
        for name, stage in STAGES.items():
            self._count("stage_documents", "", counts.get(name, 0) - self.seen[name], stage=stage)
        self._gauge(counts.get("lost", 0))
        self.seen = Counter(counts)

    def _gauge(self, lost: int) -> None:
        """Again at every look: Ray drops a gauge that has not been set for two of its report intervals."""
        self.lost.set(lost, {"run": self.run})
        for state, documents in self.states.items():
            self.planned.set(documents, {"run": self.run, "state": state})

    def _count(self, name: str, description: str, amount: float, **tags: str) -> None:
        from ray.util.metrics import Counter as RayCounter

        if name not in self.counters:
            self.counters[name] = RayCounter(f"mmsum_{name}", description, tag_keys=("run", *tags))
        if amount > 0:
            self.counters[name].inc(amount, {"run": self.run, **tags})


class Step(Protocol):
    """What is known about one training step. loss is a mean; tokens and examples are this step's; seconds its time."""

    step: int
    loss: float
    norm: float
    skipped: bool
    rates: dict[str, float]
    tokens: int
    examples: int
    seconds: float


class TrainingMetrics:
    """Gauges and counters of a training run, fed by its first worker inside Ray. `tokens`, `examples` of all workers."""

    def __init__(self, run: str) -> None:
        """run: names the run, such as the last part of `training.out`."""
        from ray.util.metrics import Counter as RayCounter
        from ray.util.metrics import Gauge

        def counter(name: str, description: str) -> Any:
            return RayCounter(f"mmsum_training_{name}", description, tag_keys=("run",)).set_default_tags({"run": run})

        def gauge(name: str, description: str, *tags: str) -> Any:
            made = Gauge(f"mmsum_training_{name}", description, tag_keys=("run", *tags))
            return made.set_default_tags({"run": run})

        self.steps = counter("steps", "optimizer steps, skipped ones included")
        self.skipped = 0
        self.skipped_steps = gauge("skipped_steps", "steps left out: their gradient was not finite")
        self.tokens = counter("tokens", "tokens that passed the backbone")
        self.examples = counter("examples", "examples learned from")
        self.loss = gauge("loss", "mean loss of the last step")
        self.norm = gauge("gradient_norm", "norm of the last step's gradient")
        self.rate = gauge("learning_rate", "learning rate of the last step", "group")
        self.step_number = gauge("step", "number of the last step")

    def step(self, log: Step) -> None:
        """Counts one step."""
        self.steps.inc()
        for metric, amount in ((self.tokens, log.tokens), (self.examples, log.examples)):
            if amount > 0:
                metric.inc(amount)
        self.skipped += log.skipped
        self.skipped_steps.set(self.skipped)
        self.step_number.set(log.step)
        if not log.skipped:  # a loss that is not a number would leave a hole in every average over it
            self.loss.set(log.loss)
            self.norm.set(log.norm)
        for group, rate in log.rates.items():
            self.rate.set(rate, {"group": group})
