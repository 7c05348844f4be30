"""Training step time against a bare PyTorch loop, and what a second worker and the ZeRO stages bring, in one run.

    python benchmarks/train.py [--preset pocket] [--steps 6] [--batch 4] [--words 200] [--threads N] [--part loop|workers]
    python benchmarks/train.py --part loop --threads 1 --clock cpu      # on a machine that others are using

Examples are made here: text of random words, one figure each, a gold summary of 40 words.

loop     the flow's own step and a bare loop on the same model and batches, turn by turn, each with its own copy of the model;
         medians, the first step of each left out. On a GPU also tokens/s, MFU and peak memory.
workers  one and two workers as torchrun starts them, one thread (or one GPU) each, the same global batch, at each ZeRO stage:
         seconds a step, and the memory of one worker.
"""

from __future__ import annotations

import argparse
import gc
import io
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))  # tests/: workers as torchrun starts them

import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from mmsum.config import Config, load_config
from mmsum.examples import Example, ExampleFigure, examples_to_table
from mmsum.model.fused import load_fused
from mmsum.model.torchstack import torch
from mmsum.training.batches import EncodedData, Schedule, micro_batches
from mmsum.training.checkpoints import Progress
from mmsum.training.encode import encode
from mmsum.training.learners import Learner, build_learner
from mmsum.training.loop import train
from mmsum.training.measure import memory_gb
from mmsum.training.optimizers import BETAS, Optimizer, PlainOptimizer
from mmsum.training.step import StepLog, learning_rate_share, take_step
from mmsum.training.world import alone, join_world
from tests.training.runs import run_workers, write_config

WORDS = "the town water use rose in every month but one while prices of bread fell and trains ran late".split()  # noqa: SIM905


def bars(draw: random.Random) -> bytes:
    """A small bar chart, as PNG."""
    picture = Image.new("RGB", (320, 240), "white")
    pen = ImageDraw.Draw(picture)
    for bar in range(5):
        pen.rectangle((30 + 55 * bar, draw.randint(20, 200), 70 + 55 * bar, 220), fill="steelblue")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def write_examples(path: Path, count: int, words: int) -> None:
    draw = random.Random(0)

    def text(number: int) -> str:
        return " ".join(draw.choice(WORDS) for _ in range(number))

    examples = [
        Example(f"{n}", "Report", text(words), [ExampleFigure("Figure 1", text(8), bars(draw))], text(40))
        for n in range(count)
    ]
    pq.write_table(examples_to_table(examples), path)


def bare_steps(config: Config, data: EncodedData, schedule: Schedule):  # type: ignore[no-untyped-def]
    """The loop one would write by hand: forward, backward, clip, AdamW. Yields after every step."""
    model = load_fused(config.model, train=True, gate=config.training.gate_start)
    learner = build_learner(model, config)
    groups = learner.groups(config)
    parameters = [parameter for group in groups for parameter in group["params"]]
    adam = torch.optim.AdamW(groups, betas=BETAS)
    peaks = [group["lr"] for group in adam.param_groups]
    for step in range(config.training.steps):
        for group, peak in zip(adam.param_groups, peaks, strict=True):
            group["lr"] = peak * learning_rate_share(step, config.training)
        batch = data.batch(schedule.examples(step), step).to(model.device)
        adam.zero_grad()
        loss = learner(batch) / int((batch.labels >= 0).sum())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, config.training.clip_norm)
        adam.step()
        yield float(loss.detach())


def flow_steps(config: Config, data: EncodedData, schedule: Schedule):  # type: ignore[no-untyped-def]
    """The flow's own step. Yields after every step."""
    world = alone()
    model = load_fused(config.model, train=True, gate=config.training.gate_start)
    optimizer = PlainOptimizer(build_learner(model, config), config)
    for step in range(config.training.steps):
        batches = [
            batch.to(world.device)
            for batch in micro_batches(data, schedule, step, rank=0, workers=1, size=config.training.micro_batch)
        ]
        yield take_step(optimizer, batches, step, schedule, data, config, world, time.perf_counter()).loss


def examples_config(folder: Path, given: argparse.Namespace, **changes: object) -> Config:
    keys: dict[str, Any] = {
        "data": str(folder / "examples.parquet"),
        "out": str(folder / "run"),
        "steps": given.steps,
        "batch_size": given.batch,
        "micro_batch": given.batch,
        "warmup_steps": 0,
        "gate_start": 0.1,
        **changes,
    }
    keys = {f"training.{key}": value for key, value in keys.items()}
    return load_config(preset=given.preset, **{**keys, "generation.describe_figures": False})


def data_and_operations(config: Config) -> tuple[EncodedData, int]:
    """The encoded examples, and the operations of a training step that weights account for, for each token."""
    encoded = encode(config.training.data, config)
    model = load_fused(config.model)
    backbone = sum(parameter.numel() for parameter in model.backbone.parameters())
    trained = sum(parameter.numel() for part in (model.vision, model.fusion) for parameter in part.parameters())
    # A frozen weight takes part in the forward pass and in its input's gradient, a trained one also in its own gradient.
    return EncodedData(encoded, config, pad=model.tokenizer.eos_token_id), 4 * backbone + 6 * trained


def speed_of_a_card(done: float, card: str) -> str:
    """Operations/s as TFLOP/s, and as a share of what the card can do (MFU)."""
    peak = next((flops for name, flops in PEAK_FLOPS.items() if name in card), None)
    share = f"{done / peak:.1%} of {peak / 1e12:.0f} TFLOP/s (MFU)" if peak else "its peak is not known here"
    return f"{done / 1e12:.1f} TFLOP/s, {share}"


def compare_with_a_bare_loop(folder: Path, given: argparse.Namespace) -> None:
    config = examples_config(folder, given)
    data, operations = data_and_operations(config)
    schedule = Schedule(data.alike, config.training, config.seed)
    clock = time.process_time if given.clock == "cpu" else time.perf_counter
    sides = {"bare loop": bare_steps(config, data, schedule), "mmsum": flow_steps(config, data, schedule)}
    times: dict[str, list[float]] = {name: [] for name in sides}
    losses: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(given.steps):
        for name, side in sides.items():
            started = clock()
            losses[name].append(next(side))
            times[name].append(clock() - started)
    tokens = float(sum(data.lengths)) / given.steps
    medians = {name: statistics.median(seconds[1:]) for name, seconds in times.items()}
    for name, seconds in medians.items():
        print(
            f"{name:<10}{seconds:8.2f} s a step  {given.batch / seconds:6.2f} examples/s  {tokens / seconds:7.0f} tokens/s"
        )
    print(f"mmsum takes {medians['mmsum'] / medians['bare loop']:.2f} times the bare loop (goal: at most 1.10)")
    apart = max(abs(a - b) for a, b in zip(*losses.values(), strict=True))
    print(f"losses {losses['mmsum'][0]:.4f} to {losses['mmsum'][-1]:.4f}, at most {apart:.1e} apart")
    if not torch.cuda.is_available():
        print("no GPU here: no MFU")
        return
    name = torch.cuda.get_device_name()
    speed = speed_of_a_card(tokens * operations / medians["mmsum"], name)
    print(f"{name}: {speed}; peak memory of both sides {memory_gb():.1f} GB")


PEAK_FLOPS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12, "A10G": 70e12}
"""Dense bfloat16, from the makers' data sheets, by a part of the card's name."""


class Meter:
    """A Watcher that keeps the seconds of steps and what the last one left in memory."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.kept = 0

    def begin(self, learner: Learner, optimizer: Optimizer, start: Progress, resumed: str | None) -> None:
        self.backbone = learner.model.backbone

    def step(self, log: StepLog) -> None:
        self.seconds.append(log.seconds)
        if log.extra:  # the looks after a log step leave parameters gathered
            return
        tensors = [thing for thing in gc.get_objects() if isinstance(thing, torch.Tensor)]
        backbone = {tensor.untyped_storage().data_ptr() for tensor in self.backbone.state_dict().values()}
        storages = {storage.data_ptr(): storage.nbytes() for storage in map(torch.Tensor.untyped_storage, tensors)}
        self.kept = sum(size for place, size in storages.items() if place not in backbone)

    def held_out(self, loss: float, step: int) -> None:
        pass

    def checkpoint(self, folder: str, step: int) -> None:
        pass


def metered_worker() -> None:
    """One worker of `compare_workers`; the first one prints the median step, what it keeps between steps, and its peak."""
    config, world, meter = load_config(sys.argv[1]), join_world(), Meter()
    encoded = world.tell(encode(config.training.data, config) if world.first else None)
    train(config, encoded, None, world, meter)
    if world.first:
        print(statistics.median(meter.seconds[1:]), meter.kept / 2**20, memory_gb())


def compare_workers(folder: Path, given: argparse.Namespace) -> None:
    print(f"{'workers':<9}{'ZeRO':<6}{'s a step':>9}{'speed':>8}{'MB kept':>10}{'GB at most':>12}")
    alone_seconds = 0.0
    for workers, stage in ((1, 0), (2, 0), (2, 1), (2, 2), (2, 3)):
        changes = {"steps": 4, "workers": workers, "zero": stage, "micro_batch": given.batch // 2, "log_steps": 4}
        config = examples_config(folder, given, **changes, out=str(folder / f"run-{workers}-{stage}"))
        printed = run_workers(workers, write_config(config, folder / "config.yaml"), main=metered_worker)
        seconds, kept, peak = map(float, printed.splitlines()[-1].split())
        alone_seconds = alone_seconds or seconds
        shown = f"{workers:<9}{stage:<6}{seconds:>9.2f}{alone_seconds / seconds:>7.2f}x{kept:>10.0f}{peak:>12.2f}"
        print(shown, flush=True)
    print(
        "a worker has one thread, or one GPU; speed: against one worker; kept: tensors of a worker beside its backbone,"
    )
    print("between two steps; at most: its peak, with what it imports and loads")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="pocket")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--words", type=int, default=200)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu: this process's own seconds")
    parser.add_argument("--part", choices=("loop", "workers"), help="one of the two; else both")
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_examples(folder / "examples.parquet", given.batch * given.steps, given.words)
        for part, compare in (("loop", compare_with_a_bare_loop), ("workers", compare_workers)):
            if given.part in (None, part):
                compare(folder, given)


if __name__ == "__main__":
    main()
